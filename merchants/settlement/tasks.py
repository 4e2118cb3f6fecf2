"""Tasks that draft statements at night."""

from datetime import date
from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.queues import Queue, in_queue
from merchants.settlement.services import statements as settlement


def sweep_unsettled() -> dict[str, int]:
    """Queue ``draft_settlement`` for every community, for today by its own clock."""
    communities = tenants()
    for community in communities:
        draft_settlement.delay(str(community.pk), community.today.isoformat())
    return {"queued": len(communities)}


@shared_task
@in_queue(Queue.BULK)
def draft_settlement(community_id: str, day: str) -> None:
    """Draft a community's due periods on ``day`` (ISO 8601). Idempotent: drafts none twice."""
    settlement.draft_due(
        community=Community.objects.get(pk=UUID(community_id)), day=date.fromisoformat(day)
    )
