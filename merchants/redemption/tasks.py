"""Celery tasks of redemption."""

from uuid import UUID

from celery import shared_task

from backend.celery import SWEEP_AT_MOST
from backend.communities.models import Community
from backend.tenants import HERE
from merchants.redemption.services import cards, pay_codes, reminding
from merchants.redemption.services import vouchers as redemption


def sweep_expired_vouchers() -> dict[str, int]:
    """Queue ``release_voucher`` for vouchers that have lapsed."""
    lapsed = redemption.lapsed().filter(HERE).order_by("expires_at")
    found = lapsed.values_list("community_id", "pk")[:SWEEP_AT_MOST]
    for community_id, redemption_id in found:
        release_voucher.delay(str(community_id), str(redemption_id))
    return {"queued": len(found)}


@shared_task
def release_voucher(community_id: str, redemption_id: str) -> None:
    """Release a lapsed voucher. Idempotent: a second run finds it released."""
    redemption.expire(community_id=UUID(community_id), redemption_id=UUID(redemption_id))


def sweep_expiring_vouchers() -> dict[str, int]:
    """Queue ``remind_of_vouchers`` for every community with a voucher that expires soon."""
    found = reminding.due().filter(HERE).values_list("community_id", flat=True).distinct()
    for community_id in found:
        remind_of_vouchers.delay(str(community_id))
    return {"queued": len(found)}


@shared_task
def remind_of_vouchers(community_id: str) -> None:
    """Remind a community's volunteers of vouchers that expire soon. Idempotent."""
    reminding.remind(community=Community.objects.get(pk=UUID(community_id)))


def forget_old_pay_codes() -> dict[str, int]:
    """Delete pay codes that expired an hour ago."""
    return {"deleted": pay_codes.forget_old()}


def forget_card_pins() -> dict[str, int]:
    """Delete PINs of cards that nobody is told any more."""
    return {"forgotten": cards.forget_pins()}
