"""Celery's way in."""

from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from backend.communities.models import Community
from backend.communities.selectors import tenants
from points.expiry import services as expiry


@shared_task
def sweep_expiry() -> None:
    """Queue every community: which days are over, its own clock tells."""
    for community_id in tenants().values_list("pk", flat=True):
        expire_community.delay(str(community_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def expire_community(community_id: str) -> None:
    """Take what has expired in one community; a second run finds nothing left."""
    expiry.expire(community=Community.objects.get(pk=UUID(community_id)))


@shared_task
def sweep_expiry_notices() -> None:
    """Queue the telling of every community's volunteers."""
    for community_id in tenants().values_list("pk", flat=True):
        tell_of_expiry.delay(str(community_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def tell_of_expiry(community_id: str) -> None:
    """Owe one community's notices; a second run finds them owed."""
    expiry.tell(community=Community.objects.get(pk=UUID(community_id)))
