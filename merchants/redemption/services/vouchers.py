"""Vouchers: points held → shown → scanned and captured; or cancelled, or expired.

Locks are taken in one order everywhere: role, voucher, hold, wallet, offer.
"""

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from backend import clocks
from backend.accounts.models import User
from backend.accounts.services import attempts, guardians
from backend.codes import as_made, new_code
from backend.communities.services import roles
from backend.errors import Refusal
from backend.ids import new_id
from merchants.catalogue.errors import OfferWithdrawn, OutOfStock
from merchants.catalogue.models import Offer
from merchants.catalogue.services import terms
from merchants.partners.errors import PartnerNotActive
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.redemption import errors, given_back, selectors
from merchants.redemption.models import Card, Redemption
from merchants.redemption.services import conditions, redeeming, refunds, voucher_tokens
from merchants.redemption.services.redeeming import Attempt, Scanned, refuse
from points.kinds import AccountKind
from points.ledger import selectors as points
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints

CODE_LENGTH = 12


@transaction.atomic
def take(
    *,
    offer: Offer,
    volunteer: User,
    quantity: int = 1,
    now: datetime | None = None,
    card: Card | None = None,
) -> Redemption:
    """Take an offer: make a voucher, set points and stock aside, and freeze price and rate.

    Points are checked before stock. ``now`` is given to replay the past; the voucher's lifetime
    still runs by the real clock. Raises OfferWithdrawn, OfferNotOnNow, NotEligible, and whatever
    ``set_aside`` raises.
    """
    if offer.status != Offer.Status.LISTED:
        raise OfferWithdrawn
    moment = now or timezone.now()
    conditions.check_open(offer, moment)
    conditions.check_eligible(offer, volunteer, moment)
    # A voucher for a seat is good until some time after the course began.
    ahead = max(timedelta(), offer.starts_at - timezone.now()) if offer.starts_at else timedelta()
    lifetime = ahead + settings.VOUCHER_LIFETIME
    return set_aside(
        offer=offer, volunteer=volunteer, quantity=quantity, lifetime=lifetime, now=now, card=card
    )


def set_aside(
    *,
    offer: Offer,
    volunteer: User,
    quantity: int,
    lifetime: timedelta,
    now: datetime | None = None,
    card: Card | None = None,
) -> Redemption:
    """Make a voucher for an offer, listed or not, in the caller's transaction.

    ``card`` is what pays for it, if the volunteer's phone does not.

    Raises NotAVolunteerHere, GuardianConsentRequired, PartnerNotActive, OfferNotPriced,
    InsufficientPoints, LimitReached, OutOfStock.
    """
    # Former volunteers spend nothing, and the lock keeps spenders from leaving meanwhile.
    roles.require_volunteer(user_id=volunteer.pk, community_id=offer.community_id)
    guardians.require_guardian(volunteer)
    if offer.partnership.status != Partnership.Status.ACTIVE:
        raise PartnerNotActive
    moment = now or timezone.now()
    contract = terms.in_force(offer.partnership, moment.astimezone(offer.community.clock).date())
    amount_fen = terms.amount_fen(contract, offer, quantity)
    price = offer.price_points * quantity
    wallet = points.wallet_of(offer.community_id, volunteer.pk)
    if wallet is None:
        raise InsufficientPoints(available=0, needed=price)
    redemption_id = new_id()
    late = timedelta(hours=offer.offline_hours) if offer.scans_offline else timedelta()
    hold = ledger.hold(
        ledger.Movement(
            debit=wallet,
            credit=ledger.account(
                community=offer.community,
                kind=AccountKind.MERCHANT,
                holder=f"merchant:{offer.partnership.merchant_id}",
            ),
            amount=price,
            key=f"redemption:{redemption_id}",
            reason="redemption",
            source=f"redemption:{redemption_id}",
            explanation={
                "offer": offer.code,
                "price_points": offer.price_points,
                "quantity": quantity,
            },
            occurred_at=now,
        ),
        lifetime=lifetime + late,
    )
    assert hold.expires_at  # it has a lifetime
    conditions.check_limit(offer, volunteer, quantity, moment)  # under the wallet's lock
    # One SQL statement checks and takes: of two volunteers for the last item, one finds a row.
    left = Offer.objects.filter(community=offer.community_id, pk=offer.pk, stock__gte=quantity)
    if not left.update(stock=F("stock") - quantity):
        raise OutOfStock
    return Redemption.objects.create(
        id=redemption_id,
        community_id=offer.community_id,
        offer=offer,
        partnership=offer.partnership,
        volunteer=volunteer,
        code=new_code(CODE_LENGTH),
        quantity=quantity,
        price_points=price,
        terms_version=contract.version,
        fen_per_point=0 if contract.kind == Terms.Kind.DONATED else contract.fen_per_point,
        amount_fen=amount_fen,
        hold_id=hold.pk,
        card=card,
        taken_at=moment,
        expires_at=hold.expires_at - late,
        offline_until=hold.expires_at if late else None,
    )


def scanned(redemption: Redemption) -> Scanned:
    """Return a redeemed voucher as the counter is told of it, less what was refunded."""
    assert redemption.closed_at is not None  # a check constraint
    return Scanned(
        id=redemption.pk,
        community_id=redemption.community_id,
        offer_title=redemption.offer.title,
        picture=redemption.offer.picture_url,
        quantity=redemption.quantity - redemption.refunded_quantity,
        price_points=redemption.price_points - redemption.refunded_points,
        redeemed_at=redemption.closed_at,
        volunteer=redemption.volunteer.masked_name,
    )


