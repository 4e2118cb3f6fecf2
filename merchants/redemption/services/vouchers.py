"""Vouchers: points held → shown → scanned and captured; or cancelled, or lapsed.

Locks are taken in one order everywhere: role, voucher, hold, wallet, offer.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.errors import TooManyAttempts
from backend.accounts.models import User
from backend.accounts.services import attempts, guardians
from backend.codes import as_made, new_code
from backend.communities.services import roles
from backend.errors import Refusal
from backend.ids import new_id
from merchants.catalogue.errors import OfferWithdrawn, OutOfStock
from merchants.catalogue.models.offers import Offer, picture_url
from merchants.catalogue.services import terms
from merchants.partners import selectors
from merchants.partners.errors import MerchantUnknown, PartnerNotActive
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import telling
from merchants.redemption import errors
from merchants.redemption.models.redemptions import Redemption, ScanAttempt
from merchants.redemption.services import conditions, refunds, voucher_tokens
from points.kinds import AccountKind
from points.ledger import selectors as points
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints

CODE_LENGTH = 12


@transaction.atomic
def take(
    *, offer: Offer, volunteer: User, quantity: int = 1, now: datetime | None = None
) -> Redemption:
    """A voucher: the points and the stock are set aside, price and rate are frozen.

    Points are looked at before stock. ``now`` is given where the past is played again; the
    voucher's lifetime runs by the clock all the same. Raises OfferWithdrawn, OfferNotOnNow,
    NotEligible, and what ``set_aside`` does.
    """
    if offer.state != Offer.State.LISTED:
        raise OfferWithdrawn
    moment = now or timezone.now()
    conditions.check_open(offer, moment)
    conditions.check_eligible(offer, volunteer, moment)
    return set_aside(
        offer=offer,
        volunteer=volunteer,
        quantity=quantity,
        lifetime=lifetime_of(offer),
        now=now,
    )


def lifetime_of(offer: Offer) -> timedelta:
    """How long a voucher for it is good: for a seat, until a while after the course began."""
    ahead = timedelta()
    if offer.starts_at is not None:
        ahead = max(ahead, offer.starts_at - timezone.now())
    return ahead + settings.VOUCHER_LIFETIME


def set_aside(
    *,
    offer: Offer,
    volunteer: User,
    quantity: int,
    lifetime: timedelta,
    now: datetime | None = None,
) -> Redemption:
    """The same for an offer that need not be listed, within the caller's transaction.

    Raises NotAVolunteerHere, GuardianConsentRequired, PartnerNotActive, OfferNotPriced,
    InsufficientPoints, LimitReached, OutOfStock.
    """
    # Whoever left spends nothing, and whoever spends does not leave meanwhile.
    roles.require_volunteer(user_id=volunteer.pk, community_id=offer.community_id)
    guardians.require_guardian(volunteer)
    if offer.partnership.state != Partnership.State.ACTIVE:
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
    conditions.check_limit(offer, volunteer, quantity, moment)  # under the wallet's lock
    # One statement looks and takes: of two volunteers after the last item, one finds a row.
    left = Offer.objects.filter(pk=offer.pk, stock__gte=quantity)
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
        taken_at=moment,
        expires_at=hold.expires_at - late,
        offline_until=hold.expires_at if late else None,
    )


@dataclass(frozen=True)
class Scanned:
    """What a counter needs to know of a voucher that was just redeemed there."""

    id: UUID
    offer_title: str
    picture: str | None  # where it is
    quantity: int
    price_points: int  # for the whole quantity
    redeemed_at: datetime
    volunteer: str  # masked


def scanned(redemption: Redemption) -> Scanned:
    """What the counter is told of a voucher that was redeemed before, but for what went back."""
    assert redemption.closed_at is not None  # a check constraint
    return Scanned(
        id=redemption.pk,
        offer_title=redemption.offer.title,
        picture=redemption.offer.picture_url,
        quantity=redemption.quantity - redemption.refunded_quantity,
        price_points=redemption.price_points - redemption.refunded_points,
        redeemed_at=redemption.closed_at,
        volunteer=redemption.volunteer.masked_name,
    )


_SCAN_REFUSALS: dict[str, type[Refusal]] = {
    refusal.code: refusal
    for refusal in (
        MerchantUnknown,
        errors.CodeUnknown,
        errors.NotYourMerchant,
        errors.OwnVoucher,
        errors.CodeCancelled,
        errors.CodeExpired,
    )
}


def scan(*, merchant_id: UUID, clerk: User, code: str, now: datetime | None = None) -> Scanned:
    """A clerk scans a voucher where they work, and its points move, once.

    One round trip (a function of migration 0070); one more for a signed code. Every attempt stays
    on record with its outcome; an unknown code is a try of the clerk's, wherever else they work.
    ``now`` is given where the past is played again. Raises MerchantUnknown (they do not work
    there), TooManyAttempts (nothing is looked up), CodeUnknown, CodeTampered, NotYourMerchant,
    OwnVoucher, CodeUsed, CodeCancelled, CodeExpired.
    """
    made = _voucher_code(code, merchant_id, clerk) if "." in code else as_made(code)[:64]
    codes = attempts.CODES
    arguments: list[Any] = [merchant_id, clerk.pk, made, new_id(), new_id()]
    arguments += [now or timezone.now(), codes.scope, codes.limit, codes.window]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM merchants_scan(%s, %s, %s, %s, %s, %s, %s, %s, %s)", arguments
        )
        wait_seconds, *row = cursor.fetchone()
    if wait_seconds:
        raise TooManyAttempts(wait_seconds)
    refusal, redemption_id, closed_at, title, quantity, price, person, name, offer_id, file = row
    if refusal == errors.CodeUsed.code:
        raise errors.CodeUsed(redeemed_at=closed_at)
    if refusal == errors.CodeExpired.code:
        expire(redemption_id=redemption_id)  # the clerk is told the points are back
    if refusal:
        raise _SCAN_REFUSALS[refusal]
    return Scanned(
        id=redemption_id,
        offer_title=title,
        picture=picture_url(offer_id, file),
        quantity=quantity,
        price_points=price,
        redeemed_at=closed_at,
        volunteer=User(id=person, name=name).masked_name,
    )


def scan_part(*, merchant_id: UUID, clerk: User, code: str, quantity: int) -> Scanned:
    """The same for ``quantity`` of a voucher's pieces; the rest is given back at once.

    Raises as ``scan`` does, and QuantityTooLarge: the voucher is for fewer.
    """
    refused: Refusal | None = None
    with transaction.atomic():
        before = transaction.savepoint()
        try:
            scanned = scan(merchant_id=merchant_id, clerk=clerk, code=code)
        except Refusal as refusal:
            refused = refusal  # on record, which is committed
        else:
            rest = scanned.quantity - quantity
            if rest < 0:
                transaction.savepoint_rollback(before)
                refused = errors.QuantityTooLarge(quantity=scanned.quantity)
                _record_refused(merchant_id, clerk, code, refused, of=scanned.id)
            elif rest > 0:
                given_back = refunds.refund(
                    redemption=Redemption(pk=scanned.id),
                    refunded_by=clerk,
                    reason=_("Not handed out at the scan"),
                    quantity=rest,
                    now=scanned.redeemed_at,  # the same day, also where it ends meanwhile
                )
                price = scanned.price_points - given_back.points
                scanned = replace(scanned, quantity=quantity, price_points=price)
    if refused is not None:
        raise refused
    return scanned


def _voucher_code(token: str, merchant_id: UUID, clerk: User) -> str:
    """The voucher's code that a signed one says; a refusal is on record."""
    if not selectors.works_at(clerk, merchant_id):
        raise MerchantUnknown
    try:
        return voucher_tokens.read(token, merchant_id).code
    except Refusal as refusal:
        _record_refused(merchant_id, clerk, token, refusal)
        raise


