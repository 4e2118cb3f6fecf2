"""Offers: merchants propose them and keep their stock, staff decide on them and set prices."""

from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid4

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.audit import services as trail
from backend.files.pictures import without_exif
from merchants.catalogue import errors
from merchants.catalogue.models import PIECES_AT_MOST, Offer, OfferPrice, StockMove
from merchants.catalogue.services import raised, terms
from merchants.partners import selectors as partners
from merchants.partners.errors import OwnMerchant
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import increases, sides

PLENTY = 2**31 - 1
LONGEST_CODE = 30
OURS = ("points-", "wish-")  # how codes begin that we make
PICTURE_SIDE = 1_024  # pixels: a phone's screen, and a clerk's
PRICES = ("price_points", "value_fen", "settled_fen")
WHOSE = ("partnership", "community")
CAN_BE_LISTED = (Offer.Status.LISTED, Offer.Status.WITHDRAWN)  # without another decision


@transaction.atomic
def offer(*, partnership: Partnership, **facts: Any) -> Offer:
    """List an offer at once, for imports. ``facts`` are those that ``propose`` takes."""
    made = Offer.objects.create(community=partnership.community, partnership=partnership, **facts)
    _price(made, None)
    _record("offer.make", made, None, price_points=made.price_points, stock=made.stock)
    return made


def plain_points(merchant_id: UUID, community_id: UUID) -> Offer:
    """Return the partner's offer of plain points: one point a piece, never listed or sold out.

    Raises PointsNotAgreed if the contract does not say what the community owes for a point.
    """
    partnership = Partnership.objects.select_related("community").get(
        community_id=community_id, merchant=merchant_id
    )
    contract = terms.in_force(partnership, partnership.community.today)
    if contract.kind not in (Terms.Kind.PER_POINT, Terms.Kind.DONATED):
        raise errors.PointsNotAgreed
    made, _is_new = Offer.objects.select_related("partnership", "community").get_or_create(
        community=partnership.community,
        partnership=partnership,
        kind=Offer.Kind.POINTS,
        defaults={
            "code": f"points-{str(partnership.pk)[-12:]}",
            "title": _("Points"),
            "price_points": 1,
            "stock": PLENTY,
            "status": Offer.Status.WITHDRAWN,
        },
    )
    return made


@transaction.atomic
def propose(
    *, partnership: Partnership, by: User, code: str, is_staff: bool = False, **facts: Any
) -> Offer:
    """Propose an offer as its owner, or as staff (``is_staff``); another member of staff decides.

    ``facts`` are title, price_points, stock and any other field of an offer. Raises OwnMerchant
    (``is_staff``), PartnerNotAccepted, PartnerEnded, OfferCodeReserved, OfferCodeTaken,
    OfferIncomplete.
    """
    if is_staff:
        sides.refuse_own(by, partnership)
    partnership = partnership.locked("community")
    sides.refuse_unasked(partnership)
    if is_reserved(code):
        raise errors.OfferCodeReserved
    if Offer.objects.filter(community_id=partnership.community_id, code=code).exists():
        raise errors.OfferCodeTaken
    made = Offer(
        community=partnership.community,
        partnership=partnership,
        code=code,
        status=Offer.Status.PROPOSED,
        proposed_by=by,
        **facts,
    )
    if not is_complete(made):
        raise errors.OfferIncomplete
    made.save(force_insert=True)
    _price(made, by)
    _record("offer.propose", made, by, price_points=made.price_points, stock=made.stock)
    return made


@transaction.atomic
def decide(
    *, offer: Offer, accept: bool, by: User, reason: str = "", is_confirmed: bool = False
) -> Offer | Increase:
    """List a proposed offer, or reject it, as staff who did not propose it. Idempotent.

    Returns an Increase if listing raises what the community owes: a second person then confirms it
    (``is_confirmed``). Raises OwnOffer, OwnMerchant, OfferStatusWrong.
    """
    offer = offer.locked(*WHOSE)
    status = Offer.Status.LISTED if accept else Offer.Status.REJECTED
    if offer.proposed_by_id == by.pk:
        raise errors.OwnOffer
    sides.refuse_own(by, offer.partnership)
    if offer.status == status:
        return offer
    _refuse_decided(offer)
    if accept and not is_confirmed and (waiting := raised.ask(Increase.Kind.LISTING, offer, by)):
        return waiting
    offer.save_with(status=status, decided_by=by, decided_at=timezone.now())
    raised.drop_listing(offer)
    if accept:
        _price(offer, by)
    _record("offer.decide", offer, by, status=status, reason=reason)
    return offer


