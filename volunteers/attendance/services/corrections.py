"""Times of an attendance set right before anybody verifies it."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.sql import constraint_of
from volunteers.attendance import errors
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.objections import Correction
from volunteers.attendance.services import presence
from volunteers.attendance.services.hours import tell
from volunteers.people.models import Volunteer

TIMES = ("checked_in_at", "checked_out_at")


@transaction.atomic
def correct(
    *,
    attendance: Attendance,
    checked_in_at: datetime,
    checked_out_at: datetime,
    reason: str,
    corrected_by: User,
) -> Attendance:
    """Set the times of somebody else's attendance that awaits verification; tell the volunteer.

    Minutes are counted anew, and whoever corrected them does not verify them. Idempotent. Raises
    OwnHours, AttendanceStatusWrong, CheckInTooEarly, CheckInTooLate, CheckedOutBeforeIn,
    TimeInTheFuture, AlreadyElsewhere.
    """
    attendance = presence.locked(attendance)
    if attendance.volunteer_id in corrected_by.record_ids:
        raise errors.OwnHours
    presence.require(attendance, Attendance.Status.CHECKED_OUT)
    if checked_in_at < attendance.shift.check_in_opens_at:
        raise errors.CheckInTooEarly
    if checked_in_at >= attendance.shift.ends_at:
        raise errors.CheckInTooLate
    if max(checked_in_at, checked_out_at) > timezone.now():
        raise errors.TimeInTheFuture
    checked_out_at = min(checked_out_at, attendance.shift.ends_at)
    before = {name: getattr(attendance, name) for name in TIMES}
    if before == {"checked_in_at": checked_in_at, "checked_out_at": checked_out_at}:
        return attendance
    attendance = put(attendance, checked_in_at, checked_out_at, corrected_by=corrected_by)
    made = Correction.objects.create(
        community=attendance.community,
        attendance=attendance,
        was_in_at=before["checked_in_at"],
        was_out_at=before["checked_out_at"],
        checked_in_at=checked_in_at,
        checked_out_at=checked_out_at,
        reason=reason,
        corrected_by=corrected_by,
    )
    trail.record(
        "correction.make",
        actor=corrected_by,
        target=made,
        before={name: moment.isoformat() for name, moment in before.items()},
        after=trail.facts_of(made, *TIMES) | {"attendance": str(attendance.pk)},
    )
    tell("hours_corrected", attendance, str(made.pk), reason=reason)
    return attendance


def put(
    attendance: Attendance, checked_in_at: datetime, checked_out_at: datetime, **told: User
) -> Attendance:
    """Put a locked attendance at these times, and count its minutes. Raises AlreadyElsewhere."""
    # As a check-in does: two that met in the constraint would each wait for the other.
    Volunteer.objects.select_for_update(no_key=True).get(
        community_id=attendance.community_id, user_id=attendance.volunteer_id
    )
    attendance.checked_in_at = checked_in_at
    try:
        with transaction.atomic():
            return presence.leave(attendance, checked_out_at, checked_in_at=checked_in_at, **told)
    except IntegrityError as error:
        if refusal := presence.REFUSED_BY.get(constraint_of(error) or ""):
            raise refusal from None
        raise
