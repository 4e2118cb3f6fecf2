"""Tasks of seals."""

from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from backend.tenants import HERE
from points.seals.models import Unsealed
from points.seals.services import sealing


def sweep_unsealed() -> dict[str, int]:
    """Queue every place in which something waits to be sealed."""
    unsealed = Unsealed.objects.filter(HERE)
    places = unsealed.values_list("community_id", flat=True).distinct()
    for community_id in places:
        seal_community.delay(str(community_id))
    return {"queued": len(places)}


@shared_task
def seal_community(community_id: str) -> None:
    """Close what waits in one place. Idempotent: a second run finds nothing left to close."""
    for _ in sealing.close_batches(community=Community.objects.get(pk=UUID(community_id))):
        pass
