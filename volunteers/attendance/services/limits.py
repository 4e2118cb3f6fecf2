"""Minutes that count: of the time served, as far as no limit cuts it."""

from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Q, Sum

from backend.communities.models import Community
from points.rules.services import minutes_between, to_the_minute
from volunteers.activities.models import ServicePolicy
from volunteers.attendance.models.attendances import Attendance
from volunteers.people.models import Volunteer

Cut = Attendance.Cut


def counted(attendance: Attendance) -> dict[str, Any]:
    """Return ``worked_minutes``, ``counts_until`` and ``cut_by`` of an attendance with its times.

    Limits are an activity's, of each record and of one volunteer's records in all, and the
    community's of one volunteer and day: a record is of the local day of its check-in. Locks the
    volunteer where other records matter, so that two check-outs cannot share what is left.
    """
    attendance.counts_until = None
    served = attendance.served
    assert served is not None
    since, until = served
    minutes = minutes_between(since, until)
    by, limit = min(_limits(attendance).items(), key=lambda one: one[1], default=("", minutes))
    if limit >= minutes:
        return {"worked_minutes": minutes, "counts_until": None, "cut_by": ""}
    # To the minute, as minutes are counted, and never before they begin.
    ends_at = max(since, to_the_minute(since) + timedelta(minutes=limit))
    return {"worked_minutes": limit, "counts_until": ends_at, "cut_by": by}


def _limits(attendance: Attendance) -> dict[str, int]:
    """Return how many minutes each limit leaves, the narrowest first where they are equal."""
    activity = attendance.shift.activity
    policies = ServicePolicy.objects.filter(community=attendance.community_id)
    longest_day = policies.values_list("longest_day_minutes", flat=True).first()
    left: dict[str, int] = {}
    if activity.longest_minutes is not None:
        left[Cut.RECORD] = activity.longest_minutes
    if activity.most_minutes is None and longest_day is None:
        return left
    Volunteer.objects.select_for_update(no_key=True).get(
        community_id=attendance.community_id, user_id=attendance.volunteer_id
    )
    if activity.most_minutes is not None:
        of_activity = Q(shift__activity=activity)
        left[Cut.ACTIVITY] = max(0, activity.most_minutes - _minutes(attendance, of_activity))
    if longest_day is not None:
        assert attendance.checked_in_at is not None
        begins, ends = _day(attendance.checked_in_at, attendance.community)
        of_day = Q(checked_in_at__gte=begins, checked_in_at__lt=ends)
        left[Cut.DAY] = max(0, longest_day - _minutes(attendance, of_day))
    return left


def _minutes(attendance: Attendance, of_these: Q) -> int:
    """Sum the minutes of the volunteer's other records there that count or still may."""
    others = (
        Attendance.objects.filter(
            of_these, community=attendance.community_id, volunteer=attendance.volunteer_id
        )
        .exclude(pk=attendance.pk)
        .exclude(status__in=Attendance.DOES_NOT_COUNT)
    )
    return others.aggregate(minutes=Sum("worked_minutes"))["minutes"] or 0


def _day(moment: datetime, community: Community) -> tuple[datetime, datetime]:
    """Return the begin and the end of the local day of a moment."""
    day = moment.astimezone(community.clock).date()
    begins, ends = (
        datetime.combine(day + timedelta(days=days), time(), community.clock) for days in (0, 1)
    )
    return begins, ends
