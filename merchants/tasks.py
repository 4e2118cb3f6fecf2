"""Celery's way in."""

from datetime import date
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.wechat import pay
from merchants.models import Payout
from merchants.services import pay_codes, payouts, redemption, settlement, webhooks, wishes

SWEEP_AT_MOST = 1000


@shared_task
def sweep_expired_vouchers() -> None:
    """Queue one release for every voucher that has lapsed."""
    lapsed = redemption.lapsed().order_by("expires_at")
    for redemption_id in lapsed.values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        release_voucher.delay(str(redemption_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def release_voucher(redemption_id: str) -> None:
    """Release one; a second run finds it released."""
    redemption.expire(redemption_id=UUID(redemption_id))


@shared_task
def forget_old_pay_codes() -> None:
    """Delete the digests of codes that ran out an hour ago."""
    pay_codes.forget_old()


@shared_task
def sweep_lapsed_wishes() -> None:
    """Queue one look for every wish whose neighbour took too long."""
    for wish_id in wishes.lapsed().order_by("pk").values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        reopen_wish.delay(str(wish_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def reopen_wish(wish_id: str) -> None:
    """Open one; a second run finds it open."""
    wishes.reopen(wish_id=UUID(wish_id))


@shared_task
def sweep_unsettled() -> None:
    """Queue every community's last whole periods, by its own clock."""
    for community in tenants():
        draft_settlement.delay(str(community.pk), community.today.isoformat())


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def draft_settlement(community_id: str, day: str) -> None:
    """Draft what is due in a community on ``day`` (ISO 8601); a second run finds it drafted."""
    settlement.draft_due(
        community=Community.objects.get(pk=UUID(community_id)), day=date.fromisoformat(day)
    )


@shared_task
def sweep_payouts() -> None:
    """Queue one look for every payout that is to be sent or asked about now."""
    if not pay.is_configured():
        return
    due = Payout.objects.filter(state__in=Payout.OPEN, next_at__lte=timezone.now())
    for payout_id in due.order_by("next_at").values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        advance_payout.delay(str(payout_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def advance_payout(payout_id: str) -> None:
    """Send one, or ask how it stands; a second run asks again."""
    payouts.advance(payout_id=UUID(payout_id))


@shared_task
def sweep_webhooks() -> None:
    """Queue one try for what merchants' systems are to be told now, of each a few.

    What nobody tried until the next sweep is queued anew by it: receivers that keep the workers
    waiting must not pile up the same tries before everybody else's work.
    """
    for delivery_id in webhooks.to_sweep().values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        deliver_webhook.apply_async((str(delivery_id),), expires=settings.SWEEP_SECONDS)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def deliver_webhook(delivery_id: str) -> None:
    """Try one; a second run finds it done, or not due."""
    webhooks.deliver(delivery_id=UUID(delivery_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def forget_old_webhooks() -> None:
    """Delete what was delivered or given up 90 days ago and more; a second run finds none."""
    webhooks.forget_old()