def scan(
    *,
    merchant_id: UUID,
    clerk: User,
    code: str,
    quantity: int | None = None,
    now: datetime | None = None,
) -> Scanned:
    """Redeem a voucher that a clerk scans at work, once.

    With ``quantity``, that many pieces are handed out and the rest is refunded at once. Takes one
    round trip; one more for a signed code. Every attempt is recorded with its outcome; an unknown
    code counts against the clerk at every merchant. A pay code or a card's does not, and is not
    recorded: what it pays for, and a card's PIN, are asked next. ``now`` is given to replay the
    past. Raises TooManyAttempts (nothing is looked up), CodeTampered, PayCodeShown, CardPinNeeded,
    whatever ``redeem`` raises, and last QuantityTooLarge.
    """
    attempt = Attempt(merchant_id=merchant_id, person=clerk, shown=code)
    if "." in code:
        try:
            code = voucher_tokens.read(code, merchant_id).code
        except Refusal as refusal:
            raise refuse(attempt, refusal) from None
    attempt.shown = as_made(code)[:64]
    with attempts.counting(clerk, errors.CodeUnknown):
        with transaction.atomic() if quantity else nullcontext():
            answer = _scan(attempt, quantity, now)
            if isinstance(answer, Scanned) and quantity and quantity < answer.quantity:
                answer = _hand_out(attempt, answer, quantity)
        if isinstance(answer, errors.CodeUnknown):
            if selectors.is_pay_code(merchant_id, attempt.shown):
                raise errors.PayCodeShown
            if selectors.card_with(attempt.shown, merchant_id):
                raise errors.CardPinNeeded
            raise refuse(attempt, answer)
        if isinstance(answer, Refusal):
            raise answer
    return answer


def _scan(attempt: Attempt, quantity: int | None, now: datetime | None) -> Scanned | Refusal:
    wait_seconds, *row, community_id = redeeming.call(
        "merchants_scan",
        attempt.merchant_id,
        attempt.person.pk,
        attempt.shown,
        quantity,
        attempt.id,
        new_id(),
        now,
        *vars(attempts.CODES).values(),
    )
    attempts.refuse_until(wait_seconds)
    answer = redeeming.answer_of(row, community_id)
    if isinstance(answer, errors.CodeExpired):
        # The clerk is told the points are back.
        expire(community_id=community_id, redemption_id=row[1])
    return answer


def _hand_out(attempt: Attempt, scanned: Scanned, quantity: int) -> Scanned:
    """Refund the pieces of a redeemed voucher beyond the ``quantity`` that are handed out."""
    given_back = refunds.refund(
        redemption=Redemption.objects.get(community=scanned.community_id, pk=scanned.id),
        refunded_by=attempt.person,
        reason=_("Not handed out at the scan"),
        quantity=scanned.quantity - quantity,
        now=scanned.redeemed_at,  # the same day, also where it ends meanwhile
    )
    price = scanned.price_points - given_back.points
    return replace(scanned, quantity=quantity, price_points=price)


@transaction.atomic
def cancel(*, redemption: Redemption) -> Redemption:
    """Cancel an unused voucher, which frees its points and stock, once.

    A voucher that scans offline is given back only when no counter can report a scan any more: one
    without signal may have taken it, or may still take its signed code. Idempotent, also for an
    expired voucher. Raises VoucherStatusWrong (used).
    """
    redemption = redemption.locked("partnership", "offer", "volunteer")
    if redemption.status == Redemption.Status.REDEEMED:
        raise errors.VoucherStatusWrong(current_status=redemption.status)
    if redemption.status == Redemption.Status.HELD:
        if redemption.offline_until is None:
            _give_back(redemption, Redemption.Status.CANCELLED, is_news=False)
        elif redemption.cancel_asked_at is None:
            now = clocks.now()
            late = redemption.offline_until - redemption.expires_at
            last = max(now, redemption.signed_until or now) + late
            redemption.save_with(
                cancel_asked_at=now, offline_until=min(redemption.offline_until, last)
            )
    return redemption


def lapsed() -> QuerySet[Redemption]:
    """Return held vouchers that can no longer be scanned or reported as scanned."""
    return Redemption.objects.filter(
        Q(offline_until=None, expires_at__lte=Now()) | Q(offline_until__lte=Now()),
        status=Redemption.Status.HELD,
    )


@transaction.atomic
def expire(*, community_id: UUID, redemption_id: UUID) -> bool:
    """Release the points and stock of a lapsed voucher. Returns False if there was nothing to do.

    A locked voucher is left for the next sweep.
    """
    free = lapsed().select_for_update(no_key=True, of=("self",), skip_locked=True)
    redemption = free.filter(community=community_id, pk=redemption_id).first()
    if redemption is None:
        return False
    status = Redemption.Status
    ends = status.CANCELLED if redemption.cancel_asked_at else status.EXPIRED
    _give_back(redemption, ends, is_news=True)
    return True


def _give_back(redemption: Redemption, status: Redemption.Status, *, is_news: bool) -> None:
    given_back.tell(redemption, is_news=is_news)
    ledger.void(community_id=redemption.community_id, hold_id=redemption.hold_id)
    Offer.objects.filter(community_id=redemption.community_id, pk=redemption.offer_id).update(
        stock=F("stock") + redemption.quantity
    )
    redemption.save_with(status=status, closed_at=timezone.now())
