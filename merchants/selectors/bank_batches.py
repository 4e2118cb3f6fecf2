"""Reads about what the bank pays."""

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet, Value

from backend.accounts.models import User
from backend.communities.models import Community
from merchants.models import BankBatch, BankBatchLine, Payout, Statement
from merchants.selectors.people import WorkedAt


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
