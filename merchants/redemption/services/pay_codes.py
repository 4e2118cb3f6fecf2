"""Paying at the counter without a voucher: a code that changes every minute and works once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.codes import as_made, new_code
from backend.communities.models import Community
from backend.communities.services import roles
from backend.ids import new_id
from merchants.catalogue.errors import OfferUnknown
from merchants.catalogue.selectors import offers_at
from merchants.catalogue.services import offers as catalogue
from merchants.partners.models.merchants import Merchant
from merchants.partners.selectors import accepted
from merchants.redemption import errors
from merchants.redemption.models import PayCode
from merchants.redemption.services import vouchers as redemption
from merchants.redemption.services.redeeming import Attempt, Scanned, all_or_nothing, redeem

LENGTH = 12
KEEP = timedelta(hours=1)  # how long an old code is told from one that never was


def show(*, volunteer: User, community: Community) -> PayCode:
    """Make a code for the volunteer's points in ``community``.

    Earlier ones run out by themselves, so a clerk who has just scanned one is not refused.
    """
    code, now = new_code(LENGTH), timezone.now()
    return PayCode.objects.create(
        community=community,
        volunteer=volunteer,
        code_digest=_digest(as_made(code)),
        code_encrypted=vault.encrypt(code),
        made_at=now,
        expires_at=now + settings.PAY_CODE_LIFETIME,
    )


def forget_old() -> int:
    """Delete codes that nobody needs to tell from one that never was. Returns how many."""
    deleted, _ = PayCode.objects.filter(expires_at__lt=timezone.now() - KEEP).delete()
    return deleted


def pay(
    *,
    merchant: Merchant,
    clerk: User,
    code: str,
    items: Mapping[UUID, int] | None = None,
    points: int | None = None,
) -> list[Scanned]:
    """Take and redeem pieces of offers of ``merchant`` by their ids, or plain ``points``, at once.

    Once for a code: all, or nothing.

    A refusal moves nothing, leaves the code as it was, and stays on record. Raises TooManyAttempts,
    CodeUnknown, CodeUsed, PayCodeExpired, OfferUnknown (also of another community),
    PointsNotAgreed (the contract is not by points), and as taking and scanning do.
    """
    attempt = Attempt(merchant_id=merchant.pk, person=clerk, shown=as_made(code)[:64])
    with attempts.guessing(clerk, errors.CodeUnknown), all_or_nothing(attempt):
        # Whoever shows one code at two counters queues here.
        shown = (
            PayCode.objects.select_for_update(no_key=True, of=("self",))
            .select_related("volunteer")
            .annotate(now=Now())
            .filter(
                community__in=accepted(merchant.pk).values("community"),
                code_digest=_digest(attempt.shown),
            )
            .first()
        )
        if shown is None:
            raise errors.CodeUnknown
        attempt.community_id = shown.community_id
        if shown.used_at is not None:
            raise errors.CodeUsed(redeemed_at=shown.used_at)
        role = roles.volunteering(user_id=shown.volunteer_id, community_id=shown.community_id)
        # Leaving ends it, and coming back does not make it good again.
        if role is None or shown.made_at < role.since_at or shown.expires_at <= shown.now:
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
) -> list[Scanned]:
    """Take and redeem so many pieces of offers by their ids, or plain ``points``.

    Within the caller's transaction. Raises NotAVolunteerHere, OfferUnknown, PointsNotAgreed, and as
    taking and redeeming do.
    """
    assert attempt.community_id is not None
    # The role before all else, also before what is made for plain points.
    roles.require_volunteer(user_id=volunteer.pk, community_id=attempt.community_id)
    if points is not None:
        vouchers = [
            redemption.set_aside(
                offer=catalogue.plain_points(attempt.merchant_id, attempt.community_id),
                volunteer=volunteer,
                quantity=points,
                lifetime=settings.VOUCHER_LIFETIME,
            )
        ]
    else:
        wanted = items or {}
        offers = offers_at(attempt.merchant_id).filter(
            community=attempt.community_id, pk__in=wanted
        )
        if len(offers) < len(wanted):
            raise OfferUnknown
        vouchers = [
            redemption.take(offer=offer, volunteer=volunteer, quantity=wanted[offer.pk])
            for offer in sorted(offers, key=lambda offer: offer.pk)  # locked in one order
        ]
    return [
        redeem(replace(attempt, id=new_id(), shown=voucher.code), voucher.code)
        for voucher in vouchers
    ]


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()
