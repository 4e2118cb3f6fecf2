"""Queries for statements and their payment; newest first."""

from typing import Any

from django.db.models import CharField, Exists, F, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from backend.payouts import selectors as payouts
from backend.payouts.models import Payout
from merchants.partners.models.merchants import Merchant
from merchants.partners.selectors import communities_with, merchants_owned_by, worked_at
from merchants.redemption.models import Redemption, Refund
from merchants.redemption.selectors import with_offer
from merchants.settlement.models.bank import BankAccount, BankBatch, BankBatchLine
from merchants.settlement.models.statements import Statement, StatementQuestion

# The same as Statement.subject.
_SUBJECT = Concat(Value("statement:"), Cast("pk", CharField()))


# --- statements -------------------------------------------------------------------------------
def statements_seen_by(user: User) -> QuerySet[Statement]:
    """Return the statements ``user`` may read, as staff, auditor or the merchant's owner."""
    return _statements(_is_owners_or_where(user, WATCHES_OVER))


def statements_discussed_by(user: User) -> QuerySet[Statement]:
    """Return the statements ``user`` may ask and answer about, as staff or the merchant's owner."""
    return _statements(_is_owners_or_where(user, HANDLES))


def statements_handled_by(user: User) -> QuerySet[Statement]:
    """Return the statements ``user`` may approve and pay as staff."""
    return _statements(Q(community__in=communities_where(user, HANDLES)))


def statements_of(merchant: Merchant) -> QuerySet[Statement]:
    there = Q(community__in=communities_with(merchant.pk))
    return _statements(there & Q(partnership__merchant=merchant))


def statements_in(community: Community) -> QuerySet[Statement]:
    return _statements(Q(community=community))


def _statements(which: Q) -> QuerySet[Statement]:
    parties = ("community", "partnership", "drafted_by", "approved_by", "paid_by")
    return Statement.objects.filter(which).select_related(*parties).order_by("-id")


def _is_owners_or_where(user: User, roles: tuple[Role, ...]) -> Q:
    return Q(community__in=communities_where(user, roles)) | Q(
        partnership__merchant__in=merchants_owned_by(user)
    )


def lines_of(statement: Statement) -> QuerySet[Redemption]:
    """Return the redemptions that the statement settles, newest first."""
    return with_offer(Redemption.objects.filter(**_on(statement))).select_related("redeemed_by")


def refunds_in(statement: Statement) -> QuerySet[Refund]:
    """Return the refunds that the statement deducts, newest first."""
    refunds = Refund.objects.filter(**_on(statement)).order_by("-id")
    return refunds.select_related("redemption__offer", "refunded_by")


def questions_about(statement: Statement) -> QuerySet[StatementQuestion]:
    return _questions(**_on(statement))


def questions_in(community: Community) -> QuerySet[StatementQuestion]:
    """Return the questions about all statements of the community, newest first."""
    return _questions(community=community)


def _questions(**which: Any) -> QuerySet[StatementQuestion]:
    return (
        StatementQuestion.objects.filter(**which)
        .select_related("asked_by", "answered_by", "statement__partnership")
        .order_by("-id")
    )


def questions_to_answer(user: User, community: Community) -> QuerySet[StatementQuestion]:
    """Return the open questions of merchants there that ``user`` may answer as staff."""
    return StatementQuestion.objects.filter(
        community=community,
        community__in=communities_where(user, HANDLES),
        asked_by_merchant=True,
        answered_at__isnull=True,
    )


def _on(statement: Statement) -> dict[str, Any]:
    return {"community_id": statement.community_id, "statement": statement}


def is_unsettled() -> Q:
    """Return a condition on partnerships with something unredeemed, unstated or unpaid."""
    its = {"community": OuterRef("community"), "partnership": OuterRef("pk")}
    running = [Redemption.Status.HELD, Redemption.Status.REDEEMED]
    return Q(
        Exists(Statement.objects.filter(**its).exclude(status=Statement.Status.PAID))
        | Exists(Redemption.objects.filter(**its, statement=None, status__in=running))
        | Exists(Refund.objects.filter(**its, statement=None))
    )


# --- payouts by WeChat ------------------------------------------------------------------------
def payouts_of(statement: Statement) -> QuerySet[Payout]:
    return payouts.payouts_of(statement.community_id, statement.subject)


def subjects_of(statements: QuerySet[Statement]) -> QuerySet[Statement, str]:
    """Return the statements as subjects of payouts."""
    return statements.order_by().values_list(_SUBJECT)


# --- by the bank ------------------------------------------------------------------------------
def bank_accounts_of(merchant: Merchant) -> QuerySet[BankAccount]:
    return BankAccount.objects.filter(merchant=merchant)


def statements_to_pay(community: Community, payer: User) -> QuerySet[Statement]:
    """Return approved statements with something due and no payment yet, oldest number first.

    Leaves out those ``payer`` approved, and those of a merchant on whose side they are.
    """
    lines = BankBatchLine.objects.filter(community=community, statement=OuterRef("pk"))
    approved = Statement.objects.filter(community=community, status=Statement.Status.APPROVED)
    # A query on a tenant's table calls no function that reads one.
    theirs = approved.filter(partnership__merchant__members__user=payer).distinct()
    on_their_side = [
        statement.pk
        for statement in theirs.select_related("partnership")
        if worked_at(payer, statement.partnership, statement.period_start)
    ]
    return (
        approved.alias(due=F("amount_fen") + F("carried_fen"), as_subject=_SUBJECT)
        .filter(
            ~Exists(payouts.under_way(community.pk, OuterRef("as_subject"))),
            ~Exists(lines.filter(freed_at__isnull=True)),
            due__gt=0,
        )
        .exclude(approved_by=payer)
        .exclude(pk__in=on_their_side)
        .select_related("partnership__merchant__bank_account")
        .order_by("number_year", "number_in_year")
    )


def bank_lines_left_in(batch: BankBatch) -> QuerySet[BankBatchLine]:
    """Return the lines the bank is still to pay, oldest statement number first."""
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


def is_with_the_bank(statement: Statement) -> bool:
    """Tell whether the statement is in a batch that keeps it from being paid otherwise."""
    return BankBatchLine.objects.filter(**_on(statement), freed_at__isnull=True).exists()


def bank_batches_in(community: Community) -> QuerySet[BankBatch]:
    return _bank_batches(Q(community=community))


def bank_batches_seen_by(user: User) -> QuerySet[BankBatch]:
    """Return the batches ``user`` may read as staff or auditor."""
    return _bank_batches(Q(community__in=communities_where(user, WATCHES_OVER)))


def bank_batches_handled_by(user: User) -> QuerySet[BankBatch]:
    """Return the batches ``user`` may cancel and hand to the bank as staff."""
    return _bank_batches(Q(community__in=communities_where(user, HANDLES)))


def _bank_batches(where: Q) -> QuerySet[BankBatch]:
    lines = BankBatchLine.objects.filter(where).select_related("statement__partnership")
    lines = lines.order_by("statement__number_year", "statement__number_in_year")
    return (
        BankBatch.objects.filter(where)
        .select_related("community", "made_by", "cancelled_by")
        .prefetch_related(Prefetch("lines", lines))
        .order_by("-id")
    )
