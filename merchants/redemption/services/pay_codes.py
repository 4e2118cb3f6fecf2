"""Payment at the counter without a voucher, by a code that changes every minute and works once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.codes import as_made, new_code
from backend.communities import fence
from backend.communities.models import Community
from backend.communities.services import roles
from backend.ids import new_id
from merchants.catalogue.errors import OfferUnknown
from merchants.catalogue.selectors import offers_of
from merchants.catalogue.services import offers as catalogue
from merchants.partners.models.merchants import Merchant
from merchants.partners.selectors import ACCEPTED, communities_with
from merchants.redemption import errors
from merchants.redemption.models import Card, PayCode
from merchants.redemption.services import conditions
from merchants.redemption.services import vouchers as redemption
from merchants.redemption.services.redeeming import Attempt, Scanned, all_or_nothing, redeem

LENGTH = 12
KEEP = timedelta(hours=1)  # how long an old code is told from one that never was


def show(*, volunteer: User, community: Community) -> PayCode:
    """Make a pay code for the volunteer's points in ``community``.

    Earlier codes stay good until they expire, so a clerk who has just scanned one succeeds.
    """
    code, now = new_code(LENGTH), timezone.now()
    return PayCode.objects.create(
        community=community,
        volunteer=volunteer,
        code_digest=PayCode.digest_of(as_made(code)),
        code_encrypted=vault.encrypt(code),
        made_at=now,
        expires_at=now + settings.PAY_CODE_LIFETIME,
    )


def forget_old() -> int:
    """Delete pay codes that expired more than ``KEEP`` ago. Returns the count."""
    old = PayCode.objects.filter(expires_at__lt=timezone.now() - KEEP)
    deleted, _ = old.exclude(community__in=fence.moved()).delete()
    return deleted


def pay(
    *,
    merchant: Merchant,
    clerk: User,
    code: str,
    items: Mapping[UUID, int] | None = None,
    points: int | None = None,
) -> list[Scanned]:
    """Take and redeem pieces of the merchant's offers by id, or plain ``points``, in one step.

    A code pays once, and for all or nothing.

    A refusal moves nothing, leaves the code good, and is recorded. Raises TooManyAttempts,
    CodeUnknown, CodeUsed, PayCodeExpired, OfferUnknown (also of another community), PointsNotAgreed
    (the contract is not by points), and whatever ``take`` and ``redeem`` raise.
    """
    attempt = Attempt(merchant_id=merchant.pk, person=clerk, shown=as_made(code)[:64])
    with attempts.guessing(clerk, errors.CodeUnknown), all_or_nothing(attempt):
        codes = PayCode.objects.filter(code_digest=PayCode.digest_of(attempt.shown))
        there = communities_with(merchant.pk, **ACCEPTED)
        found = (codes.filter(community=community_id).first() for community_id in there)
        shown = next(filter(None, found), None)
        if shown is None:
            raise errors.CodeUnknown
        attempt.community_id = shown.community_id
        # Two counters with one code queue here.
        role = roles.volunteering(user_id=shown.volunteer_id, community_id=shown.community_id)
        anew = codes.select_related("volunteer").annotate(now=Now())
        shown = anew.get(community=shown.community_id, pk=shown.pk)
        if shown.used_at is not None:
            raise errors.CodeUsed(redeemed_at=shown.used_at)
        # Leaving ends a code, and coming back does not revive it.
        ended = role is None or role.is_suspended or shown.made_at < role.since_at
        if ended or shown.expires_at <= shown.now:
            raise errors.PayCodeExpired
        paid = take_and_redeem(attempt, volunteer=shown.volunteer, items=items, points=points)
        shown.save_with(used_at=paid[0].redeemed_at, code_encrypted="")
    return paid


def take_and_redeem(
    attempt: Attempt,
    *,
    volunteer: User,
    items: Mapping[UUID, int] | None,
    points: int | None,
    card: Card | None = None,
) -> list[Scanned]:
    """Take and redeem pieces of offers by id, or plain ``points``; ``card`` pays if one is given.

    Runs in the transaction of the caller, who has locked the volunteer, for they come before an
    offer of plain points is made. Raises OfferUnknown, PointsNotAgreed, whatever ``take`` raises,
    CardLimitReached, and whatever ``redeem`` raises.
    """
    assert attempt.community_id is not None
    if points is not None:
        vouchers = [
            redemption.set_aside(
                offer=catalogue.plain_points(attempt.merchant_id, attempt.community_id),
                volunteer=volunteer,
                quantity=points,
                lifetime=settings.VOUCHER_LIFETIME,
                card=card,
            )
        ]
    else:
        wanted = items or {}
        offers = offers_of(attempt.merchant_id, attempt.community_id).filter(pk__in=wanted)
        if len(offers) < len(wanted):
            raise OfferUnknown
        vouchers = [
            redemption.take(offer=offer, volunteer=volunteer, quantity=wanted[offer.pk], card=card)
            for offer in sorted(offers, key=lambda offer: offer.pk)  # locked in one order
        ]
    if card is not None:
        conditions.check_card(card, vouchers[0].taken_at)
    return [
        redeem(replace(attempt, id=new_id(), shown=voucher.code), voucher.code)
        for voucher in vouchers
    ]
