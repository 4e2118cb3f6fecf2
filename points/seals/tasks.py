"""Tasks of seals."""

from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from points.seals.models import Unsealed
from points.seals.services import sealing


@shared_task
def sweep_unsealed() -> None:
    """Queue every place in which something waits to be sealed."""
    for community_id in Unsealed.objects.values_list("community_id", flat=True).distinct():
        seal_community.delay(str(community_id))


@shared_task
def seal_community(community_id: str) -> None:
    """Close what waits in one place. Idempotent: a second run finds nothing left to close."""
    for _ in sealing.close_batches(community=Community.objects.get(pk=UUID(community_id))):
        pass
