"""Tasks that draft statements at night, and tell owners of a month."""

from datetime import date
from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from backend.communities.selectors import tenants_here
from backend.queues import Queue, in_queue
from merchants.settlement.services import months
from merchants.settlement.services import statements as settlement

TOLD_UNTIL = 7  # day of the month, so that a night that was missed is made up for


def sweep_unsettled() -> dict[str, int]:
    """Queue ``draft_settlement`` for every community, for today by its own clock."""
    communities = tenants_here()
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


def sweep_merchants_months() -> dict[str, int]:
    """Queue ``tell_month`` for every community in the first days of a month by its own clock."""
    due = [community for community in tenants_here() if community.today.day <= TOLD_UNTIL]
    for community in due:
        tell_month.delay(str(community.pk), community.today.isoformat())
    return {"queued": len(due)}


@shared_task
def tell_month(community_id: str, day: str) -> None:
    """Tell owners of the month before ``day`` (ISO 8601). Idempotent."""
    first_day, next_month = months.last_month(date.fromisoformat(day))
    months.tell(
        community=Community.objects.get(pk=UUID(community_id)),
        first_day=first_day,
        next_month=next_month,
    )
