"""Tasks of expiry."""

from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from backend.communities.selectors import tenants
from points.expiry import services as expiry


@shared_task
def sweep_expiry() -> None:
    """Queue every community; its own clock decides which days are over."""
    for community_id in tenants().values_list("pk", flat=True):
        expire_community.delay(str(community_id))


@shared_task
def expire_community(community_id: str) -> None:
    """Take the expired points in one community. Idempotent: a second run finds nothing left."""
    expiry.expire(community=Community.objects.get(pk=UUID(community_id)))


@shared_task
def sweep_expiry_notices() -> None:
    """Queue the notices of every community's volunteers."""
    for community_id in tenants().values_list("pk", flat=True):
        tell_of_expiry.delay(str(community_id))


@shared_task
def tell_of_expiry(community_id: str) -> None:
    """Owe one community's notices. Idempotent: a second run owes none twice."""
    expiry.tell(community=Community.objects.get(pk=UUID(community_id)))
