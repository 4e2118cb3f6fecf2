"""Reads about webhooks of an owner."""

from uuid import UUID

from django.db.models import QuerySet

from backend.webhooks.models import Delivery, Endpoint


def endpoints_of(owner_id: UUID) -> QuerySet[Endpoint]:
    """Return the owner's endpoints, newest first."""
    return Endpoint.objects.filter(owner_id=owner_id).order_by("-id")


def deliveries_to(endpoint: Endpoint) -> QuerySet[Delivery]:
    """Return the endpoint's deliveries in all communities, newest first."""
    return endpoint.deliveries.order_by("-id")