@transaction.atomic
def set_listed(*, offer: Offer, is_listed: bool, by: User) -> Offer:
    """Take an offer off the list, or put it back, as its owner or as staff. Idempotent.

    Held vouchers stay good. An offer that staff took off only staff can put back. Raises
    OwnMerchant (staff), OfferStatusWrong, StaffWithdrewIt.
    """
    offer = offer.locked(*WHOSE)
    is_staff = not partners.owns(by, offer.partnership.merchant_id)
    if is_staff:
        sides.refuse_own(by, offer.partnership)
    status = Offer.Status.LISTED if is_listed else Offer.Status.WITHDRAWN
    if offer.status not in CAN_BE_LISTED:
        raise errors.OfferStatusWrong(current_status=offer.status)
    if offer.staff_withdrew and is_listed and not is_staff:
        raise errors.StaffWithdrewIt
    withdrew = is_staff and not is_listed
    if (offer.status, offer.staff_withdrew) != (status, withdrew or offer.staff_withdrew):
        offer.save_with(status=status, staff_withdrew=withdrew)
        _record("offer.list", offer, by, status=status)
    return offer


@transaction.atomic
def take_back(*, offer: Offer, by: User) -> Offer:
    """Withdraw an offer that a list made by mistake, and free its code for another. Idempotent.

    One that nobody has decided on is rejected, whoever proposed it. Its prices stay on record.
    Raises OwnMerchant.
    """
    offer = offer.locked(*WHOSE)
    sides.refuse_own(by, offer.partnership)
    if offer.status == Offer.Status.PROPOSED:
        status = Offer.Status.REJECTED
        offer.save_with(status=status)
        raised.drop_listing(offer)
        _record("offer.decide", offer, by, status=status, reason=_("The list was taken back."))
    elif offer.status == Offer.Status.LISTED:
        offer = set_listed(offer=offer, is_listed=False, by=by)
    ending = f"-{offer.pk.hex[-6:]}"
    if not offer.code.endswith(ending):
        offer.save_with(code=offer.code[: LONGEST_CODE - len(ending)] + ending)
    return offer


@transaction.atomic
def change(*, offer: Offer, by: User, is_confirmed: bool = False, **facts: Any) -> Offer | Increase:
    """Set prices, texts and conditions as staff. Held vouchers keep what was agreed.

    Returns an Increase, and changes nothing, if a second person has to confirm it, as in
    ``decide``. Raises OwnMerchant, OfferIncomplete if the changed fields contradict each other.
    """
    offer = offer.locked(*WHOSE)
    sides.refuse_own(by, offer.partnership)
    before = _prices(offer)
    _set(offer, facts)
    is_raise = offer.status in CAN_BE_LISTED and _prices(offer) != before
    if is_raise and not is_confirmed:
        waiting = raised.ask(Increase.Kind.PRICE, offer, by, facts)
        if waiting is not None:
            return waiting
    return _changed(offer, by, before, facts)


@transaction.atomic
def amend(*, offer: Offer, by: User, **facts: Any) -> Offer:
    """Change prices, texts or conditions as the offer's owner, which proposes the offer again.

    Held vouchers keep what was agreed. Raises OwnMerchant if ``settled_fen`` is among the facts,
    OfferStatusWrong (rejected), StaffWithdrewIt, OfferIncomplete.
    """
    if "settled_fen" in facts:
        raise OwnMerchant
    offer = offer.locked(*WHOSE)
    if offer.status == Offer.Status.REJECTED:
        raise errors.OfferStatusWrong(current_status=offer.status)
    if offer.staff_withdrew:
        raise errors.StaffWithdrewIt
    before = _prices(offer)
    _set(offer, facts)
    proposed = {"status": Offer.Status.PROPOSED, "proposed_by": by}
    return _changed(offer, by, before, facts, **proposed, decided_by=None, decided_at=None)


