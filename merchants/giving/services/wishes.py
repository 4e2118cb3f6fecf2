"""微心愿: a volunteer's wish, decided on by staff, adopted, and delivered with thanks.

Locks are taken in one order: role, voucher, wish, hold, wallet, offer.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.selectors import known_to
from backend.communities.services import roles
from backend.ids import new_id
from backend.registries.leaving import Leaving
from merchants.catalogue.models import Offer
from merchants.catalogue.services import offers as catalogue
from merchants.giving import errors
from merchants.giving.models import Wish
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import increases, sides, telling
from merchants.redemption.errors import VoucherStatusWrong
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers as redemption
from points.kinds import AccountKind
from points.ledger import selectors as points
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints

Status = Wish.Status
WITHOUT_TEXT = "微心愿"
LATELY = timedelta(days=90)  # as merchants_worked_at has it
LIFETIME = timedelta(days=30)  # for whoever adopted it; then it is open again


@transaction.atomic
def propose(*, volunteer: User, community: Community, text: str) -> Wish:
    """Propose a wish in a community. A volunteer has one open wish at a time.

    Raises GuardianConsentRequired, WishOpenAlready.
    """
    guardians.require_guardian(volunteer)
    roles.volunteering(user_id=volunteer.pk, community_id=community.pk)  # one at a time
    if Wish.objects.filter(community=community, volunteer=volunteer, status__in=Wish.OPEN).exists():
        raise errors.WishOpenAlready
    return Wish.objects.create(community=community, volunteer=volunteer, text=text)


@transaction.atomic
def decide(
    *,
    wish: Wish,
    accept: bool,
    by: User,
    price_points: int | None = None,
    value_fen: int | None = None,
    reason: str = "",
    is_confirmed: bool = False,
) -> Wish | Increase:
    """Publish a wish for ``price_points``, or reject it, as staff. Idempotent.

    ``value_fen`` is its price in a shop: a contract by share pays a share of that, one by the piece
    all. Returns an Increase if that is above the community's limit: a second person then confirms
    it (``is_confirmed``). Raises OwnWish, WishWithoutPrice, WishStatusWrong.
    """
    wish = _locked(wish)
    _refuse_wisher(wish, by)
    if accept and not price_points:
        raise errors.WishWithoutPrice
    status = Status.PUBLISHED if accept else Status.REJECTED
    if (wish.status, wish.price_points) == (status, price_points if accept else None):
        return wish
    if wish.status != Status.PROPOSED:
        raise errors.WishStatusWrong(current_status=wish.status)
    if accept and value_fen and not is_confirmed:
        waiting = increases.ask(
            kind=Increase.Kind.WISH,
            about=wish,
            by=by,
            amount_fen=value_fen,
            facts={"price_points": price_points, "value_fen": value_fen},
        )
        if waiting is not None:
            return waiting
    wish.save_with(
        status=status,
        decided_by=by,
        reason=reason,
        price_points=price_points if accept else None,
        value_fen=value_fen if accept else None,
        closed_at=None if accept else timezone.now(),
    )
    increases.drop(wish.community_id, subject_id=wish.pk)
    _record("wish.decide", wish, by)
    _tell(f"wish_{status}", wish, price_points=wish.price_points, reason=reason)
    return wish


def _confirm_wish(increase: Increase, wish: Wish, reason: str) -> None:
    facts = increase.facts
    decide(wish=wish, accept=True, by=increase.asked_by, reason=reason, is_confirmed=True, **facts)


def _refuse_wisher(wish: Wish, by: User) -> None:
    if wish.volunteer_id == by.pk:
        raise errors.OwnWish


INCREASES = {Increase.Kind.WISH: increases.Declared(_confirm_wish, Wish, _refuse_wisher)}


@transaction.atomic
def adopt_as_merchant(*, wish: Wish, partnership: Partnership, by: User) -> Wish:
    """Adopt a wish for a partner: the volunteer's points are held until the shop scans a voucher.

    The merchant is paid by its contract. Idempotent. Raises OwnWish, WishStatusWrong,
    WishNotOpenNow, OwnMerchant if somebody who decided on the price works there, PartnerNotActive,
    OfferNotPriced, InsufficientPoints.
    """
    belongs = _belongs(wish)
    wish = _locked(wish)
    if wish.status == Status.ADOPTED and wish.partnership_id == partnership.pk:
        return wish
    _check_open(wish, by, belongs=belongs)
    assert wish.price_points is not None  # a check constraint
    _refuse_deciders(wish, partnership)
    offer = catalogue.offer(
        partnership=partnership,
        code=f"wish-{new_id().hex[-16:]}",
        title=wish.text[:60],
        price_points=wish.price_points,
        stock=1,
        kind=Offer.Kind.WISH,
        status=Offer.Status.WITHDRAWN,  # for nobody else
        value_fen=wish.value_fen,
        settled_fen=wish.value_fen,
    )
    with _balance_untold():
        voucher = redemption.set_aside(
            offer=Offer.objects.select_related("partnership", "community").get(
                community=offer.community_id, pk=offer.pk
            ),
            volunteer=wish.volunteer,
            quantity=1,
            lifetime=LIFETIME,
        )
    wish.save_with(partnership=partnership, redemption=voucher, status=Status.ADOPTED)
    _record("wish.adopt", wish, by)
    _tell("wish_adopted_by_shop", wish, merchant=partnership.name, days=LIFETIME.days)
    return wish


@transaction.atomic
def adopt_as_donor(*, wish: Wish, donor: User) -> Wish:
    """Adopt a wish as a neighbour, unpaid: the held points go into the pool of wishes.

    Idempotent. Raises GuardianConsentRequired, OwnWish, WishStatusWrong, WishNotOpenNow,
    InsufficientPoints.
    """
    guardians.require_guardian(donor)
    belongs = _belongs(wish)
    wish = _locked(wish)
    if wish.status == Status.ADOPTED and wish.donor_id == donor.pk:
        return wish
    _check_open(wish, donor, belongs=belongs)
    assert wish.price_points is not None  # a check constraint
    wallet = points.wallet_of(wish.community_id, wish.volunteer_id)
    if wallet is None:
        raise InsufficientPoints(needed=wish.price_points)
    source = f"wish:{wish.pk}"
    pool = ledger.account(community=wish.community, kind=AccountKind.POOL, holder="wishes")
    with _balance_untold():
        hold = ledger.hold(
            ledger.Movement(
                debit=wallet,
                credit=pool,
                amount=wish.price_points,
                key=f"{source}:{new_id()}",  # it may be adopted again
                reason="wish",
                source=source,
            ),
            lifetime=LIFETIME,
        )
    wish.save_with(donor=donor, hold_id=hold.pk, status=Status.ADOPTED)
    _record("wish.adopt", wish, donor)
    _tell("wish_adopted_by_neighbour", wish)
    return wish


@transaction.atomic
def release(*, wish: Wish, by: User) -> Wish:
    """Release a wish that its adopter cannot fulfil, which frees the points and reopens it.

    Raises WishStatusWrong if it is not adopted, or its voucher was scanned (refund that instead).
    """
    wish = _locked(wish)
    if wish.status != Status.ADOPTED:
        raise errors.WishStatusWrong(current_status=wish.status)
    ended = wish.redemption_id or wish.hold_id
    _let_go(wish)
    _record("wish.release", wish, by)
    _tell("wish_open_again", wish, about=ended)
    return wish


def lapsed() -> QuerySet[Wish]:
    """Return the wishes adopted by neighbours whose hold of the points has expired.

    A wish adopted by a shop reopens when its voucher expires.
    """
    return Wish.objects.filter(status=Status.ADOPTED, hold__expires_at__lte=timezone.now())


@transaction.atomic
def reopen(*, community_id: UUID, wish_id: UUID) -> bool:
    """Reopen a lapsed wish and free its points. Returns ``False`` if there was nothing to do."""
    its = lapsed().filter(community=community_id, pk=wish_id)
    wish = its.first()
    if wish is None:
        return False
    wish = _locked(wish)
    if not its.all().exists():  # while we waited
        return False
    ended = wish.hold_id
    _let_go(wish)
    _tell("wish_open_again", wish, about=ended)
    return True


@transaction.atomic
def withdraw(*, wish: Wish) -> Wish:
    """Withdraw a wish, as its volunteer. Idempotent.

    Raises WishStatusWrong if the wish was rejected or delivered, or its voucher was scanned.
    """
    wish = _locked(wish)
    if wish.status == Status.WITHDRAWN:
        return wish
    if wish.status == Status.ADOPTED:
        _let_go(wish)
    if wish.status not in (Status.PROPOSED, Status.PUBLISHED):
        raise errors.WishStatusWrong(current_status=wish.status)
    wish.save_with(status=Status.WITHDRAWN, closed_at=timezone.now())
    increases.drop(wish.community_id, subject_id=wish.pk)
    return wish


@transaction.atomic
def thank(*, wish: Wish, text: str) -> Wish:
    """Say thanks for a fulfilled wish, which moves the held points unless the shop's scan has.

    Idempotent: keeps the first thanks. Raises WishStatusWrong, WishNotScanned, HoldExpired.
    """
    wish = _locked(wish)
    if wish.status == Status.DELIVERED:
        return wish
    if wish.status != Status.ADOPTED:
        raise errors.WishStatusWrong(current_status=wish.status)
    if wish.redemption is not None:
        if wish.redemption.status != Redemption.Status.REDEEMED:
            raise errors.WishNotScanned
    else:
        assert wish.hold_id is not None  # a check constraint
        ledger.capture(community_id=wish.community_id, hold_id=wish.hold_id)
    wish.save_with(status=Status.DELIVERED, thanks=text, closed_at=timezone.now())
    if wish.partnership is not None:
        fulfilled_by = telling.owners_of(wish.partnership.merchant_id)
    else:
        assert wish.donor_id is not None  # a check constraint
        fulfilled_by = [wish.donor_id]
    telling.tell(
        "wish_thanked",
        community=wish.community,
        recipients=fulfilled_by,
        about=wish.pk,
        target_id=wish.pk,
    )
    return wish


@transaction.atomic
def withdraw_all(leaving: Leaving) -> None:
    """Withdraw a leaving person's wishes, and release those they adopted.

    Idempotent: a second run finds none.
    """
    where = {name: value for name, value in leaving.whose.items() if name != "volunteer_id"}
    adopted = Q(**where, donor=leaving.user_id, status=Status.ADOPTED)
    theirs = Q(**leaving.whose, status__in=Wish.OPEN)
    for wish in Wish.objects.filter(theirs | adopted).select_related("donor").order_by("pk"):
        with suppress(errors.WishStatusWrong):  # its voucher was scanned
            if wish.donor is not None and wish.donor_id == leaving.user_id:
                release(wish=wish, by=wish.donor)
            else:
                withdraw(wish=wish)


def open_again(redemption: Redemption, *, is_news: bool) -> None:
    """Reopen the wish that a voucher was to fulfil, because the voucher ended without doing so.

    A wish whose text was erased with the person is withdrawn instead. A delivered wish stays so.
    The volunteer is told if the change ``is_news``.
    """
    if redemption.offer.kind != Offer.Kind.WISH:
        return
    wish = Wish.objects.filter(
        community_id=redemption.community_id, redemption=redemption, status=Status.ADOPTED
    ).first()
    if wish is None:
        return
    wish.save_with(
        partnership=None,
        redemption=None,
        status=Status.PUBLISHED if wish.text else Status.WITHDRAWN,
        closed_at=None if wish.text else timezone.now(),
    )
    if is_news and wish.status == Status.PUBLISHED:
        _tell("wish_open_again", wish, about=redemption.pk)


def forget(volunteer: User) -> None:
    """Erase the texts of the wishes of ``volunteer``, on vouchers too."""
    for community_id in known_to(volunteer):
        theirs = Redemption.objects.filter(community=community_id, volunteer=volunteer)
        wished_for = theirs.filter(offer__kind=Offer.Kind.WISH).values("offer")
        its = Offer.objects.filter(community=community_id, pk__in=wished_for)
        its.update(title=WITHOUT_TEXT)
        wishes = Wish.objects.filter(community=community_id, volunteer=volunteer)
        wishes.update(text="", reason="", thanks="")


def _let_go(wish: Wish) -> None:
    voucher = wish.redemption
    if voucher is not None:
        try:
            redemption.cancel(redemption=voucher)  # which opens the wish again
        except VoucherStatusWrong as refusal:
            raise errors.WishStatusWrong(current_status=Status.DELIVERED) from refusal
    else:
        assert wish.hold_id is not None  # a check constraint
        ledger.void(community_id=wish.community_id, hold_id=wish.hold_id)
        wish.save_with(donor=None, hold=None, status=Status.PUBLISHED)
    wish.refresh_from_db(fields=["status", "donor", "hold", "partnership", "redemption"])


def _refuse_deciders(wish: Wish, partnership: Partnership) -> None:
    """Raise OwnMerchant if somebody who decided on the wish's price works or worked there.

    Work in the 90 days before the wish counts too: nobody knew then which merchant it would be.
    """
    since = wish.proposed_at.astimezone(wish.community.clock).date() - LATELY
    confirmed = Increase.objects.filter(
        community_id=wish.community_id, subject_id=wish.pk, decided_by__isnull=False
    ).select_related("decided_by")
    for decider in (wish.decided_by, *(one.decided_by for one in confirmed)):
        assert decider is not None  # a check constraint, and the filter
        sides.refuse_own(decider, partnership, since)


@contextmanager
def _balance_untold() -> Iterator[None]:
    """Remove the volunteer's balance from InsufficientPoints: the adopter is not to learn it."""
    try:
        yield
    except InsufficientPoints as refusal:
        raise InsufficientPoints(needed=refusal.facts["needed"]) from None


