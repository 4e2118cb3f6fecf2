"""Refunds: by the merchant on the day itself, by staff afterwards.

Locks are taken as everywhere: voucher, wish, wallet, offer.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from merchants.catalogue.models import Offer
from merchants.catalogue.services import raised
from merchants.partners.services import sides, telling
from merchants.redemption import errors, given_back
from merchants.redemption.models import Redemption, Refund
from points.expiry import services as expiry
from points.ledger import services as ledger


@transaction.atomic
def refund(
    *,
    redemption: Redemption,
    refunded_by: User,
    reason: str,
    quantity: int | None = None,
    is_late: bool = False,
    now: datetime | None = None,
) -> Refund:
    """Refund ``quantity`` pieces, or all that are left if it is not given.

    Points return to the wallet, pieces to the stock, and the statement, or the next one if this is
    settled, deducts the amount. With ``is_late``, staff refund after the community's day is over.
    ``now`` is given to replay the past. Raises VoucherStatusWrong (not redeemed), OwnVoucher,
    OwnMerchant (``is_late``), RefundTooLate, RefundTooLarge.
    """
    redemption = redemption.locked("community", "offer", "partnership", "volunteer")
    if redemption.status != Redemption.Status.REDEEMED:
        raise errors.VoucherStatusWrong(current_status=redemption.status)
    if redemption.volunteer_id == refunded_by.pk:
        raise errors.OwnVoucher
    assert redemption.closed_at is not None
    assert redemption.transfer_id is not None
    moment, clock = now or timezone.now(), redemption.community.clock
    taken_on = redemption.closed_at.astimezone(clock).date()
    if is_late:
        sides.refuse_own(refunded_by, redemption.partnership, taken_on)
    elif moment.astimezone(clock).date() != taken_on:
        raise errors.RefundTooLate
    left = redemption.quantity - redemption.refunded_quantity
    quantity = left if quantity is None else quantity
    if not 0 < quantity <= left:
        raise errors.RefundTooLarge(left=left)
    made = Refund(
        community_id=redemption.community_id,
        redemption=redemption,
        partnership=redemption.partnership,
        quantity=quantity,
        points=redemption.price_points // redemption.quantity * quantity,
        amount_fen=_amount_fen(redemption, quantity),
        reason=reason,
        refunded_at=moment,
        refunded_by=refunded_by,
    )
    if quantity == left:
        given_back.tell(redemption, is_news=True)
    made.reversal_id = ledger.reverse(
        community_id=redemption.community_id,
        transfer_id=redemption.transfer_id,
        amount=made.points,
        key=f"refund:{made.pk}",
        reason="refund",
        source=f"refund:{made.pk}",
        explanation={"redemption": str(redemption.pk), "quantity": quantity},
        occurred_at=moment,
        back_until=expiry.back_until(community=redemption.community),
    ).pk
    _put_back(redemption, quantity)
    made.save(force_insert=True)
    redemption.refunded_quantity += quantity  # as the trigger has
    trail.record(
        "redemption.refund",
        actor=refunded_by,
        target=redemption,
        after={"quantity": quantity, "points": made.points, "is_late": is_late},
    )
    telling.tell(
        "redemption_refunded",
        community=redemption.community,
        recipients=[redemption.volunteer_id],
        about=made.pk,
        target_id=redemption.pk,
        facts={
            "merchant": redemption.partnership.name,
            "offer": redemption.offer.title,
            "points": made.points,
        },
    )
    return made


def _put_back(redemption: Redemption, quantity: int) -> None:
    """Return pieces to the stock, unless one person alone raised the offer after the redemption.

    Such pieces were not counted for that increase; the shop adds them when another confirms it.
    """
    its = Offer.objects.filter(community=redemption.community_id, pk=redemption.offer_id)
    offer = its.select_for_update(no_key=True).get()
    if not raised.is_alone(offer, since=redemption.closed_at):
        its.update(stock=F("stock") + quantity)


def _amount_fen(redemption: Redemption, quantity: int) -> int:
    """Return the refunded part of the amount in fen, such that all refunds add up to the whole."""
    before = redemption.refunds.aggregate(fen=Sum("amount_fen"))["fen"] or 0
    until_now = redemption.refunded_quantity + quantity
    return redemption.amount_fen * until_now // redemption.quantity - before
