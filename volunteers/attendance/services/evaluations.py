"""How service was, by the person it was for."""

from django.db import transaction

from backend.accounts.models import User
from volunteers.attendance import errors
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.objections import Evaluation
from volunteers.attendance.services import presence

Status = Attendance.Status


@transaction.atomic
def evaluate(*, attendance: Attendance, by: User, stars: int, words: str = "") -> Evaluation:
    """Give a record one to five stars, as the person served or, relayed, as staff.

    Idempotent. Raises OwnHours, AttendanceStatusWrong before the check-out, and EvaluatedAlready if
    it says something else.
    """
    attendance = presence.locked(attendance)
    if attendance.volunteer_id in by.record_ids:
        raise errors.OwnHours
    known = Evaluation.objects.filter(
        community=attendance.community_id, attendance=attendance
    ).first()
    if known is not None:
        if (known.given_by_id, known.stars, known.words) != (by.pk, stars, words):
            raise errors.EvaluatedAlready
        return known
    presence.require(attendance, Status.CHECKED_OUT, Status.PUBLISHED, Status.VERIFIED)
    return Evaluation.objects.create(
        community=attendance.community,
        attendance=attendance,
        stars=stars,
        words=words,
        given_by=by,
        is_relayed=by.pk != attendance.shift.activity.serves_id,
    )
