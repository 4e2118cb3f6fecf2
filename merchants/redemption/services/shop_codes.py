"""Shops without a scanner: the volunteer's phone reads a code that hangs at the counter.

The code only moves points of the person who reads it, so it is no secret: it tells where that
person stands. The phone then shows what a clerk's screen would.
"""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.audit import services as trail
from backend.codes import as_made, new_code
from backend.communities.selectors import communities_of
from backend.communities.services import roles
from merchants.partners.models.partnerships import Partnership
from merchants.redemption import errors
from merchants.redemption.models import Redemption
from merchants.redemption.services import pay_codes
from merchants.redemption.services.redeeming import (
    Attempt,
    Scanned,
    all_or_nothing,
    redeem,
    refuse,
)

LENGTH = 12


@transaction.atomic
def renew(*, partnership: Partnership, by: User) -> Partnership:
    """Make a new code for the counter, which replaces the one before."""
    partnership = partnership.locked("merchant", "community")
    partnership.save_with(shop_code=new_code(LENGTH))
    trail.record("partnership.shop_code", actor=by, target=partnership)
    return partnership


def confirm(*, voucher: Redemption, shop_code: str) -> Scanned:
    """Redeem ``voucher``, once, for its volunteer at the counter.

    Records every attempt as the volunteer's. Raises TooManyAttempts, CodeUnknown, NotYourMerchant
    (another shop's code), OwnVoucher (they work there), CodeUsed, CodeCancelled, CodeExpired.
    """
    volunteer = voucher.volunteer
    attempt = Attempt(
        community_id=voucher.community_id,
        merchant_id=voucher.partnership.merchant_id,
        person=volunteer,
        is_clerk=False,
        shown=as_made(shop_code)[:64],
    )
    with attempts.guessing(volunteer, errors.CodeUnknown):
        shops = Partnership.objects.filter(community=voucher.community_id, shop_code=attempt.shown)
        shop = shops.first()
        if shop is None:
            raise refuse(attempt, errors.CodeUnknown(), voucher.code)
        attempt.merchant_id = shop.merchant_id
        return redeem(attempt, voucher.code)


def pay(
    *,
    volunteer: User,
    shop_code: str,
    items: Mapping[UUID, int] | None = None,
    points: int | None = None,
) -> list[Scanned]:
    """Take and redeem pieces of the shop's offers, or plain points, in one step.

    Takes all or nothing; a refusal at a known shop is recorded. Raises TooManyAttempts,
    CodeUnknown, NotAVolunteerHere, Suspended, and whatever ``pay_codes.take_and_redeem`` raises.
    """
    made = as_made(shop_code)[:64]
    with attempts.guessing(volunteer, errors.CodeUnknown):
        shop = Partnership.objects.filter(
            community__in=communities_of(volunteer), shop_code=made
        ).first()
        if shop is None:
            raise errors.CodeUnknown
    attempt = Attempt(
        community_id=shop.community_id,
        merchant_id=shop.merchant_id,
        person=volunteer,
        is_clerk=False,
        shown=made,
    )
    with all_or_nothing(attempt):
        roles.require_volunteer(user_id=volunteer.pk, community_id=shop.community_id)
        return pay_codes.take_and_redeem(attempt, volunteer=volunteer, items=items, points=points)
