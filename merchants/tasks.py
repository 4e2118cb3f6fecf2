"""Celery's way in."""

from datetime import date
from uuid import UUID

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from backend.communities.models import Community
from backend.communities.selectors import tenants
from merchants.models import Redemption
from merchants.services import redemption, settlement

SWEEP_AT_MOST = 1000


@shared_task
def sweep_expired_vouchers() -> None:
    """Queue one release for every voucher that has lapsed."""
    lapsed = Redemption.objects.filter(
        status=Redemption.Status.HELD, expires_at__lte=timezone.now()
    ).order_by("expires_at")
    for redemption_id in lapsed.values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        release_voucher.delay(str(redemption_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def release_voucher(redemption_id: str) -> None:
    """Release one; a second run finds it released."""
    redemption.expire(redemption_id=UUID(redemption_id))


@shared_task
def sweep_unsettled() -> None:
    """Queue the last whole month of every community, by its own clock."""
    for community in tenants():
        today = community.today
        start, end = settlement.month_before(today)
        draft_settlement.delay(str(community.pk), start.isoformat(), end.isoformat())


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def draft_settlement(community_id: str, period_start: str, period_end: str) -> None:
    """Draft one community's period (ISO 8601 days); a second run finds it drafted."""
    settlement.draft(
        community=Community.objects.get(pk=UUID(community_id)),
        period_start=date.fromisoformat(period_start),
        period_end=date.fromisoformat(period_end),
    )