def _record_refused(
    merchant_id: UUID, clerk: User, code: str, refusal: Refusal, of: UUID | None = None
) -> None:
    attempt = ScanAttempt(
        merchant_id=merchant_id,
        clerk=clerk,
        code=code[:64],
        outcome=refusal.code,
        redemption_id=of,
    )
    if of is not None:
        attempt.community_id = Redemption.objects.values_list("community_id", flat=True).get(pk=of)
    keep(attempt)


def keep(attempt: ScanAttempt) -> None:
    """Put an attempt on record; one of no community's where the merchant became a partner first."""
    if attempt.community_id is None:
        attempt.community_id = selectors.first_community_of(attempt.merchant_id)
    attempt.save(force_insert=True)


@transaction.atomic
def cancel(*, redemption: Redemption) -> Redemption:
    """The volunteer gives an unused voucher back: points and stock are free again, once.

    A counter without signal may have taken it already, or still take the code that was signed: one
    that can be scanned so is given back when nobody can tell of it any more. Cancelling again, or
    one that has lapsed, changes nothing. Raises VoucherStateWrong (used).
    """
    redemption = _locked(redemption.pk)
    if redemption.status == Redemption.Status.REDEEMED:
        raise errors.VoucherStateWrong(state=redemption.status)
    if redemption.status == Redemption.Status.HELD:
        if redemption.offline_until is None:
            _give_back(redemption, Redemption.Status.CANCELLED)
        elif redemption.cancel_asked_at is None:
            now = timezone.now()
            late = redemption.offline_until - redemption.expires_at
            redemption.cancel_asked_at = now
            redemption.offline_until = min(
                redemption.offline_until, max(now, redemption.signed_until or now) + late
            )
            redemption.save(update_fields=["cancel_asked_at", "offline_until"])
    return redemption


