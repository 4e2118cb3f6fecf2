"""Queries for reports, named for the reader."""

from django.db.models import Q, QuerySet

from backend.accounts.models import User
from backend.accounts.selectors import was_a_child
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, in_reach, known_to
from volunteers.reports.models import Report


def reports_of(user: User) -> QuerySet[Report]:
    """Return the reports of ``user``, newest first."""
    return _with_community(Report.objects.filter(community__in=known_to(user), reporter=user))


def reports_handled_by(user: User) -> QuerySet[Report]:
    """Return the reports ``user`` may accept and close, newest first."""
    return _with_community(Report.objects.filter(in_reach(user, HANDLES)))


def reports_watched_by(user: User) -> QuerySet[Report]:
    """Return the reports ``user`` may look at as staff or auditor, newest first."""
    return _with_community(Report.objects.filter(in_reach(user, WATCHES_OVER)))


def reports_seen_by(user: User) -> QuerySet[Report]:
    """Return the reports of ``user``, and those they may look at as staff or auditor."""
    return _with_community(Report.objects.filter(Q(reporter=user) | in_reach(user, WATCHES_OVER)))


def public_reports(community: Community) -> QuerySet[Report]:
    """Return public reports, newest first: no disputes, no calls for help, none by children."""
    return (
        Report.objects.filter(community=community)
        .exclude(category__in=Report.CONFIDENTIAL)
        .exclude(by_a_child())
        .exclude(text="")  # the report of an erased child
        .order_by("-id")
    )


def by_a_child() -> Q:
    """Return a condition on reports whose reporter was under 14 when submitting.

    Counts the age known then or a birthday given since, whichever protects more.
    """
    return Q(is_by_child=True) | was_a_child("reporter", at="submitted_at")


def _with_community(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.select_related("community", "estate", "reporter").order_by("-id")
