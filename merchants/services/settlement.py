"""Settlement: drafted for a period, approved by somebody else, paid, and final."""

from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from backend.accounts.models import User
from backend.audit.services import trail
from backend.communities.models import Community
from merchants import errors
from merchants.models import Partnership, Redemption, Statement
from points.models import AccountKind
from points.services import ledger


def month_before(day: date) -> tuple[date, date]:
    """The last whole month before ``day``: its first day, and the first day after it."""
    end = day.replace(day=1)
    return (end - timedelta(days=1)).replace(day=1), end


def draft(
    *,
    community: Community,
    period_start: date,
    period_end: date,
    drafted_by: User | None = None,
) -> list[Statement]:
    """A draft for every merchant with something redeemed before ``period_end`` and not settled.

    Days are the community's own; the end is not part of the period. What was redeemed in an
    earlier period and came too late for its statement is settled here, so each redemption
    stands in exactly one. Drafting a period again finds nothing left to settle.
    Raises PeriodNotInOrder, PeriodNotOver.
    """
    if period_start >= period_end:
        raise errors.PeriodNotInOrder
    today = community.today
    if period_end > today:
        raise errors.PeriodNotOver(today=today.isoformat())
    before = datetime.combine(period_end, time(), tzinfo=community.clock)
    statements = [
        _draft_one(partnership, period_start, period_end, before, drafted_by)
        for partnership in Partnership.objects.filter(community=community).order_by("pk")
    ]
    return [statement for statement in statements if statement]


@transaction.atomic
def approve(*, statement: Statement, approver: User) -> Statement:
    """Somebody other than the drafter agrees; again, it is approved already.

    Raises OwnDraft, StatementStateWrong (it has been paid).
    """
    statement = _locked(statement)
    if statement.drafted_by_id == approver.pk:
        raise errors.OwnDraft
    if statement.status == Statement.Status.APPROVED:
        return statement
    if statement.status != Statement.Status.DRAFT:
        raise errors.StatementStateWrong(state=statement.status)
    statement.status = Statement.Status.APPROVED
    statement.approved_by = approver
    statement.approved_at = timezone.now()
    statement.save(update_fields=["status", "approved_by", "approved_at"])
    _record("statement.approve", statement, approver, Statement.Status.DRAFT)
    return statement


@transaction.atomic
def mark_paid(*, statement: Statement, payer: User, reference: str = "") -> Statement:
    """The money has gone out: the points leave the merchant's account for ``settled``, once.

    ``reference`` is the bank's, for instance. Again, the first payment stands.
    Raises StatementStateWrong (not approved).
    """
    statement = _locked(statement)
    if statement.status == Statement.Status.PAID:
        return statement
    if statement.status != Statement.Status.APPROVED:
        raise errors.StatementStateWrong(state=statement.status)
    ledger.post(
        ledger.Movement(
            debit=ledger.account(
                community=statement.community,
                kind=AccountKind.MERCHANT,
                holder=f"merchant:{statement.partnership.merchant_id}",
            ),
            credit=ledger.account(community=statement.community, kind=AccountKind.SETTLED),
            amount=statement.points,
            key=f"settlement:{statement.pk}",
            reason="settlement",
            source=f"settlement:{statement.pk}",
            explanation={
                "redemptions": statement.redemptions_count,
                "amount_fen": statement.amount_fen,
            },
        )
    )
    statement.status = Statement.Status.PAID
    statement.paid_by = payer
    statement.paid_at = timezone.now()
    statement.payment_reference = reference
    statement.save(update_fields=["status", "paid_by", "paid_at", "payment_reference"])
    _record("statement.pay", statement, payer, Statement.Status.APPROVED)
    return statement


@transaction.atomic
def _draft_one(
    partnership: Partnership,
    period_start: date,
    period_end: date,
    before: datetime,
    drafted_by: User | None,
) -> Statement | None:
    # Two drafts of one period queue here; the second finds the statement made.
    Partnership.objects.select_for_update(no_key=True).get(pk=partnership.pk)
    same_period = {
        "community_id": partnership.community_id,
        "partnership": partnership,
        "period_start": period_start,
    }
    if Statement.objects.filter(**same_period).exists():
        return None
    unsettled = Redemption.objects.filter(
        community_id=partnership.community_id,
        partnership=partnership,
        status=Redemption.Status.REDEEMED,
        statement__isnull=True,
        closed_at__lt=before,
    )
    # Figures of exactly these rows: what is redeemed meanwhile is for the next period.
    chosen = list(unsettled.values_list("pk", flat=True))
    if not chosen:
        return None
    figures = Redemption.objects.filter(pk__in=chosen).aggregate(
        redemptions_count=Count("pk"),
        points=Sum("price_points"),
        amount_fen=Sum("amount_fen"),
    )
    statement = Statement.objects.create(
        **same_period, period_end=period_end, drafted_by=drafted_by, **figures
    )
    Redemption.objects.filter(pk__in=chosen).update(statement=statement)
    _record("statement.draft", statement, drafted_by, None)
    return statement


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
