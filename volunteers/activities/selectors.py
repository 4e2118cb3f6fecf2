"""Reads about volunteers, named for who is asking."""

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import (
    HANDLES,
    communities_of,
    communities_where,
)
from volunteers.activities.models import Activity, Shift
from volunteers.attendance.models import Attendance

TAKES_A_PLACE = ~Q(attendances__status=Attendance.Status.CANCELLED)


def shifts_for(user: User) -> QuerySet[Shift]:
    """All shifts, also those that are over, in the communities where ``user`` volunteers."""
    return Shift.objects.filter(community__in=communities_of(user)).select_related("community")


def shifts_open_to(user: User) -> QuerySet[Shift]:
    """Shifts that are not over, in the communities where ``user`` volunteers; soonest first."""
    return with_places_taken(shifts_for(user).filter(ends_at__gt=Now())).order_by("starts_at", "id")


def with_places_taken(shifts: QuerySet[Shift]) -> QuerySet[Shift]:
    """The shifts with their activity and community, and ``places_taken``."""
    return shifts.select_related("activity", "community").annotate(
        places_taken=Count("attendances", filter=TAKES_A_PLACE)
    )


def activities_handled_by(user: User) -> QuerySet[Activity]:
    """What ``user`` may plan shifts of, newest first."""
    return Activity.objects.filter(community__in=communities_where(user, HANDLES)).order_by("-id")


def activities_in(community: Community) -> QuerySet[Activity]:
    """All that were ever planned there, newest first."""
    return Activity.objects.filter(community=community).order_by("-id")


def shifts_of(activity: Activity) -> QuerySet[Shift]:
    """When it takes place, and how many places are taken."""
    its = Shift.objects.filter(community=activity.community_id, activity=activity)
    return with_places_taken(its)
