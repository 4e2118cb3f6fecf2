"""Funds: budgets are topped up, claims are served in turn, and the year ends.

Everybody who may change who waits locks the fund, then the claim; accounts come after both. No verb
here pays anybody: whoever pays says what became of it by ``commit``, ``release`` or ``lapse``.
docs/ledger.md, "Funds", has the rules.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.ids import new_id
from backend.sql import constraint_of
from points.funds import errors, selectors
from points.funds.models import Claim, Fund, Recovery, TopUp
from points.kinds import RECEIVES, AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.errors import AmountInvalid
from points.ledger.models import Account, Hold, Transfer
from points.ledger.services import Movement

Status = Claim.Status
OPEN = Claim.OPEN


# --- money in ---------------------------------------------------------------------------------
@transaction.atomic
def open_fund(
    *,
    community: Community,
    name: str,
    year: int,
    unit: Unit,
    opened_by: User,
    approval_above: int | None = None,
) -> Fund:
    """Open a fund for a year, with nothing in it.

    Claims above ``approval_above`` wait for a second person's approval, none does if it is None.
    Idempotent: returns the fund of that name and year. Raises FundNameTaken if that has another
    unit or threshold.
    """
    fund = _opened(community, name, year, unit, opened_by, approval_above)
    if (fund.account.unit, fund.approval_above) != (unit, approval_above):
        raise errors.FundNameTaken
    return fund


def _opened(
    community: Community,
    name: str,
    year: int,
    unit: str,
    opened_by: User,
    approval_above: int | None,
) -> Fund:
    """Return the fund of that name and year, opened if it is new."""
    named = {"community": community, "name": name, "year": year}
    known = Fund.objects.select_related("account").filter(**named)
    if found := known.first():
        return found
    fund = Fund(**named, id=new_id(), opened_by=opened_by, approval_above=approval_above)
    try:
        with transaction.atomic():
            fund.account = ledger.account(
                community=community,
                kind=AccountKind.FUND,
                unit=Unit(unit),
                holder=f"fund:{fund.pk}",
            )
            fund.save(force_insert=True)
    except IntegrityError as error:
        if constraint_of(error) != "fund_once":
            raise
        return known.get()  # somebody else opened it at this moment
    after = trail.facts_of(fund, "name", "year", "approval_above") | {"unit": unit}
    trail.record("fund.open", actor=opened_by, target=fund, after=after)
    return fund


@transaction.atomic
def top_up(*, fund: Fund, amount: int, reason: str, topped_up_by: User) -> TopUp:
    """Put ``amount`` of the fund's unit into it, and reserve for those who wait, in their turn.

    The amount comes from the account of kind ``issuance``, where all that the community gives comes
    from. Raises AmountInvalid, FundEnded.
    """
    fund = _in_use(fund)
    done = TopUp(
        id=new_id(),
        community_id=fund.community_id,
        fund=fund,
        amount=amount,
        reason=reason,
        topped_up_by=topped_up_by,
    )
    _move(_issuance(fund), fund.account, amount, f"fund_top_up:{done.pk}", "top_up")
    done.save(force_insert=True)
    trail.record(
        "fund.top_up",
        actor=topped_up_by,
        target=fund,
        after={"top_up": str(done.pk), "amount": amount},
    )
    _take_up(fund)
    return done


# --- claims -----------------------------------------------------------------------------------
@transaction.atomic
def claim(
    *,
    fund: Fund,
    subject: str,
    payee: str,
    amount: int,
    closed_at: datetime,
    reason: str,
    asked_by: User,
    explanation: dict[str, Any] | None = None,
) -> Claim:
    """Reserve ``amount`` for ``payee`` (a holder, ``person:…``), or wait until it is its turn.

    Claims are served by ``closed_at``. One that finds earlier ones waiting waits behind them, even
    if there is enough for it. Idempotent by ``subject``: answers with the first claim as it is now.
    Raises AmountInvalid, ClaimSubjectReused, FundEnded.
    """
    if amount < 1:
        raise AmountInvalid
    unit = Unit(fund.account.unit)
    account = ledger.account(community=fund.community, kind=RECEIVES[unit], unit=unit, holder=payee)
    terms = {"payee_id": account.pk, "amount": amount, "closed_at": closed_at, "reason": reason}
    fund = fund.locked()
    claims = Claim.objects.filter(community=fund.community_id, subject=subject)
    made = claims.first()
    if made is None:
        _refuse_ended(fund)
        above = fund.approval_above
        asked = Claim(
            community_id=fund.community_id,
            fund=fund,
            subject=subject,
            explanation=explanation or {},
            asked_by=asked_by,
            needs_approval=above is not None and amount > above,
            **terms,
        )
        # Somebody may claim of another fund for the subject at this moment.
        Claim.objects.bulk_create([asked], ignore_conflicts=True)
        _take_up(fund)
        made = claims.get()
    if any(getattr(made, name) != value for name, value in terms.items()):
        raise errors.ClaimSubjectReused
    return made


@transaction.atomic
def approve(*, claim: Claim, approved_by: User) -> Claim:
    """Approve a claim above its fund's threshold, whether or not it is reserved yet.

    Idempotent: keeps the first approval. Raises ClaimNeedsNoApproval, ClaimStatusWrong, and
    OwnClaim if the approver asked for it or is paid by it.
    """
    claim = claim.locked("payee")
    if approved_by.pk == claim.asked_by_id or claim.payee.holder == f"person:{approved_by.pk}":
        raise errors.OwnClaim
    if not claim.needs_approval:
        raise errors.ClaimNeedsNoApproval
    if claim.approved_by_id:
        return claim
    if claim.status not in OPEN:
        raise errors.ClaimStatusWrong(current_status=claim.status)
    claim.save_with(approved_by=approved_by, approved_at=timezone.now())
    trail.record("claim.approve", actor=approved_by, target=claim)
    return claim


@transaction.atomic
def commit(*, claim: Claim, expires_on: date | None = None, at: datetime | None = None) -> Claim:
    """Pay a reserved claim: its amount reaches the payee's account.

    ``at`` is when it happened, now if not given; points can be spent until ``expires_on``. The hold
    is given back and the amount posted in one transaction, under a key of the claim and not of one
    of its holds, so that a claim moves money once, however often it was reserved. What was set off
    against it goes back to the fund of what its payee owes, so that between the two postings the
    payee has what was really paid. Idempotent. Raises ClaimStatusWrong, ClaimNeedsApproval, and
    ClaimFrozen unless it was on its way already.
    """
    _payee_locked(claim)
    claim = claim.locked("payee")
    if claim.status == Status.COMMITTED:
        return claim
    if claim.status != Status.RESERVED:
        raise errors.ClaimStatusWrong(current_status=claim.status)
    if claim.needs_approval and not claim.approved_by_id:
        raise errors.ClaimNeedsApproval
    if claim.frozen_at and not claim.is_on_its_way:
        raise errors.ClaimFrozen
    assert claim.hold_id
    ledger.void(community_id=claim.community_id, hold_id=claim.hold_id)
    ledger.post(
        Movement(
            debit=claim.fund.account,
            credit=claim.payee,
            amount=claim.amount,
            key=claim.source,
            reason=claim.reason,
            source=claim.source,
            explanation=claim.explanation,
            occurred_at=at,
            expires_on=expires_on,
        )
    )
    claim.save_with(status=Status.COMMITTED, resolved_at=timezone.now(), set_off=claim.set_off or 0)
    _set_off(claim)
    return claim


@transaction.atomic
def payable(*, claim: Claim) -> int:
    """Return how much is to be paid for the claim now, in its fund's unit; 0 if nothing is.

    Nothing is paid of a claim that is not reserved, awaits an approval or is frozen. What the payee
    owes is set off here, and stands until the claim lapses: whoever pays calls this in the
    transaction in which the payout is ordered. From then on the claim is on its way, and the answer
    is always the same. A claim that is set off whole is committed at once.
    """
    _payee_locked(claim)
    claim = claim.locked()
    if claim.status != Status.RESERVED or (claim.needs_approval and not claim.approved_by_id):
        return 0
    if claim.set_off is None:
        if claim.frozen_at:
            return 0
        owed = selectors.owed_by(claim.community_id, claim.payee_id)
        claim.save_with(set_off=min(claim.amount, owed))
        if owed >= claim.amount:
            commit(claim=claim)
    return claim.amount - (claim.set_off or 0)


@transaction.atomic
def release(*, claim: Claim, released_by: User | None) -> Claim:
    """Give up an open claim for good; what was reserved goes to whoever waits next.

    ``released_by`` is None for a task. Idempotent. Raises ClaimStatusWrong if it was paid, and
    ClaimOnItsWay if it is about to be.
    """
    fund, claim = _locked(claim)
    if claim.status == Status.RELEASED:
        return claim
    if claim.status not in OPEN:
        raise errors.ClaimStatusWrong(current_status=claim.status)
    if claim.is_on_its_way:
        raise errors.ClaimOnItsWay
    _release(fund, claim, released_by)
    return claim


@transaction.atomic
def take_back(*, claim: Claim, taken_back_by: User) -> Claim:
    """Take back a claim whose subject turned out to be wrong.

    One that is neither paid nor on its way is released. Else the money has left: its payee owes it
    from the payment on, and if the payment lapses the claim is released then. Idempotent.
    """
    _payee_locked(claim)
    fund, claim = _locked(claim)
    if claim.status == Status.RELEASED or claim.taken_back_at:
        return claim
    if claim.status in OPEN and not claim.is_on_its_way:
        _release(fund, claim, taken_back_by)
        return claim
    claim.save_with(taken_back_at=timezone.now(), taken_back_by=taken_back_by)
    trail.record("claim.take_back", actor=taken_back_by, target=claim)
    return claim


@transaction.atomic
def recover(*, claim: Claim, amount: int, reference: str, recorded_by: User) -> Recovery:
    """Record that the payee gave back ``amount`` of a claim that was paid and taken back.

    Idempotent by ``reference``, which says where the money is found. Raises AmountInvalid,
    ClaimNotOwed, OwnRecovery, RecoveryTooLarge, RecoveryReferenceReused.
    """
    if amount < 1:
        raise AmountInvalid
    payee = _payee_locked(claim)
    claim = claim.locked()
    if claim.status != Status.COMMITTED or not claim.taken_back_by_id:
        raise errors.ClaimNotOwed
    if recorded_by.pk == claim.taken_back_by_id or payee.holder == f"person:{recorded_by.pk}":
        raise errors.OwnRecovery
    if made := claim.recoveries.filter(reference=reference).first():
        if made.amount != amount:
            raise errors.RecoveryReferenceReused
        return made
    # What will be set off against a claim on its way is spoken for.
    owed = min(selectors.owed_of(claim), selectors.owed_by(claim.community_id, claim.payee_id))
    if amount > owed:
        raise errors.RecoveryTooLarge(owed=owed)
    made = _recover(claim, amount, reference=reference, recorded_by=recorded_by)
    after = {"recovery": str(made.pk), "amount": amount}
    trail.record("claim.recover", actor=recorded_by, target=claim, after=after)
    return made


@transaction.atomic
def freeze(*, claim: Claim) -> Claim:
    """Keep an open claim from being reserved and paid, because its subject was opened again.

    It keeps its place; what was reserved goes to whoever waits next. One on its way is paid, unless
    the payment lapses. Idempotent; a paid or released one stays as it is.
    """
    fund, claim = _locked(claim)
    if claim.status not in OPEN or claim.frozen_at:
        return claim
    changes: dict[str, Any] = {"frozen_at": Now()}
    if claim.status == Status.RESERVED and not claim.is_on_its_way:
        _give_back(claim)
        changes |= {"status": Status.WAITING, "waiting_since": Now()}
    claim.save_with(**changes)
    trail.record("claim.freeze", actor=None, target=claim, after={"is_frozen": True})
    _take_up(fund)
    return claim.locked()


@transaction.atomic
def thaw(*, claim: Claim) -> Claim:
    """Let a frozen claim be reserved and paid again, in its old place. Idempotent."""
    fund, claim = _locked(claim)
    if claim.status not in OPEN or not claim.frozen_at:
        return claim
    changes: dict[str, Any] = {"frozen_at": None}
    if claim.status == Status.WAITING:
        changes |= {"waiting_since": Now()}
    claim.save_with(**changes)
    trail.record("claim.thaw", actor=None, target=claim, after={"is_frozen": False})
    _take_up(fund)
    return claim.locked()


@transaction.atomic
def lapse(*, claim: Claim, hold_id: UUID) -> Claim:
    """Take back the reservation ``hold_id`` that nobody claimed in time.

    The claim waits until its person asks (``ask_again``), and keeps its place; the money goes to
    whoever waits next. One that was taken back meanwhile is released. Idempotent: changes nothing
    for an earlier reservation than the present one, or if the present one lapsed already. Raises
    ClaimStatusWrong if the claim was paid or released.
    """
    fund, claim = _locked(claim)
    if claim.hold_id != hold_id or claim.status in (Status.UNCLAIMED, Status.WAITING):
        return claim
    if claim.status != Status.RESERVED:
        raise errors.ClaimStatusWrong(current_status=claim.status)
    if claim.taken_back_by_id:
        _release(fund, claim, claim.taken_back_by)
        return claim
    _give_back(claim)
    claim.save_with(status=Status.UNCLAIMED, set_off=None)
    _take_up(fund)
    return claim


@transaction.atomic
def ask_again(*, claim: Claim) -> Claim:
    """Let an unclaimed claim wait in its old place, before all that were closed after it.

    Idempotent: one that waits or is reserved is answered as it is. Raises ClaimStatusWrong if the
    claim was paid or released.
    """
    fund, claim = _locked(claim)
    if claim.status in (Status.WAITING, Status.RESERVED):
        return claim
    if claim.status != Status.UNCLAIMED:
        raise errors.ClaimStatusWrong(current_status=claim.status)
    claim.save_with(status=Status.WAITING, waiting_since=Now())
    _take_up(fund)
    return claim.locked()


@transaction.atomic
def take_up(*, fund: Fund) -> int:
    """Reserve for those who wait, in their turn. Returns for how many.

    Every verb that frees money does this; what the ledger brings back by itself, such as a
    shortfall that is repaid, is found by a sweep. Idempotent.
    """
    return _take_up(fund.locked())


# --- the end of the year ----------------------------------------------------------------------
@transaction.atomic
def carry_over(*, fund: Fund, ended_by: User) -> Fund:
    """End a fund whose year is over: what is left, and who waits, go to the next year's fund.

    That is the fund of the same name, opened on the same terms if there is none; it is returned.
    Claims keep their places. Idempotent. Raises FundEnded, FundYearNotOver, FundHasClaims if
    something is reserved, FundNameTaken if the next year's fund has another unit.
    """
    fund = fund.locked("account", "community")
    if fund.carried_into is not None:
        return fund.carried_into
    _refuse_ending(fund, Status.RESERVED)
    unit = fund.account.unit
    into = _opened(fund.community, fund.name, fund.year + 1, unit, ended_by, fund.approval_above)
    into = into.locked("account")  # the later year last: nobody locks two the other way round
    if into.account.unit != unit:
        raise errors.FundNameTaken
    _refuse_ended(into)
    _end(fund, into.account, Fund.Ending.CARRIED_OVER, ended_by, into)
    open_ = Claim.objects.filter(community=fund.community_id, fund=fund, status__in=OPEN)
    open_.filter(status=Status.WAITING).update(waiting_since=Now())
    # An unclaimed one waits for its person, and has waited in neither fund.
    open_.filter(status=Status.UNCLAIMED).update(waiting_since=F("reserved_at"))
    open_.update(fund=into)
    _take_up(into)
    return into


@transaction.atomic
def return_rest(*, fund: Fund, ended_by: User) -> Fund:
    """End a fund whose year is over: what is left goes back to where it came from.

    Idempotent. Raises FundEnded, FundYearNotOver, FundHasClaims if a claim is open.
    """
    fund = fund.locked("account", "community")
    if fund.ending == Fund.Ending.RETURNED:
        return fund
    _refuse_ending(fund, *OPEN)
    _end(fund, _issuance(fund), Fund.Ending.RETURNED, ended_by)
    return fund


def _end(
    fund: Fund, to: Account, ending: Fund.Ending, ended_by: User, into: Fund | None = None
) -> None:
    fund.account.refresh_from_db()
    amount = fund.account.available
    if amount:
        _move(fund.account, to, amount, f"fund_{ending}:{fund.pk}", ending)
    fund.save_with(
        ending=ending,
        ended_at=timezone.now(),
        ended_by=ended_by,
        ended_amount=amount,
        carried_into=into,
    )
    into_fund = {"carried_into": str(into.pk)} if into else {}
    after = {"ending": ending, "amount": amount} | into_fund
    trail.record("fund.end", actor=ended_by, target=fund, after=after)


def _refuse_ending(fund: Fund, *hindering: Status) -> None:
    _refuse_ended(fund)
    if fund.community.today.year <= fund.year:
        raise errors.FundYearNotOver(year=fund.year)
    found = Claim.objects.filter(
        community=fund.community_id, fund=fund, status__in=hindering
    ).values_list("status")
    if counts := dict(found.annotate(claims=Count("id"))):
        raise errors.FundHasClaims(**counts)


# --- what the verbs share ---------------------------------------------------------------------
def _in_use(fund: Fund) -> Fund:
    fund = fund.locked("account")
    _refuse_ended(fund)
    return fund


def _refuse_ended(fund: Fund) -> None:
    if fund.ending is not None:
        raise errors.FundEnded


def _locked(claim: Claim) -> tuple[Fund, Claim]:
    """Lock the claim's fund, then the claim: it may be in the next year's fund by then."""
    while True:
        fund = claim.fund.locked()
        claim = claim.locked()  # and not what it refers to, which may be of this moment
        if claim.fund_id == fund.pk:
            return fund, claim


def _payee_locked(claim: Claim) -> Account:
    """Lock the claim's payee, before the fund: what one owes is read and set off by turns."""
    return Account.objects.select_for_update(no_key=True).get(
        community=claim.community_id, pk=claim.payee_id
    )


