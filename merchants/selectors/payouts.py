"""Reads about transfers to merchants."""

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.selectors import HANDLES, communities_where
from merchants.models import Payout, Statement


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