def _check_open(wish: Wish, by: User, *, belongs: bool) -> None:
    _refuse_wisher(wish, by)
    if wish.status != Status.PUBLISHED:
        raise errors.WishStatusWrong(current_status=wish.status)
    # A volunteer who left or lacks a guardian's consent spends nothing; the reason is private.
    if not belongs or guardians.is_missing(wish.volunteer):
        raise errors.WishNotOpenNow


def _belongs(wish: Wish) -> bool:
    """Tell whether the wisher is a volunteer there, and keep it so until the transaction ends."""
    role = roles.volunteering(user_id=wish.volunteer_id, community_id=wish.community_id)
    return role is not None


def _locked(wish: Wish) -> Wish:
    # Lock the voucher first: cancelling a voucher comes to its wish from there.
    list(Redemption.objects.select_for_update(no_key=True, of=("self",)).filter(wishes=wish))
    return wish.locked("community", "volunteer", "partnership", "donor", "redemption", "decided_by")


def _tell(kind: str, wish: Wish, about: object = None, **facts: object) -> None:
    telling.tell(
        kind,
        community=wish.community,
        recipients=[wish.volunteer_id],
        about=about or wish.redemption_id or wish.hold_id or wish.pk,
        target_id=wish.pk,
        facts={"community": wish.community.name} | facts,
    )


def _record(action: str, wish: Wish, by: User) -> None:
    after = {"status": wish.status, "price_points": wish.price_points}
    trail.record(action, actor=by, target=wish, after=after)