def _release(fund: Fund, claim: Claim, released_by: User | None) -> None:
    before = {"status": claim.status}
    _give_back(claim)
    claim.save_with(status=Status.RELEASED, resolved_at=timezone.now(), set_off=None)
    trail.record("claim.release", actor=released_by, target=claim, before=before)
    _take_up(fund)


def _set_off(claim: Claim) -> None:
    """Take what was set off against a paid claim out of what its payee owes, the oldest first."""
    left = claim.set_off or 0
    if not left:
        return
    for debt in selectors.debts_of(claim.community_id, claim.payee_id):
        if part := min(left, selectors.owed_of(debt.locked())):
            _recover(debt, part, set_off_against=claim)
            left -= part
    assert not left, "More is set off than is owed."


def _recover(claim: Claim, amount: int, **how: Any) -> Recovery:
    made = Recovery(id=new_id(), community_id=claim.community_id, claim=claim, amount=amount, **how)
    paid = Transfer.objects.get(community=claim.community_id, key=claim.source)
    ledger.reverse(
        community_id=claim.community_id,
        transfer_id=paid.pk,
        amount=amount,
        key=made.source,
        reason="recovery",
        source=made.source,
    )
    made.save(force_insert=True)
    return made


def _take_up(fund: Fund) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_take_up(%s, %s, %s)", [fund.community_id, fund.pk, fund.account_id]
        )
        (taken,) = cursor.fetchone()
    return int(taken)


def _give_back(claim: Claim) -> None:
    """Void the claim's hold, if one stands.

    ``ledger.void`` would lock the payee's wallet too, after the fund: see points_take_up.sql.
    """
    if claim.hold_id:
        held = Hold.objects.filter(
            community=claim.community_id, pk=claim.hold_id, state=Hold.State.HELD
        )
        held.update(state=Hold.State.VOIDED, resolved_at=Now())


def _issuance(fund: Fund) -> Account:
    return ledger.account(
        community=fund.community, kind=AccountKind.ISSUANCE, unit=Unit(fund.account.unit)
    )


def _move(debit: Account, credit: Account, amount: int, key: str, reason: str) -> None:
    ledger.post(
        Movement(debit=debit, credit=credit, amount=amount, key=key, reason=reason, source=key)
    )
