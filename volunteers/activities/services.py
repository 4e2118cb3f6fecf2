"""Planning activities and shifts, and signing up for them."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.communities.models import Community
from backend.communities.services import roles
from backend.notices import services as notices
from points.awards.services import awards
from points.rules import selectors as points
from volunteers.activities.errors import ShiftFull, ShiftOver, ShiftTimesInvalid
from volunteers.activities.models import Activity, Shift
from volunteers.attendance.errors import AttendanceStateWrong
from volunteers.attendance.models import Attendance

LONGEST_SHIFT = timedelta(hours=24)


def plan_activity(*, community: Community, title: str, category: str, place: str = "") -> Activity:
    """A new activity; its ``category``, as the rule for it spells it, decides by which it earns."""
    category = points.category_as_ruled(community, awards.Hours.subject, category)
    return Activity.objects.create(community=community, title=title, category=category, place=place)


def plan_shift(
    *,
    activity: Activity,
    starts_at: datetime,
    ends_at: datetime,
    capacity: int | None = None,
) -> Shift:
    """A time slot of ``activity`` for ``capacity`` volunteers. Raises ShiftTimesInvalid."""
    if not timedelta(0) < ends_at - starts_at <= LONGEST_SHIFT:
        raise ShiftTimesInvalid
    return Shift.objects.create(
        community_id=activity.community_id,
        activity=activity,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
    )


@transaction.atomic
def sign_up(*, shift: Shift, volunteer: User, now: datetime | None = None) -> Attendance:
    """Take a place; again, the place is already taken. A reminder is owed from then on.

    ``now`` is given where the past is played again. Raises NotAVolunteerHere,
    GuardianConsentRequired, ShiftOver, ShiftFull.
    """
    roles.require_volunteer(user_id=volunteer.pk, community_id=shift.community_id)
    guardians.require_guardian(volunteer)
    # Lock before counting: two volunteers who want the last place must queue here.
    shift = Shift.objects.select_for_update(no_key=True, of=("self",)).get(pk=shift.pk)
    known = Attendance.objects.filter(
        community_id=shift.community_id, shift=shift, volunteer=volunteer
    ).first()
    if known and known.status != Attendance.Status.CANCELLED:
        return known
    if (now or timezone.now()) >= shift.ends_at:
        raise ShiftOver
    taken = shift.attendances.exclude(status=Attendance.Status.CANCELLED).count()
    if shift.capacity is not None and taken >= shift.capacity:
        raise ShiftFull
    if known:
        known.status = Attendance.Status.SIGNED_UP
        known.save(update_fields=["status"])
    else:
        known = Attendance.objects.create(
            community_id=shift.community_id,
            shift=shift,
            volunteer=volunteer,
            signed_up_at=now or timezone.now(),
        )
    if shift.starts_at > timezone.now():
        _owe_reminder(known)
    return known


@transaction.atomic
def cancel_sign_up(*, attendance: Attendance) -> Attendance:
    """Give the place back before check-in; again, it is free already.

    Raises AttendanceStateWrong once checked in.
    """
    attendance = Attendance.objects.select_for_update(no_key=True, of=("self",)).get(
        pk=attendance.pk
    )
    if attendance.status == Attendance.Status.CANCELLED:
        return attendance
    if attendance.status != Attendance.Status.SIGNED_UP:
        raise AttendanceStateWrong(state=attendance.status)
    attendance.status = Attendance.Status.CANCELLED
    attendance.save(update_fields=["status"])
    notices.withdraw(community=attendance.community, key=_reminder_key(attendance))
    return attendance


def _owe_reminder(attendance: Attendance) -> None:
    shift = attendance.shift
    notices.owe(
        community=attendance.community,
        key=_reminder_key(attendance),
        recipient=attendance.volunteer,
        kind="shift_reminder",
        facts={
            "activity": shift.activity.title,
            "place": shift.activity.place or attendance.community.name,
            "starts_at": shift.starts_at.isoformat(),
            "timezone": attendance.community.timezone,
        },
        due_at=shift.starts_at - settings.REMINDER_LEAD,
        stale_at=shift.starts_at,
    )


def _reminder_key(attendance: Attendance) -> str:
    return f"shift-reminder:{attendance.pk}"