def _set(offer: Offer, facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        setattr(offer, name, value)
    if not is_complete(offer):
        raise errors.OfferIncomplete


def _changed(
    offer: Offer, by: User, before: dict[str, Any], facts: dict[str, Any], **more: Any
) -> Offer:
    offer.save_with(**facts, **more)
    after = _prices(offer)
    if after != before:
        _price(offer, by)
    raised.drop_listing(offer)
    _record("offer.change", offer, by, changed=sorted(facts), status=offer.status, **after)
    return offer


def _prices(offer: Offer) -> dict[str, Any]:
    return {name: getattr(offer, name) for name in PRICES}


def picture(*, offer: Offer, photo: "UploadedFile[Any] | None", by: User) -> Offer:
    """Replace the offer's picture by ``photo``, re-encoded; ``None`` removes the picture.

    Raises OwnMerchant (staff), OfferStatusWrong (an owner's offer that was decided on), and
    whatever ``without_exif`` raises.
    """
    is_owner = partners.owns(by, offer.partnership.merchant_id)
    if is_owner:
        _refuse_decided(offer)
    # Before the offer is locked, so that volunteers who take it do not wait for a decoder.
    jpeg = None if photo is None else without_exif(photo, PICTURE_SIDE)
    with transaction.atomic():
        offer = offer.locked(*WHOSE)
        if is_owner:
            _refuse_decided(offer)
        else:
            sides.refuse_own(by, offer.partnership)
        storage, before = offer.picture.storage, offer.picture.name
        if jpeg is None:
            offer.picture = ""
        else:
            offer.picture.save(PurePath(picture_name(uuid4())).name, jpeg, save=False)
        offer.save(update_fields=["picture"])
        if before:
            transaction.on_commit(lambda: storage.delete(before))
        _record("offer.picture", offer, by, has_picture=jpeg is not None)
    return offer


def _refuse_decided(offer: Offer) -> None:
    if offer.status != Offer.Status.PROPOSED:
        raise errors.OfferStatusWrong(current_status=offer.status)


def is_reserved(code: str) -> bool:
    """Tell whether codes like ``code`` are reserved for the system."""
    return code.lower().startswith(OURS)


def picture_name(picture_id: UUID) -> str:
    """Return the file name of the picture with that id."""
    return f"offers/{picture_id}.jpg"


def is_complete(offer: Offer) -> bool:
    """Tell whether the offer's fields are consistent.

    A seat has a date, a limit has a period, days and ages are in order.
    """
    days, ages = (offer.valid_from, offer.valid_until), (offer.min_age, offer.max_age)
    return (
        (offer.kind == Offer.Kind.SEAT) == (offer.starts_at is not None)
        and (offer.limit_quantity is None) == (offer.limit_period is None)
        and (None in days or sorted(days) == list(days))  # type: ignore[type-var]
        and (None in ages or sorted(ages) == list(ages))  # type: ignore[type-var]
    )


@transaction.atomic
def restock(*, offer: Offer, change: int, reason: str, by: User) -> StockMove:
    """Add ``change`` pieces to the stock, or remove them if negative, as clerk, owner or staff.

    Raises OwnMerchant (staff), OfferRaisedAlone if pieces are added after one person alone raised
    the price, OutOfStock, StockFull.
    """
    offer = offer.locked(*WHOSE)
    if not partners.works_at(by, offer.partnership.merchant_id):
        sides.refuse_own(by, offer.partnership)
    if change > 0 and raised.is_alone(offer):
        raise errors.OfferRaisedAlone
    if offer.stock + change < 0:
        raise errors.OutOfStock(stock=offer.stock)
    if change > 0 and offer.stock + change > PIECES_AT_MOST:
        raise errors.StockFull(stock=offer.stock, limit=PIECES_AT_MOST)
    Offer.objects.filter(community=offer.community_id, pk=offer.pk).update(
        stock=F("stock") + change
    )
    move = StockMove.objects.create(
        community_id=offer.community_id,
        offer=offer,
        change=change,
        stock=offer.stock + change,
        reason=reason,
        moved_by=by,
    )
    _record("offer.restock", offer, by, change=change, stock=move.stock)
    return move


def _price(offer: Offer, by: User | None) -> None:
    OfferPrice.objects.create(
        community_id=offer.community_id,
        offer=offer,
        set_by=by,
        is_proposed=offer.status == Offer.Status.PROPOSED,
        **_prices(offer),
    )


def _record(action: str, offer: Offer, by: User | None, **after: Any) -> None:
    trail.record(action, actor=by, target=offer, after=after)


# --- what takes a second person ---------------------------------------------------------------
def _confirm_price(increase: Increase, offer: Offer, reason: str) -> None:
    facts = increases.read(Offer, increase.facts)
    change(offer=offer, by=increase.asked_by, is_confirmed=True, **facts)


def _confirm_listing(increase: Increase, offer: Offer, reason: str) -> None:
    decide(offer=offer, accept=True, by=increase.asked_by, reason=reason, is_confirmed=True)


INCREASES = {
    Increase.Kind.PRICE: increases.Declared(_confirm_price, Offer),
    Increase.Kind.LISTING: increases.Declared(_confirm_listing, Offer),
}
