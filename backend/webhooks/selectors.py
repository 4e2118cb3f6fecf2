"""Reads about webhooks, for whoever may see the owner's."""

from uuid import UUID

from django.db.models import QuerySet

from backend.webhooks.models import Delivery, Endpoint


def endpoints_of(owner_id: UUID) -> QuerySet[Endpoint]:
    """The owner's endpoints, newest first."""
    return Endpoint.objects.filter(owner_id=owner_id).order_by("-id")


def deliveries_to(endpoint: Endpoint) -> QuerySet[Delivery]:
    """What the endpoint was told or is to be told, in all communities, newest first."""
    return endpoint.deliveries.order_by("-id")
