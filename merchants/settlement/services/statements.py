"""Settlement: drafted for a period, questioned, approved by somebody else, paid, and final."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.ids import new_id
from merchants.partners import selectors
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import lists, sides, telling
from merchants.settlement import errors
from merchants.settlement.models.payouts import Payout
from merchants.settlement.models.statements import Statement, StatementQuestion
from merchants.settlement.services import sealed
from points.kinds import AccountKind
from points.ledger import services as ledger


def period_of(settlement_day: int, day: date) -> tuple[date, date]:
    """The last whole period before ``day``: its first day, and the first day after it.

    Periods start on ``settlement_day`` (1 to 28) of every month.
    """
    end = day.replace(day=settlement_day)
    if end > day:
        end = _month_earlier(end)
    return _month_earlier(end), end


def draft(
    *,
    community: Community,
    period_start: date,
    period_end: date,
    drafted_by: User | None = None,
) -> list[Statement]:
    """A draft for every merchant with something before ``period_end`` that is not settled.

    Days are the community's own; the end is not part of the period. What happened in an earlier
    period and came too late for its statement is settled here, so each redemption and each refund
    stands in exactly one. Services it received are on it as well, and are reason enough for one.
    A merchant's periods leave nothing out: each begins where its last statement ended, its first
    one no later than what is on it. Drafting a period again finds nothing left to settle.
    Of a merchant on whose side ``drafted_by`` is nothing is drafted: the night does that, or
    somebody else. Raises PeriodNotInOrder, PeriodNotOver.
    """
    if period_start >= period_end:
        raise errors.PeriodNotInOrder
    today = community.today
    if period_end > today:
        raise errors.PeriodNotOver(today=today.isoformat())
    statements = [
        _draft_one(partnership.pk, community, period_start, period_end, drafted_by)
        for partnership in _partners_of(community)
        if drafted_by is None or not selectors.worked_at(drafted_by, partnership, period_start)
    ]
    return [statement for statement in statements if statement]


def draft_due(*, community: Community, day: date) -> list[Statement]:
    """Draft each merchant's whole periods before ``day``, by its contract, that have none yet.

    Who is a partner has one for every period, also when nothing happened in it. Nights that were
    missed are made up for: the statements are those that they would have drafted.
    """
    statements = [
        _draft_one(partnership.pk, community, *period, None, is_due=True)
        for partnership in _partners_of(community).annotate(agreed_at=Min("terms__agreed_at"))
        for period in _periods_due(partnership, day)
    ]
    return [statement for statement in statements if statement]


@transaction.atomic
def ask(
    *, statement: Statement, line_id: UUID, words: str, asked_by: User, is_merchant: bool
) -> StatementQuestion:
    """Doubt a line, a redemption or a refund, of a draft. Nobody approves it until it is answered.

    ``is_merchant``: on the merchant's side, not the community's. Raises OwnMerchant (who works
    there asks as what they are), StatementStateWrong (agreed on already), LineUnknown.
    """
    statement = _locked(statement)
    if not is_merchant:
        sides.refuse_own(asked_by, statement.partnership, statement.period_start)
    if statement.status not in (Statement.Status.DRAFT, Statement.Status.QUESTIONED):
        raise errors.StatementStateWrong(state=statement.status)
    if not any(
        lines.filter(pk=line_id).exists() for lines in (statement.redemptions, statement.refunds)
    ):
        raise errors.LineUnknown
    question = StatementQuestion.objects.create(
        community_id=statement.community_id,
        statement=statement,
        line_id=line_id,
        words=words,
        asked_by=asked_by,
        asked_by_merchant=is_merchant,
    )
    question.refresh_from_db(fields=["asked_at"])  # the database's own time
    _move(statement, Statement.Status.QUESTIONED, "statement.question", asked_by)
    if not is_merchant:
        owners = telling.owners_of(statement.partnership.merchant_id)
        _tell("statement_asked", statement, owners, about=question.pk)
    return question


@transaction.atomic
def answer(
    *, question: StatementQuestion, words: str, answered_by: User, is_merchant: bool
) -> StatementQuestion:
    """Answer what the other side asked; when all are answered the statement is a draft again.

    Figures stay: what turns out wrong is refunded, and a line of the next statement. Raises
    OwnQuestion (their own side's as well), OwnMerchant, QuestionAnswered.
    """
    statement = _locked(question.statement)
    question = StatementQuestion.objects.select_related("asked_by").get(pk=question.pk)
    if question.asked_by_id == answered_by.pk or question.asked_by_merchant == is_merchant:
        raise errors.OwnQuestion
    if not is_merchant:
        sides.refuse_own(answered_by, statement.partnership, statement.period_start)
    if question.answered_at is not None:
        raise errors.QuestionAnswered
    question.answer = words
    question.answered_by = answered_by
    question.answered_at = timezone.now()
    question.save(update_fields=["answer", "answered_by", "answered_at"])
    if not statement.questions.filter(answered_at__isnull=True).exists():
        _move(statement, Statement.Status.DRAFT, "statement.answer", answered_by)
    _tell("statement_answered", statement, [question.asked_by_id], about=question.pk)
    return question


@transaction.atomic
def approve(*, statement: Statement, approver: User) -> Statement:
    """Somebody other than the drafter agrees; again, it is approved already.

    From then on it has a number and a digest of all that it says, and nothing of it changes.
    Raises OwnMerchant, OwnDraft, StatementQuestioned, StatementStateWrong (it has been paid).
    """
    statement = _locked(statement)
    sides.refuse_own(approver, statement.partnership, statement.period_start)
    if statement.drafted_by_id == approver.pk:
        raise errors.OwnDraft
    if statement.status == Statement.Status.APPROVED:
        return statement
    if statement.status == Statement.Status.QUESTIONED:
        raise errors.StatementQuestioned
    if statement.status != Statement.Status.DRAFT:
        raise errors.StatementStateWrong(state=statement.status)
    statement.approved_by = approver
    statement.approved_at = timezone.now()
    _number(statement)
    statement.digest = sealed.digest(statement)
    statement.status = Statement.Status.APPROVED
    statement.save(
        update_fields=[
            "status",
            "approved_by",
            "approved_at",
            "number_year",
            "number_in_year",
            "digest",
        ]
    )
    _record("statement.approve", statement, approver, Statement.Status.DRAFT)
    return statement


@transaction.atomic
def mark_paid(
    *, statement: Statement, payer: User, reference: str = "", was_ordered: bool = False
) -> Statement:
    """The money has gone out: the points leave the merchant's account for ``settled``, once.

    Where more was refunded than redeemed they come back from there. ``reference`` is the bank's,
    for instance. ``was_ordered``: who may pay was asked when the payout was. Again, the first
    payment stands. Raises StatementStateWrong (not approved), OwnApproval, OwnMerchant,
    PayoutUnderWay.
    """
    statement = _locked(statement)
    if not was_ordered:
        sides.refuse_own(payer, statement.partnership, statement.period_start)
    if statement.status == Statement.Status.PAID:
        return statement
    if statement.status != Statement.Status.APPROVED:
        raise errors.StatementStateWrong(state=statement.status)
    if statement.approved_by_id == payer.pk:
        raise errors.OwnApproval
    if statement.payouts.filter(state__in=Payout.OPEN).exists():
        raise errors.PayoutUnderWay
    if statement.points:
        _settle_points(statement)
    statement.status = Statement.Status.PAID
    statement.paid_by = payer
    statement.paid_at = timezone.now()
    statement.payment_reference = reference
    statement.save(update_fields=["status", "paid_by", "paid_at", "payment_reference"])
    _record("statement.pay", statement, payer, Statement.Status.APPROVED)
    _tell("statement_paid", statement, telling.owners_of(statement.partnership.merchant_id))
    return statement


def _settle_points(statement: Statement) -> None:
    merchants = ledger.account(
        community=statement.community,
        kind=AccountKind.MERCHANT,
        holder=f"merchant:{statement.partnership.merchant_id}",
    )
    settled = ledger.account(community=statement.community, kind=AccountKind.SETTLED)
    debit, credit = (merchants, settled) if statement.points > 0 else (settled, merchants)
    ledger.post(
        ledger.Movement(
            debit=debit,
            credit=credit,
            amount=abs(statement.points),
            key=f"settlement:{statement.pk}",
            reason="settlement",
            source=f"settlement:{statement.pk}",
            explanation={
                "redemptions": statement.redemptions_count,
                "refunds": statement.refunds_count,
                "amount_fen": statement.amount_fen,
            },
        )
    )


def _partners_of(community: Community) -> QuerySet[Partnership]:
    partners = Partnership.objects.filter(community=community)
    return partners.select_related("community").order_by("pk")


# What is unsettled is claimed and summed by one statement, so the figures are of exactly these
# rows, however many they are; what is redeemed meanwhile is for the next period.
_CLAIM = """
    WITH redeemed AS (
        UPDATE merchants_redemption SET statement_id = %(statement)s
        WHERE community_id = %(community)s AND partnership_id = %(partnership)s
            AND status = 'redeemed' AND statement_id IS NULL AND closed_at < %(before)s
        RETURNING price_points, amount_fen, closed_at
    ), refunded AS (
        UPDATE merchants_refund SET statement_id = %(statement)s
        WHERE community_id = %(community)s AND partnership_id = %(partnership)s
            AND statement_id IS NULL AND refunded_at < %(before)s
        RETURNING points, amount_fen, refunded_at
    )
    SELECT * FROM
        (SELECT count(*), coalesce(sum(price_points), 0), coalesce(sum(amount_fen), 0)
         FROM redeemed) AS r,
        (SELECT count(*), coalesce(sum(points), 0), coalesce(sum(amount_fen), 0)
         FROM refunded) AS b,
        (SELECT min(at) FROM (
            SELECT closed_at FROM redeemed UNION ALL SELECT refunded_at FROM refunded
         ) AS line (at)) AS f
"""


@transaction.atomic
def _draft_one(
    partnership_id: UUID,
    community: Community,
    period_start: date,
    period_end: date,
    drafted_by: User | None,
    is_due: bool = False,
) -> Statement | None:
    # Two drafts of one period queue here; the second finds the statement made.
    partnership = Partnership.objects.select_for_update(no_key=True).get(pk=partnership_id)
    last = (
        Statement.objects.filter(community=community, partnership=partnership)
        .order_by("-period_start")
        .first()
    )
    if last and last.period_end >= period_end:
        return None
    statement_id = new_id()
    before = datetime.combine(period_end, time(tzinfo=community.clock))
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "statement": statement_id,
                "community": community.pk,
                "partnership": partnership.pk,
                "before": before,
            },
        )
        *figures, earliest = cursor.fetchone()
    redemptions, spent, owed, refunds, given_back, less = map(int, figures)
    services = lists.received(partnership, until=before)
    is_quiet = not redemptions and not refunds and not services
    if is_quiet and not (is_due and _was_a_partner(partnership, before)):
        return None
    if last is not None:
        period_start = last.period_end
    elif earliest is not None:
        period_start = min(period_start, earliest.astimezone(community.clock).date())
    statement = Statement.objects.create(
        id=statement_id,
        community=community,
        partnership=partnership,
        period_start=period_start,
        period_end=period_end,
        drafted_by=drafted_by,
        redemptions_count=redemptions,
        refunds_count=refunds,
        points=spent - given_back,
        amount_fen=owed - less,
        carried_fen=last.carries_fen if last else 0,
        services=lists.as_said(services),
    )
    lists.state(services, on=statement)
    _record("statement.draft", statement, drafted_by, None)
    if not is_quiet:
        _tell("statement_drafted", statement, telling.owners_of(partnership.merchant_id))
    return statement


def _periods_due(partnership: Any, day: date) -> list[tuple[date, date]]:
    """Return a partner's periods before ``day``, from the last statement or first contract on.

    ``partnership`` has its ``agreed_at``. Who is a partner no more has no other due.
    """
    periods = [period_of(partnership.settlement_day, day)]
    states = Partnership.State
    if partnership.agreed_at is None or partnership.state not in (states.ACTIVE, states.SUSPENDED):
        return periods
    stated_until = Statement.objects.filter(
        community_id=partnership.community_id, partnership=partnership
    ).aggregate(last=Max("period_end"))["last"]
    agreed_on = partnership.agreed_at.astimezone(partnership.community.clock).date()
    since = max(agreed_on, stated_until or agreed_on)
    while (start := periods[0][0]) > since:
        periods.insert(0, (_month_earlier(start), start))
    return periods


def _was_a_partner(partnership: Partnership, before: datetime) -> bool:
    """Whether its contract had begun by then, the community's midnight, and it still is one."""
    has_begun = Q(valid_from__isnull=True) | Q(valid_from__lt=before.date())
    return (
        partnership.state in (Partnership.State.ACTIVE, Partnership.State.SUSPENDED)
        and partnership.terms.filter(
            has_begun,
            community_id=partnership.community_id,
            agreed_at__lt=before,
            withdrawn_at=None,
        ).exists()
    )


def _number(statement: Statement) -> None:
    """The next of the community's year, without gaps: who approves meanwhile waits."""
    Community.objects.select_for_update(no_key=True).get(pk=statement.community_id)
    year = statement.community.today.year
    numbered = Statement.objects.filter(community_id=statement.community_id, number_year=year)
    last = numbered.aggregate(number=Max("number_in_year"))["number"] or 0
    statement.number_year, statement.number_in_year = year, last + 1


def _move(statement: Statement, status: Statement.Status, action: str, actor: User) -> None:
    before = statement.status
    if before != status:
        statement.status = status
        statement.save(update_fields=["status"])
    _record(action, statement, actor, before)


def _month_earlier(day: date) -> date:
    """The same day, which every month has, of the month before."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=day.day)


def _tell(
    kind: str, statement: Statement, recipients: list[UUID], about: UUID | None = None
) -> None:
    telling.tell(
        kind,
        community=statement.community,
        recipients=recipients,
        about=about or statement.pk,
        facts=telling.facts_of(statement),
    )


def _record(action: str, statement: Statement, actor: User | None, before: str | None) -> None:
    trail.record(
        action,
        actor=actor,
        community=statement.community,
        target=statement,
        before={"status": before} if before else {},
        after={
            "status": statement.status,
            "points": statement.points,
            "amount_fen": statement.amount_fen,
        },
    )


def _locked(statement: Statement) -> Statement:
    return (
        Statement.objects.select_for_update(no_key=True, of=("self",))
        .select_related("partnership", "community")
        .get(pk=statement.pk)
    )
