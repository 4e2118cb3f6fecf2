"""Reads about statements."""

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet, Value

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from merchants.partners.models.merchants import Merchant
from merchants.partners.selectors import WorkedAt
from merchants.redemption.models import Redemption, Refund
from merchants.redemption.selectors import with_offer
from merchants.settlement.models.bank_batches import BankBatch, BankBatchLine
from merchants.settlement.models.payouts import Payout
from merchants.settlement.models.statements import Statement, StatementQuestion


def statements_of(merchant: Merchant) -> QuerySet[Statement]:
    """What the communities owe the merchant, newest first."""
    return _with_parties(Statement.objects.filter(partnership__merchant=merchant))


def statements_seen_by(user: User) -> QuerySet[Statement]:
    """What ``user`` may read as staff or auditor, newest first."""
    return _with_parties(
        Statement.objects.filter(community__in=communities_where(user, WATCHES_OVER))
    )


def statements_handled_by(user: User) -> QuerySet[Statement]:
    """What ``user`` may approve and pay, newest first."""
    return _with_parties(Statement.objects.filter(community__in=communities_where(user, HANDLES)))


def statements_in(community: Community) -> QuerySet[Statement]:
    """All that were ever drafted there, newest first."""
    return _with_parties(Statement.objects.filter(community=community))


def lines_of(statement: Statement) -> QuerySet[Redemption]:
    """The redemptions that the statement settles, newest first."""
    return with_offer(
        Redemption.objects.filter(community_id=statement.community_id, statement=statement)
    ).select_related("redeemed_by")


def refunds_in(statement: Statement) -> QuerySet[Refund]:
    """What the statement takes off, newest first."""
    return (
        Refund.objects.filter(community_id=statement.community_id, statement=statement)
        .select_related("redemption__offer", "refunded_by")
        .order_by("-id")
    )


def questions_about(statement: Statement) -> QuerySet[StatementQuestion]:
    """What was ever asked of its lines, newest first."""
    return (
        StatementQuestion.objects.filter(community_id=statement.community_id, statement=statement)
        .select_related("asked_by", "answered_by", "statement")
        .order_by("-id")
    )


def _with_parties(statements: QuerySet[Statement]) -> QuerySet[Statement]:
    return statements.select_related(
        "community", "partnership", "drafted_by", "approved_by", "paid_by"
    ).order_by("-id")


def payouts_of(statement: Statement) -> QuerySet[Payout]:
    """All transfers that were to pay it, newest first."""
    return (
        Payout.objects.filter(community_id=statement.community_id, statement=statement)
        .select_related("ordered_by")
        .order_by("-id")
    )


def payouts_handled_by(user: User) -> QuerySet[Payout]:
    """Those ``user`` may cancel as staff."""
    return Payout.objects.filter(community__in=communities_where(user, HANDLES)).select_related(
        "ordered_by"
    )


def statements_to_pay(community: Community, payer: User) -> QuerySet[Statement]:
    """What is approved, due, neither being paid nor in an open batch, oldest number first.

    Without what ``payer`` approved, and what is owed to a merchant on whose side they are.
    """
    its = {"community": OuterRef("community"), "statement": OuterRef("pk")}
    return (
        Statement.objects.filter(community=community, status=Statement.Status.APPROVED)
        .alias(due=F("amount_fen") + F("carried_fen"))
        .filter(
            ~Exists(Payout.objects.filter(**its, state__in=Payout.OPEN)),
            ~Exists(BankBatchLine.objects.filter(**its, freed_at__isnull=True)),
            due__gt=0,
        )
        .exclude(approved_by=payer)
        .exclude(
            WorkedAt(F("community_id"), F("partnership_id"), Value(payer.pk), F("period_start"))
        )
        .select_related("partnership__merchant__bank_account")
        .order_by("number_year", "number_in_year")
    )


def bank_lines_left_in(batch: BankBatch) -> QuerySet[BankBatchLine]:
    """What the bank is still to pay, oldest number first, with whom and where."""
    return (
        BankBatchLine.objects.filter(
            community=batch.community_id,
            batch=batch,
            freed_at__isnull=True,
            statement__status=Statement.Status.APPROVED,
        )
        .select_related("statement")
        .order_by("statement__number_year", "statement__number_in_year")
    )


def bank_lines_of(statement: Statement) -> QuerySet[BankBatchLine]:
    """In which batches it is or was; one that is not freed keeps it."""
    return BankBatchLine.objects.filter(community=statement.community_id, statement=statement)


def bank_batches_in(community: Community) -> QuerySet[BankBatch]:
    """All that were ever made there, newest first."""
    lines = BankBatchLine.objects.filter(community=community).select_related(
        "statement__partnership"
    )
    return (
        BankBatch.objects.filter(community=community)
        .select_related("community", "made_by", "cancelled_by")
        .prefetch_related(
            Prefetch("lines", lines.order_by("statement__number_year", "statement__number_in_year"))
        )
        .order_by("-id")
    )
