"""Shops without a scanner: a code hangs at the counter, and the volunteer's phone confirms.

It moves nobody's points but those of whoever reads it, so it is no secret: it only says where one
stands. The phone then shows what a clerk's screen would.
"""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.audit import services as trail
from backend.codes import as_made, new_code
from backend.communities.selectors import communities_of
from backend.errors import Refusal
from merchants.partners import selectors
from merchants.partners.models.partnerships import Partnership
from merchants.redemption import errors
from merchants.redemption.models.redemptions import Redemption, ScanAttempt
from merchants.redemption.services import pay_codes
from merchants.redemption.services import vouchers as redemption
from merchants.redemption.services.vouchers import Scanned
from points.ledger import services as ledger
from points.ledger.errors import HoldExpired

LENGTH = 12


@transaction.atomic
def renew(*, partnership: Partnership, by: User) -> Partnership:
    """Another code for its counter; the one before is good no more."""
    partnership = (
        Partnership.objects.select_for_update(no_key=True, of=("self",))
        .select_related("merchant", "community")
        .get(pk=partnership.pk)
    )
    partnership.shop_code = new_code(LENGTH)
    partnership.save(update_fields=["shop_code"])
    trail.record(
        "partnership.shop_code", actor=by, community=partnership.community, target=partnership
    )
    return partnership


def confirm(*, voucher: Redemption, shop_code: str) -> Scanned:
    """The volunteer whose ``voucher`` it is stands at the counter: it is redeemed, once.

    Every attempt is on record as theirs. Raises TooManyAttempts, CodeUnknown, NotYourMerchant
    (another shop's code), OwnVoucher (they work there), CodeUsed, CodeCancelled, CodeExpired.
    """
    attempt = ScanAttempt(
        community_id=voucher.community_id,
        merchant_id=voucher.partnership.merchant_id,
        clerk=voucher.volunteer,
        code=as_made(shop_code)[:64],
        redemption=voucher,
    )
    with attempts.guessing(voucher.volunteer, errors.CodeUnknown):
        try:
            with transaction.atomic():
                found = Partnership.objects.filter(
                    community=voucher.community_id, shop_code=attempt.code
                )
                shop_id = found.values_list("pk", flat=True).first()
                if shop_id is None:
                    raise errors.CodeUnknown
                if shop_id != voucher.partnership_id:
                    raise errors.NotYourMerchant
                if selectors.works_at(voucher.volunteer, attempt.merchant_id):
                    raise errors.OwnVoucher
                return _redeem(voucher, attempt)
        except Refusal as refusal:
            attempt.outcome = refusal.code
            redemption.keep(attempt)
            raise


def pay(
    *,
    volunteer: User,
    shop_code: str,
    items: Mapping[UUID, int] | None = None,
    points: int | None = None,
) -> list[Scanned]:
    """So many pieces of the shop's offers, or plain points, taken and redeemed in one step.

    All, or nothing; what is refused at a shop is on record. Raises TooManyAttempts, CodeUnknown,
    OwnVoucher (they work there), and as ``pay_codes.take_together`` does.
    """
    made = as_made(shop_code)[:64]
    with attempts.guessing(volunteer, errors.CodeUnknown):
        shop = _shop_with(made, volunteer)
    attempt = partial(
        ScanAttempt,
        community_id=shop.community_id,
        merchant=shop.merchant,
        clerk=volunteer,
        code=made,
    )
    try:
        with transaction.atomic():
            if selectors.works_at(volunteer, shop.merchant_id):
                raise errors.OwnVoucher
            taken = pay_codes.take_together(
                merchant=shop.merchant,
                community_id=shop.community_id,
                volunteer=volunteer,
                items=items or {},
                points=points,
            )
            return [_redeem(voucher, attempt(redemption=voucher)) for voucher in taken]
    except Refusal as refusal:
        redemption.keep(attempt(outcome=refusal.code))
        raise


def _shop_with(code: str, volunteer: User) -> Partnership:
    shop = (
        Partnership.objects.filter(community__in=communities_of(volunteer), shop_code=code)
        .select_related("merchant")
        .first()
    )
    if shop is None:
        raise errors.CodeUnknown
    return shop


def _redeem(voucher: Redemption, attempt: ScanAttempt) -> Scanned:
    voucher = (
        Redemption.objects.select_for_update(no_key=True, of=("self",))
        .select_related("offer", "volunteer")
        .get(pk=voucher.pk)
    )
    now = timezone.now()
    if voucher.status == Redemption.Status.REDEEMED:
        raise errors.CodeUsed(redeemed_at=voucher.closed_at)
    if voucher.status == Redemption.Status.CANCELLED or voucher.cancel_asked_at is not None:
        raise errors.CodeCancelled
    if voucher.status == Redemption.Status.EXPIRED or voucher.expires_at <= now:
        raise errors.CodeExpired
    try:
        voucher.transfer_id = ledger.capture(
            community_id=voucher.community_id, hold_id=voucher.hold_id, at=now
        )
    except HoldExpired:  # at this very instant
        raise errors.CodeExpired from None
    voucher.status, voucher.closed_at = Redemption.Status.REDEEMED, now
    voucher.save(update_fields=["status", "closed_at", "transfer"])
    attempt.outcome = "redeemed"
    attempt.save(force_insert=True)
    return Scanned(
        id=voucher.pk,
        offer_title=voucher.offer.title,
        picture=voucher.offer.picture_url,
        quantity=voucher.quantity,
        price_points=voucher.price_points,
        redeemed_at=now,
        volunteer=voucher.volunteer.masked_name,
    )
