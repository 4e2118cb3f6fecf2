"""Tasks that draft statements at night and see payouts through."""

from datetime import date
from uuid import UUID

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from backend.celery import SWEEP_AT_MOST
from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.wechat import pay
from merchants.settlement.models.payouts import Payout
from merchants.settlement.services import payouts
from merchants.settlement.services import statements as settlement


@shared_task
def sweep_unsettled() -> None:
    """Queue ``draft_settlement`` for every community, for today by its own clock."""
    for community in tenants():
        draft_settlement.delay(str(community.pk), community.today.isoformat())


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def draft_settlement(community_id: str, day: str) -> None:
    """Draft a community's due periods on ``day`` (ISO 8601). Idempotent: drafts none twice."""
    settlement.draft_due(
        community=Community.objects.get(pk=UUID(community_id)), day=date.fromisoformat(day)
    )


@shared_task
def sweep_payouts() -> None:
    """Queue every payout that is due to be sent or asked about."""
    if not pay.is_configured():
        return
    due = Payout.objects.filter(status__in=Payout.OPEN, next_at__lte=timezone.now())
    for payout_id in due.order_by("next_at").values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        advance_payout.delay(str(payout_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def advance_payout(payout_id: str) -> None:
    """Send a payout, or ask WeChat for its status. Idempotent: a second run asks again."""
    payouts.advance(payout_id=UUID(payout_id))
