"""Statements: drafted for a period, approved by one person, paid by another, then final."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.ids import new_id
from backend.locks import lock_by_id
from backend.payouts.errors import PayoutUnderWay
from backend.payouts.selectors import under_way
from backend.registries import volunteering
from merchants.partners import selectors
from merchants.partners.models.listings import ActivityMatch, Listing
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides, telling
from merchants.redemption.services.redeeming import call
from merchants.settlement import errors
from merchants.settlement.models.statements import StatedAttendance, Statement
from merchants.settlement.services import proving
from points.kinds import AccountKind
from points.ledger import services as ledger

BATCH = 1_000  # rows a statement
_PARTNERS = (Partnership.Status.ACTIVE, Partnership.Status.SUSPENDED)


def period_of(settlement_day: int, day: date) -> tuple[date, date]:
    """Return the last whole period before ``day``: its first day, and the first day after it.

    Periods begin on ``settlement_day`` (1 to 28) of every month.
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
    """Draft a statement for every merchant with something to settle before ``period_end``.

    Days are the community's own; the end is not part of the period. Lines too late for an earlier
    statement are settled here, so each redemption and each refund is in exactly one statement.
    Services received suffice for a statement. A merchant's periods have no gaps: each begins where
    its last statement ended, the first no later than its lines. Idempotent: a second run finds
    nothing left to settle. Merchants on whose side ``drafted_by`` is are left to others. Raises
    PeriodNotInOrder, PeriodNotOver.
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
    """Draft each merchant's contractual periods before ``day`` that have no statement yet.

    A partner has a statement for every period, even if nothing happened in it. A run after missed
    nights drafts what those nights would have drafted.
    """
    statements = [
        _draft_one(partnership.pk, community, *period, None, is_due=True)
        for partnership in _partners_of(community).annotate(agreed_at=Min("terms__agreed_at"))
        for period in _periods_due(partnership, day)
    ]
    return [statement for statement in statements if statement]


@transaction.atomic
def approve(*, statement: Statement, approver: User) -> Statement:
    """Approve a draft, which gets a number and a digest of its content, and becomes final.

    Idempotent: keeps the first approval. Raises OwnMerchant, OwnDraft, StatementQuestioned,
    StatementStatusWrong if the statement is paid.
    """
    statement = statement.locked("partnership", "community")
    sides.refuse_own(approver, statement.partnership, statement.period_start)
    if statement.drafted_by_id == approver.pk:
        raise errors.OwnDraft
    if statement.status == Statement.Status.APPROVED:
        return statement
    if statement.status == Statement.Status.QUESTIONED:
        raise errors.StatementQuestioned
    if statement.status != Statement.Status.DRAFT:
        raise errors.StatementStatusWrong(current_status=statement.status)
    year, number = _next_number(statement)
    statement.number_year, statement.number_in_year = year, number  # the digest says them
    statement.save_with(
        status=Statement.Status.APPROVED,
        approved_by=approver,
        approved_at=timezone.now(),
        number_year=year,
        number_in_year=number,
        digest=proving.digest(statement),
    )
    _record("statement.approve", statement, approver, Statement.Status.DRAFT)
    return statement


@transaction.atomic
def mark_paid(
    *, statement: Statement, payer: User, payment_reference: str = "", was_ordered: bool = False
) -> Statement:
    """Record a payment, which moves the points from the merchant's account to ``settled``.

    If more was refunded than redeemed, points move back. ``payment_reference`` is the bank's, for
    instance. ``was_ordered`` means that a payout succeeded, whose payer was checked when it was
    ordered.
    Idempotent: keeps the first payment. Raises OwnMerchant, OwnApproval, PayoutUnderWay,
    StatementStatusWrong unless the statement is approved.
    """
    statement = statement.locked("partnership", "community")
    if not was_ordered:
        sides.refuse_own(payer, statement.partnership, statement.period_start)
    if statement.status == Statement.Status.PAID:
        return statement
    if statement.status != Statement.Status.APPROVED:
        raise errors.StatementStatusWrong(current_status=statement.status)
    if statement.approved_by_id == payer.pk:
        raise errors.OwnApproval
    if not was_ordered and under_way(statement.community_id, statement.subject).exists():
        raise PayoutUnderWay
    if statement.points:
        _settle_points(statement)
    statement.save_with(
        status=Statement.Status.PAID,
        paid_by=payer,
        paid_at=timezone.now(),
        payment_reference=payment_reference,
    )
    _record("statement.pay", statement, payer, Statement.Status.APPROVED)
    tell("statement_paid", statement, telling.owners_of(statement.partnership.merchant_id))
    return statement


def move(statement: Statement, status: Statement.Status, action: str, actor: User) -> None:
    """Set the status, and record ``action``."""
    before = statement.status
    if before != status:
        statement.save_with(status=status)
    _record(action, statement, actor, before)


def tell(
    kind: str,
    statement: Statement,
    recipients: list[UUID],
    about: UUID | None = None,
    **facts: str,
) -> None:
    """Queue a notice for each recipient, once for ``about``, which defaults to the statement."""
    telling.tell(
        kind,
        community=statement.community,
        recipients=recipients,
        about=about or statement.pk,
        target_id=statement.pk,
        facts={
            "community": statement.community.name,
            "merchant": statement.partnership.name,
            "first_day": statement.period_start.isoformat(),
            "last_day": statement.last_day.isoformat(),
            "number": statement.number,
            "points": statement.points,
            "yuan": f"{statement.due_fen / 100:.2f}",
            **facts,
        },
    )


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


@transaction.atomic
def _draft_one(
    partnership_id: UUID,
    community: Community,
    period_start: date,
    period_end: date,
    drafted_by: User | None,
    is_due: bool = False,
) -> Statement | None:
    # Two drafts of one period queue here, and the second finds the first one's statement.
    partnership = Partnership.objects.select_for_update(no_key=True).get(
        community=community, pk=partnership_id
    )
    earlier = Statement.objects.filter(community=community, partnership=partnership)
    last = earlier.order_by("-period_start").first()
    if last and last.period_end >= period_end:
        return None
    statement_id = new_id()
    before = datetime.combine(period_end, time(tzinfo=community.clock))
    redemptions, refunds, points, amount_fen, earliest = call(
        "merchants_claim_lines", community.pk, partnership.pk, statement_id, before
    )
    services = _services(partnership, until=before)
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
        points=points,
        amount_fen=amount_fen,
        carried_fen=last.carries_fen if last else 0,
        services=[
            {
                "activity_id": str(service.activity_id),
                "title": service.title,
                "volunteers": service.volunteers,  # how many
                "minutes": service.minutes,
            }
            for service in services
        ],
    )
    _state(services, on=statement)
    _record("statement.draft", statement, drafted_by, None)
    if not is_quiet:
        tell("statement_drafted", statement, telling.owners_of(partnership.merchant_id))
    return statement


def _services(partnership: Partnership, *, until: datetime) -> list[volunteering.Service]:
    """Return the services for the merchant, by activity, that no statement of its states yet.

    Counts hours verified before ``until`` in activities that are now matched to the merchant's
    needs, even if they were verified or matched too late for an earlier statement. What one stated
    and was voided since is taken off, once.
    """
    matched = ActivityMatch.objects.filter(
        community_id=partnership.community_id,
        listing__partnership=partnership,
        listing__kind=Listing.Kind.NEED,
        ended_at__isnull=True,
    )
    activity_ids = set(matched.values_list("activity_id", flat=True))
    of_partner = StatedAttendance.objects.filter(
        community_id=partnership.community_id, partnership=partnership
    )
    stated, taken_off = (
        of_partner.filter(is_taken_off=is_taken_off).values_list("attendance_id", flat=True)
        for is_taken_off in (False, True)
    )
    received = volunteering.source().services(
        community_id=partnership.community_id,
        activity_ids=activity_ids,
        until=until,
        but_for=stated,
    )
    voided = volunteering.source().services_voided(
        community_id=partnership.community_id,
        among=stated.exclude(attendance_id__in=taken_off),
    )
    return received + voided


def _state(services: list[volunteering.Service], *, on: Statement) -> None:
    """Keep the services off later statements. The caller holds the partnership's lock."""
    StatedAttendance.objects.bulk_create(
        (
            StatedAttendance(
                community_id=on.community_id,
                partnership_id=on.partnership_id,
                statement=on,
                attendance_id=attendance_id,
                is_taken_off=service.minutes < 0,
            )
            for service in services
            for attendance_id in service.attendance_ids
        ),
        batch_size=BATCH,
    )


