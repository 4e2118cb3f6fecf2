"""Reads about what takes a second person."""

from django.db.models import Q, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, MANAGES, communities_where
from merchants.models import Increase


def increases_in(community: Community) -> QuerySet[Increase]:
    """All that was ever asked for there, newest first."""
    return _increases(Increase.objects.filter(community=community))


def increases_handled_by(user: User) -> QuerySet[Increase]:
    """What ``user`` may confirm as staff, there or in a place above; a limit as a manager."""
    return _increases(
        Increase.objects.filter(
            Q(community__in=communities_where(user, MANAGES))
            | Q(
                ~Q(kind=Increase.Kind.LIMIT),
                community__in=communities_where(user, HANDLES),
            )
        )
    )


def _increases(increases: QuerySet[Increase]) -> QuerySet[Increase]:
    return increases.select_related(
        "community", "partnership", "offer", "wish", "asked_by", "decided_by"
    ).order_by("-id")