def lapsed() -> QuerySet[Redemption]:
    """Vouchers that nobody can scan, nor tell of, any more, and that still hold points."""
    now = timezone.now()
    return Redemption.objects.filter(
        Q(offline_until=None, expires_at__lte=now) | Q(offline_until__lte=now),
        status=Redemption.Status.HELD,
    )


@transaction.atomic
def expire(*, redemption_id: UUID) -> bool:
    """Give back what a lapsed voucher held; ``False`` if there was nothing to do.

    A voucher that somebody else holds a lock on is left for the next sweep.
    """
    redemption = (
        lapsed()
        .select_for_update(no_key=True, of=("self",), skip_locked=True)
        .filter(pk=redemption_id)
        .first()
    )
    if redemption is None:
        return False
    was_cancelled = redemption.cancel_asked_at is not None
    status = Redemption.Status.CANCELLED if was_cancelled else Redemption.Status.EXPIRED
    if _give_back(redemption, status):
        telling.tell(
            "wish_open_again",
            community=redemption.community,
            recipients=[redemption.volunteer_id],
            about=redemption.pk,
        )
    return True


def _give_back(redemption: Redemption, status: Redemption.Status) -> bool:
    """Whether there is a wish that it was to fulfil, which is open again."""
    opened = refunds.open_wish(redemption)
    ledger.void(community_id=redemption.community_id, hold_id=redemption.hold_id)
    Offer.objects.filter(pk=redemption.offer_id).update(stock=F("stock") + redemption.quantity)
    redemption.status = status
    redemption.closed_at = timezone.now()
    redemption.save(update_fields=["status", "closed_at"])
    return opened


def _locked(redemption_id: UUID) -> Redemption:
    return (
        Redemption.objects.select_for_update(no_key=True, of=("self",))
        .select_related("partnership", "offer", "volunteer")
        .get(pk=redemption_id)
    )
