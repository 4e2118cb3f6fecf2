"""Places in shifts: taken, given back, and ended when somebody leaves the community."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.communities.services import roles
from backend.events.models import Status
from backend.notices import services as notices
from backend.registries.leaving import Leaving
from volunteers.activities.errors import ShiftCancelled, ShiftOver
from volunteers.activities.models import Shift
from volunteers.attendance.errors import AttendanceStatusWrong, ShiftFull
from volunteers.attendance.models import Attendance
from volunteers.attendance.services import presence


@transaction.atomic
def sign_up(*, shift: Shift, volunteer: User, now: datetime | None = None) -> Attendance:
    """Take a place in the shift, and queue a reminder.

    ``now`` is given to replay the past. Idempotent: returns the place taken already. Raises
    NotAVolunteerHere, GuardianConsentRequired, ShiftCancelled, ShiftOver, ShiftFull.
    """
    roles.require_volunteer(user_id=volunteer.pk, community_id=shift.community_id)
    guardians.require_guardian(volunteer)
    # Lock before counting: two volunteers who want the last place must queue here.
    locked = Shift.objects.select_for_update(no_key=True, of=("self",))
    shift = locked.select_related("activity", "community").get(
        community=shift.community_id, pk=shift.pk
    )
    places = Attendance.objects.filter(community=shift.community_id, shift=shift)
    told = places.select_related("shift__activity", "community", "volunteer")
    known = told.filter(volunteer=volunteer).first()
    if known and known.status != Attendance.Status.CANCELLED:
        return known
    if shift.status == Status.CANCELLED:
        raise ShiftCancelled
    if (now or timezone.now()) >= shift.ends_at:
        raise ShiftOver
    taken = places.exclude(status=Attendance.Status.CANCELLED)
    if shift.capacity is not None and taken.count() >= shift.capacity:
        raise ShiftFull
    if known:
        known.save_with(status=Attendance.Status.SIGNED_UP)
    else:
        known = Attendance.objects.create(
            community=shift.community,
            shift=shift,
            volunteer=volunteer,
            signed_up_at=now or timezone.now(),
        )
    if shift.starts_at > timezone.now():
        remind(known)
    return known


@transaction.atomic
def cancel(*, attendance: Attendance) -> Attendance:
    """Cancel a sign-up before check-in. Idempotent.

    Raises AttendanceStatusWrong once the volunteer has checked in.
    """
    attendance = presence.locked(attendance)
    if attendance.status == Attendance.Status.CANCELLED:
        return attendance
    if attendance.status != Attendance.Status.SIGNED_UP:
        raise AttendanceStatusWrong(current_status=attendance.status)
    attendance.save_with(status=Attendance.Status.CANCELLED)
    notices.withdraw(community=attendance.community, key=_reminder_key(attendance))
    return attendance


@transaction.atomic
def end_what_runs(leaving: Leaving) -> None:
    """Cancel a leaving person's sign-ups for coming shifts, and check them out.

    A sign-up for a shift that has begun stays: a phone that was offline may still report a check-in
    from before they left. Idempotent.
    """
    running = Attendance.objects.filter(
        Q(status=Attendance.Status.CHECKED_IN)
        | Q(status=Attendance.Status.SIGNED_UP, shift__starts_at__gt=leaving.at),
        **leaving.whose,
    ).order_by("pk")
    # All of them are locked before the first is ended.
    for attendance in list(running.select_for_update(no_key=True, of=("self",))):
        if attendance.status == Attendance.Status.CHECKED_IN:
            presence.end(attendance=attendance, at=leaving.at)
        else:
            cancel(attendance=attendance)


def remind(attendance: Attendance) -> None:
    """Queue a reminder of the shift as planned now, to be sent before the shift begins."""
    starts_at = attendance.shift.starts_at
    due_at = starts_at - settings.REMINDER_LEAD
    owe("shift_reminder", attendance, _reminder_key(attendance), due_at, starts_at)


def owe(
    kind: str, attendance: Attendance, key: str, due_at: datetime, stale_at: datetime, **more: str
) -> None:
    """Queue a notice to the volunteer about their shift, with ``more`` facts."""
    shift = attendance.shift
    facts = {
        "activity": shift.activity.title,
        "place": shift.activity.where or attendance.community.name,
        "starts_at": shift.starts_at.isoformat(),
        "timezone": attendance.community.timezone,
    }
    notices.owe(
        community=attendance.community,
        key=key,
        recipient=attendance.volunteer,
        kind=kind,
        facts=facts | more,
        due_at=due_at,
        stale_at=stale_at,
    )


def _reminder_key(attendance: Attendance) -> str:
    return f"shift-reminder:{attendance.pk}"
