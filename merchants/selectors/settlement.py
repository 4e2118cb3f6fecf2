"""Reads about statements."""

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from merchants.models import Merchant, Redemption, Refund, Statement, StatementQuestion
from merchants.selectors.redemption import with_offer


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


def refunds_of(redemption: Redemption) -> QuerySet[Refund]:
    """What was given back of it."""
    return Refund.objects.filter(community=redemption.community_id, redemption=redemption)


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
