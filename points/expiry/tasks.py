"""Tasks of expiry."""

from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from backend.communities.selectors import tenants_here
from backend.queues import Queue, in_queue
from points.expiry import services as expiry


def sweep_expiry() -> dict[str, int]:
    """Queue every community; its own clock decides which days are over."""
    communities = tenants_here().values_list("pk", flat=True)
    for community_id in communities:
        expire_community.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
@in_queue(Queue.BULK)
def expire_community(community_id: str) -> None:
    """Take the expired points in one community. Idempotent: a second run finds nothing left."""
    expiry.expire(community=Community.objects.get(pk=UUID(community_id)))


def sweep_expiry_notices() -> dict[str, int]:
    """Queue the notices of every community's volunteers."""
    communities = tenants_here().values_list("pk", flat=True)
    for community_id in communities:
        tell_of_expiry.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
@in_queue(Queue.BULK)
def tell_of_expiry(community_id: str) -> None:
    """Owe one community's notices. Idempotent: a second run owes none twice."""
    expiry.tell(community=Community.objects.get(pk=UUID(community_id)))
