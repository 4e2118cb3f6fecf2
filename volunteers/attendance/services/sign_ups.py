"""Places in shifts: taken, given back, and ended where somebody leaves the community."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.communities.services import roles
from backend.notices import services as notices
from backend.registries.leaving import Leaving
from volunteers.activities.errors import ShiftCancelled, ShiftOver
from volunteers.activities.models import Shift, Status
from volunteers.attendance import selectors
from volunteers.attendance.errors import AttendanceStatusWrong, ShiftFull
from volunteers.attendance.models import Attendance
from volunteers.attendance.services import hours


@transaction.atomic
def sign_up(*, shift: Shift, volunteer: User, now: datetime | None = None) -> Attendance:
    """Take a place in the shift, and owe a reminder of it.

    ``now`` is given where the past is played again. Idempotent: answers with the place that is
    taken already. Raises NotAVolunteerHere, GuardianConsentRequired, ShiftCancelled, ShiftOver,
    ShiftFull.
    """
    roles.require_volunteer(user_id=volunteer.pk, community_id=shift.community_id)
    guardians.require_guardian(volunteer)
    # Lock before counting: two volunteers who want the last place must queue here.
    shift = Shift.objects.select_for_update(no_key=True, of=("self",)).get(
        community=shift.community_id, pk=shift.pk
    )
    places = Attendance.objects.filter(community=shift.community_id, shift=shift)
    known = places.filter(volunteer=volunteer).first()
    if known and known.status != Attendance.Status.CANCELLED:
        return known
    if shift.status == Status.CANCELLED:
        raise ShiftCancelled
    if (now or timezone.now()) >= shift.ends_at:
        raise ShiftOver
    taken = places.exclude(status=Attendance.Status.CANCELLED).count()
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
        remind(known)
    return known


@transaction.atomic
def cancel(*, attendance: Attendance) -> Attendance:
    """Give the place back before check-in. Idempotent.

    Raises AttendanceStatusWrong once the volunteer has checked in.
    """
    attendance = Attendance.objects.select_for_update(no_key=True, of=("self",)).get(
        community=attendance.community_id, pk=attendance.pk
    )
    if attendance.status == Attendance.Status.CANCELLED:
        return attendance
    if attendance.status != Attendance.Status.SIGNED_UP:
        raise AttendanceStatusWrong(current_status=attendance.status)
    attendance.status = Attendance.Status.CANCELLED
    attendance.save(update_fields=["status"])
    notices.withdraw(community=attendance.community, key=_reminder_key(attendance))
    return attendance


@transaction.atomic
def end_what_runs(leaving: Leaving) -> None:
    """Cancel the sign-ups of somebody who leaves for shifts to come, and check them out.

    A sign-up for a shift that has begun stays: a phone that was offline may tell yet that they
    were there before they left. Idempotent.
    """
    # All of them are locked before the first is ended.
    running = selectors.what_runs(leaving).select_for_update(no_key=True, of=("self",))
    for attendance in list(running):
        if attendance.status == Attendance.Status.CHECKED_IN:
            hours.end(attendance=attendance, at=leaving.at)
        else:
            cancel(attendance=attendance)


def remind(attendance: Attendance) -> None:
    """Owe a reminder of the shift as it is planned now, which is stale once the shift begins."""
    shift = attendance.shift
    notices.owe(
        community=attendance.community,
        key=_reminder_key(attendance),
        recipient=attendance.volunteer,
        kind="shift_reminder",
        facts=facts(attendance),
        due_at=shift.starts_at - settings.REMINDER_LEAD,
        stale_at=shift.starts_at,
    )


def facts(attendance: Attendance) -> dict[str, str]:
    """Return what notices about the shift of ``attendance`` tell."""
    shift = attendance.shift
    return {
        "activity": shift.activity.title,
        "place": shift.activity.place or attendance.community.name,
        "starts_at": shift.starts_at.isoformat(),
        "timezone": attendance.community.timezone,
    }


def _reminder_key(attendance: Attendance) -> str:
    return f"shift-reminder:{attendance.pk}"