def _periods_due(partnership: Any, day: date) -> list[tuple[date, date]]:
    """Return a partner's periods before ``day``, since the last statement or first contract.

    ``partnership`` is annotated with ``agreed_at``. A former partner has only the last period.
    """
    periods = [period_of(partnership.settlement_day, day)]
    if partnership.agreed_at is None or partnership.status not in _PARTNERS:
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
    """Tell whether the contract had begun by ``before``, a local midnight, and has not ended."""
    has_begun = Q(valid_from__isnull=True) | Q(valid_from__lt=before.date())
    return (
        partnership.status in _PARTNERS
        and partnership.terms.filter(
            has_begun,
            community_id=partnership.community_id,
            agreed_at__lt=before,
            withdrawn_at=None,
        ).exists()
    )


def _next_number(statement: Statement) -> tuple[int, int]:
    """Return the next number, without gaps, of the community's year. Other approvals wait."""
    lock_by_id(statement.community_id)
    year = statement.community.today.year
    numbered = Statement.objects.filter(community_id=statement.community_id, number_year=year)
    last = numbered.aggregate(number=Max("number_in_year"))["number"] or 0
    return year, last + 1


def _month_earlier(day: date) -> date:
    """Return the same day of the month before, for days from 1 to 28."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=day.day)


def _record(action: str, statement: Statement, actor: User | None, before: str | None) -> None:
    trail.record(
        action,
        actor=actor,
        target=statement,
        before={"status": before} if before else {},
        after={
            "status": statement.status,
            "points": statement.points,
            "amount_fen": statement.amount_fen,
        },
    )
