"""Contracts with merchants, and the people who work there."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.locks import lock_by_id
from backend.names import of_thing
from backend.sql import constraint_of
from merchants.partners import errors, selectors
from merchants.partners.models.increases import Increase
from merchants.partners.models.merchants import Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import increases, sides, telling

Status = Partnership.Status
WITH = ("merchant", "community")
LONGEST_NAME = 60


@transaction.atomic
def sign_contract(
    *,
    community: Community,
    name: str,
    trade: str,
    fen_per_point: int,
    is_donated: bool,
    merchant: Merchant | None = None,
) -> Partnership:
    """Make a merchant an active partner at once, paid ``fen_per_point`` or donating.

    For imports; staff begin with ``consider``. ``merchant`` is given if the business is already a
    partner elsewhere.
    """
    partnership = Partnership.objects.create(
        community=community,
        merchant=merchant or Merchant.objects.create(name=name, trade=trade),
        name=name,
        status=Status.ACTIVE,
    )
    Terms.objects.create(
        community=community,
        partnership=partnership,
        version=1,
        kind=Terms.Kind.DONATED if is_donated else Terms.Kind.PER_POINT,
        fen_per_point=fen_per_point,
    )
    terms = {"fen_per_point": fen_per_point, "is_donated": is_donated}
    facts = {"merchant": str(partnership.merchant_id), **terms}
    trail.record("partnership.sign", actor=None, target=partnership, after=facts)
    return partnership


@transaction.atomic
def consider(
    *,
    community: Community,
    name: str,
    trade: str,
    by: User,
    merchant_id: UUID | None = None,
) -> Partnership:
    """Record a business that the community talks to, as a candidate.

    With the ``merchant_id`` of a partner elsewhere, told by its owner, the business keeps its trade
    and is asked; it becomes a candidate when its owner accepts (``answer``). Raises
    PartnerNameTaken, MerchantUnknown (also if nobody owns the merchant: staff here would invite its
    first owner), AlreadyPartner, OwnMerchant.
    """
    merchant = _with_an_owner(merchant_id) if merchant_id else None
    if merchant and merchant.partnerships.filter(community=community).exists():
        raise errors.AlreadyPartner
    if Partnership.objects.filter(community=community, name_compared=of_thing(name)).exists():
        raise errors.PartnerNameTaken
    partnership = Partnership.objects.create(
        community=community,
        merchant=merchant or Merchant.objects.create(name=name, trade=trade),
        name=name,
        **(ASKED if merchant else {"status": Status.CANDIDATE}),
    )
    sides.refuse_own(by, partnership)
    if merchant:
        telling.tell(
            "partnership_asked",
            community=community,
            recipients=telling.owners_of(merchant.pk),
            about=partnership.pk,
            target_id=partnership.pk,
            facts={"community": community.name, "merchant": merchant.name},
        )
    facts = {"merchant": str(partnership.merchant_id), "is_new": merchant is None}
    trail.record("partnership.consider", actor=by, target=partnership, after=facts)
    return partnership


@transaction.atomic
def answer(*, partnership: Partnership, accept: bool, by: User) -> Partnership:
    """Accept or decline another community, as the merchant's owner. A no may become a yes.

    A no is recorded outside the community's own audit trail. Idempotent. Raises MerchantUnknown if
    ``by`` does not own the merchant, PartnerStatusWrong if it has accepted already.
    """
    partnership = partnership.locked(*WITH)
    if not selectors.owns(by, partnership.merchant_id):
        raise errors.MerchantUnknown
    status = Status.CANDIDATE if accept else Status.DECLINED
    if partnership.status == status:
        return partnership
    if partnership.accepted_at is not None:
        raise errors.PartnerStatusWrong(current_status=partnership.status)
    before = partnership.status
    partnership.save_with(status=status, accepted_at=timezone.now() if accept else None)
    trail.record(
        "partnership.answer",
        actor=by,
        community=partnership.community if accept else None,
        target=partnership,
        before={"status": before},
        after={"status": status},
    )
    return partnership


def _with_an_owner(merchant_id: UUID) -> Merchant:
    # Locked, so that the second of two requests finds what the first made.
    lock_by_id(merchant_id)
    merchant = Merchant.objects.filter(pk=merchant_id).first()
    if merchant is None or not selectors.owners_of(merchant_id).exists():
        raise errors.MerchantUnknown
    return merchant


ASKED: dict[str, Any] = {"status": Status.ASKED, "accepted_at": None}
# The allowed combinations of (has fen_per_point, has share_bp) for each kind of terms.
FIGURES = {
    Terms.Kind.PER_POINT: {(True, False)},
    Terms.Kind.SHARE: {(False, True)},
    Terms.Kind.PER_PIECE: {(False, False)},
    Terms.Kind.DONATED: {(False, False), (True, False)},
}


@transaction.atomic
def agree(
    *,
    partnership: Partnership,
    kind: Terms.Kind,
    by: User,
    valid_from: date,
    fen_per_point: int | None = None,
    share_bp: int | None = None,
    is_confirmed: bool = False,
) -> Terms | Increase:
    """Add the next version of the contract, valid from the community's day ``valid_from``.

    Vouchers taken before keep their amount. The first version turns a candidate into a contract.
    Returns an Increase if it may cost more than the last: a second person then confirms it
    (``is_confirmed``). Raises OwnMerchant, PartnerNotAccepted, PartnerEnded, TermsIncomplete,
    TermsTooEarly (before today or the start of the last version).
    """
    partnership = partnership.locked(*WITH)
    sides.refuse_own(by, partnership)
    sides.refuse_unasked(partnership)
    told = (fen_per_point is not None, share_bp is not None)
    if told not in FIGURES[kind]:
        raise errors.TermsIncomplete
    versions = partnership.terms.order_by("-version")
    last = versions.filter(withdrawn_at=None).first()
    earliest = max(partnership.community.today, (last and last.valid_from) or date.min)
    if valid_from < earliest:
        raise errors.TermsTooEarly(earliest=earliest.isoformat())
    facts: dict[str, Any] = {
        "kind": kind,
        "fen_per_point": fen_per_point,
        "share_bp": share_bp,
        "valid_from": valid_from,
    }
    terms = Terms(
        community_id=partnership.community_id,
        partnership=partnership,
        version=versions[0].version + 1 if versions else 1,
        agreed_by=by,
        **facts,
    )
    if not is_confirmed and may_cost_more(last, terms):
        return _ask(partnership, by, facts)
    terms.save(force_insert=True)
    facts |= {"version": terms.version, "valid_from": valid_from.isoformat()}
    trail.record("partnership.agree", actor=by, target=partnership, after=facts)
    if partnership.status == Status.CANDIDATE:
        _move(partnership, Status.CONTRACT, by)
    return terms


def _ask(partnership: Partnership, by: User, facts: dict[str, Any]) -> Increase:
    waiting = increases.ask(
        kind=Increase.Kind.TERMS,
        about=partnership,
        by=by,
        amount_fen=None,  # nobody knows what will be redeemed
        facts=facts,
    )
    assert waiting is not None  # it has no bound
    return waiting


def may_cost_more(last: Terms | None, new: Terms) -> bool:
    """Tell whether ``new`` may cost more than ``last``; how much more has no bound.

    A change of kind may always cost more, unless the new kind is donated.
    """
    if new.kind == Terms.Kind.DONATED:
        return False
    if last is None or last.kind != new.kind:
        return True
    figures = ("fen_per_point", "share_bp")
    return any((getattr(new, name) or 0) > (getattr(last, name) or 0) for name in figures)


@transaction.atomic
def withdraw_terms(*, terms: Terms, by: User, is_confirmed: bool = False) -> Terms | Increase:
    """Withdraw a version that is not in force yet, so that another may begin earlier.

    Idempotent: keeps the first ``withdrawn_at``. Returns an Increase if more may be owed without
    it: a second person then confirms it (``is_confirmed``). Raises OwnMerchant, TermsInForce (also
    in the last minute before, or if something was taken under it).
    """
    partnership = terms.partnership.locked(*WITH)
    sides.refuse_own(by, partnership)
    terms = Terms.objects.select_related("partnership__community", "withdrawn_by").get(
        community_id=terms.community_id, pk=terms.pk
    )
    if terms.withdrawn_at is not None:
        return terms
    if terms.valid_from is None or terms.valid_from <= partnership.community.today:
        raise errors.TermsInForce
    earlier = partnership.terms.filter(withdrawn_at=None, version__lt=terms.version)
    instead = earlier.order_by("-version").first()
    if not is_confirmed and instead and may_cost_more(terms, instead):
        return _ask(partnership, by, {"withdrawn_version": terms.version})
    try:
        with transaction.atomic():
            terms.save_with(withdrawn_at=timezone.now(), withdrawn_by=by)
    except IntegrityError as error:
        if constraint_of(error) != "terms_withdrawn_in_time":
            raise
        raise errors.TermsInForce from error
    told = {"version": terms.version}
    trail.record("partnership.withdraw_terms", actor=by, target=partnership, after=told)
    return terms


def _confirm_terms(increase: Increase, partnership: Partnership, reason: str) -> None:
    by, facts = increase.asked_by, increase.facts
    if withdrawn := facts.get("withdrawn_version"):
        terms = partnership.terms.get(version=withdrawn)
        withdraw_terms(terms=terms, by=by, is_confirmed=True)
        return
    agree(partnership=partnership, by=by, is_confirmed=True, **increases.read(Terms, facts))


INCREASES = {Increase.Kind.TERMS: increases.Declared(_confirm_terms, Partnership)}


MOVES = {
    Status.ACTIVE: {Status.CONTRACT, Status.SUSPENDED},
    Status.SUSPENDED: {Status.ACTIVE},
    Status.ENDED: {Status.CANDIDATE, Status.CONTRACT, Status.ACTIVE, Status.SUSPENDED},
}


@transaction.atomic
def move(*, partnership: Partnership, status: Status, by: User, reason: str = "") -> Partnership:
    """Start, suspend, resume or end a partnership. Idempotent.

    Held vouchers stay good, and what is owed is settled. Raises OwnMerchant, PartnerStatusWrong.
    """
    partnership = partnership.locked(*WITH)
    sides.refuse_own(by, partnership)
    if partnership.status != status:
        if partnership.status not in MOVES.get(status, set()):
            raise errors.PartnerStatusWrong(current_status=partnership.status)
        _move(partnership, status, by, reason)
    return partnership


@transaction.atomic
def take_back(*, partnership: Partnership, by: User) -> Partnership:
    """End a partnership that a list made by mistake, and free its name for another.

    Its terms stay on record. Idempotent. Raises OwnMerchant.
    """
    partnership = move(
        partnership=partnership, status=Status.ENDED, by=by, reason=_("The list was taken back.")
    )
    ending = f" ({partnership.pk.hex[-6:]})"
    if not partnership.name.endswith(ending):
        name = partnership.name[: LONGEST_NAME - len(ending)] + ending
        partnership.save_with(name=name, name_compared="")  # made on saving
    return partnership


@transaction.atomic
def describe(*, partnership: Partnership, by: User, **facts: Any) -> Partnership:
    """Set the shop's place, hours and phone, as its owner or as staff.

    Staff also set the day its periods start on (1 to 28). A check constraint wants latitude and
    longitude both or neither. Raises OwnMerchant (an owner sets no ``settlement_day``),
    PartnerNotAccepted.
    """
    partnership = partnership.locked(*WITH)
    if "settlement_day" in facts or not selectors.owns(by, partnership.merchant_id):
        sides.refuse_own(by, partnership)
        sides.refuse_unaccepted(partnership)
    partnership.save_with(**facts)
    told = {"changed": sorted(facts)}
    told |= {name: facts[name] for name in facts.keys() & {"settlement_day"}}
    trail.record("partnership.describe", actor=by, target=partnership, after=told)
    return partnership


def _move(partnership: Partnership, status: Status, by: User, reason: str = "") -> None:
    before = {"status": partnership.status}
    partnership.save_with(status=status)
    if status == Status.ENDED:
        increases.drop(partnership.community_id, partnership=partnership)
    facts = {"status": status, "reason": reason}
    trail.record("partnership.move", actor=by, target=partnership, before=before, after=facts)


@transaction.atomic
def employ(*, merchant: Merchant, user: User, role: MerchantMember.Role) -> MerchantMember:
    """Let ``user`` work at a merchant. Idempotent: keeps the role of somebody who works there."""
    member, is_new = take_on(merchant=merchant, user=user, role=role)
    if is_new:
        record(
            "merchant_member.employ",
            actor=None,
            merchant=merchant,
            target=member,
            after={"role": member.role, "user": str(user.pk)},
        )
    return member


def take_on(
    *, merchant: Merchant, user: User, role: MerchantMember.Role
) -> tuple[MerchantMember, bool]:
    """Return the membership of ``user``, and whether it is new; one that exists keeps its role."""
    return MerchantMember.objects.get_or_create(
        merchant=merchant, user=user, ended_at=None, defaults={"role": role}
    )


def record(action: str, *, merchant: Merchant, **entry: Any) -> None:
    """Record an act on a merchant in the audit trail of each of its communities.

    ``entry`` has the actor, the target, and what was before and after, as ``trail.record`` takes.
    """
    communities: list[Community | None] = [*selectors.communities_told_of(merchant.pk)]
    for community in communities or [None]:
        trail.record(action, community=community, **entry)
