"""Reads about volunteers, named for who is asking."""

from django.db.models import Q, QuerySet

from backend.accounts.models import User
from backend.accounts.selectors import was_a_child
from backend.communities.models import Community
from backend.communities.selectors import (
    HANDLES,
    WATCHES_OVER,
    communities_where,
)
from volunteers.reports.models import Report


def reports_of(user: User) -> QuerySet[Report]:
    """What ``user`` reported, newest first."""
    return _with_community(Report.objects.filter(reporter=user))


def reports_handled_by(user: User) -> QuerySet[Report]:
    """What ``user`` may accept and close, newest first."""
    return _with_community(Report.objects.filter(community__in=communities_where(user, HANDLES)))


def reports_watched_by(user: User) -> QuerySet[Report]:
    """What ``user`` may look at as staff or auditor, newest first."""
    return _with_community(
        Report.objects.filter(community__in=communities_where(user, WATCHES_OVER))
    )


def public_reports(community: Community) -> QuerySet[Report]:
    """What everybody may follow: no disputes, no calls for help, nothing of children's; newest
    first.
    """
    return (
        Report.objects.filter(community=community)
        .exclude(category__in=Report.CONFIDENTIAL)
        .exclude(by_a_child())
        .exclude(text="")  # of a child's who was erased
        .order_by("-id")
    )


def by_a_child() -> Q:
    """Of reports: the reporter was under 14 when they told, and stays so in it when they grow up.

    Whichever protects more: as they were known to be then, or by a birthday told since.
    """
    return Q(is_by_child=True) | was_a_child("reporter", at="submitted_at")


def _with_community(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.select_related("community", "reporter").order_by("-id")
