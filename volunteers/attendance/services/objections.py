"""Appeals of volunteers, and objections of others to hours that are public."""

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.notices import services as notices
from volunteers.attendance import errors
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.objections import Objection
from volunteers.attendance.services import corrections, hours, presence

Status = Attendance.Status


@transaction.atomic
def appeal(*, attendance: Attendance, words: str) -> Objection:
    """Appeal, as the volunteer, against a rejection or a no-show.

    Idempotent while it is open: keeps the first words. Raises AppealedAlready, for each record is
    appealed once, and AttendanceStatusWrong.
    """
    attendance = presence.locked(attendance)
    if known := _raised(attendance, attendance.volunteer):
        if known.status != Objection.Status.OPEN:
            raise errors.AppealedAlready
        return known
    presence.require(attendance, Status.REJECTED, Status.NO_SHOW)
    return _raise(attendance, attendance.volunteer, words)


@transaction.atomic
def object_to(*, attendance: Attendance, objector: User, words: str) -> Objection:
    """Object to somebody else's published hours, which then wait for a decision.

    Idempotent: keeps the first words. Raises OwnHours, AttendanceStatusWrong, also when the days of
    publicity are over.
    """
    attendance = presence.locked(attendance)
    if attendance.volunteer_id in objector.record_ids:
        raise errors.OwnHours
    if known := _raised(attendance, objector):
        return known
    presence.require(attendance, Status.PUBLISHED)
    assert attendance.published_until is not None
    if attendance.published_until <= timezone.now():
        raise errors.AttendanceStatusWrong(current_status=attendance.status)
    return _raise(attendance, objector, words)


@transaction.atomic
def decide(*, objection: Objection, decider: User, is_upheld: bool, reason: str) -> Objection:
    """Uphold or dismiss an appeal or an objection, and tell whoever raised it. Idempotent.

    An upheld appeal puts the record back among those to be verified; after a no-show it counts for
    the whole shift, on the word of ``decider``. An upheld objection rejects the hours. Raises
    ObjectionDecided if it was decided otherwise, OwnHours, OwnRecord, OwnObjection, OwnVerification
    if ``decider`` rejected or verified the hours, AlreadyElsewhere.
    """
    attendance = presence.locked(objection.attendance)
    objection = objection.locked()
    outcome = Objection.Status.UPHELD if is_upheld else Objection.Status.DISMISSED
    if objection.status != Objection.Status.OPEN:
        if objection.status != outcome:
            raise errors.ObjectionDecided
        return objection
    hours.require_another(attendance, decider)
    if objection.raised_by_id == decider.pk:
        raise errors.OwnObjection
    if attendance.verified_by_id == decider.pk:
        raise errors.OwnVerification
    if is_upheld and objection.is_appeal:
        _reopen(attendance, decider)
    elif is_upheld and attendance.status == Status.PUBLISHED:
        hours.reject_locked([attendance], decider, reason)
    objection.save_with(
        status=outcome, decided_by=decider, decided_at=timezone.now(), answer=reason
    )
    trail.record(
        "objection.decide",
        actor=decider,
        target=objection,
        before={"status": Objection.Status.OPEN},
        after={
            "status": outcome,
            "attendance": str(attendance.pk),
            "raised_by": str(objection.raised_by_id),
        },
    )
    notices.owe(
        community=attendance.community,
        key=f"objection:{objection.pk}",
        recipient=objection.raised_by,
        kind=f"{'appeal' if objection.is_appeal else 'objection'}_{outcome}",
        facts={
            "activity": attendance.shift.activity.title,
            "starts_at": attendance.shift.starts_at.isoformat(),
            "timezone": attendance.community.timezone,
            "reason": reason,
        },
        target_id=objection.pk,
        due_at=timezone.now(),
    )
    return objection


def _raised(attendance: Attendance, person: User) -> Objection | None:
    return Objection.objects.filter(
        community=attendance.community_id, attendance=attendance, raised_by=person
    ).first()


def _raise(attendance: Attendance, person: User, words: str) -> Objection:
    return Objection.objects.create(
        community=attendance.community,
        attendance=attendance,
        raised_by=person,
        is_appeal=person.pk == attendance.volunteer_id,
        words=words,
    )


def _reopen(attendance: Attendance, decider: User) -> None:
    """Put a rejected or missed attendance back among those to be verified."""
    before = attendance.status
    if before not in (Status.REJECTED, Status.NO_SHOW):
        return
    shift = attendance.shift
    if attendance.checked_in_at is None or attendance.checked_out_at is None:
        corrections.put(attendance, shift.starts_at, shift.ends_at, checked_in_by=decider)
    else:
        corrections.put(attendance, attendance.checked_in_at, attendance.checked_out_at)
    attendance.save_with(verified_by=None, verified_at=None, published_until=None, reason="")
    trail.record(
        "attendance.reopen",
        actor=decider,
        target=attendance,
        before={"status": before},
        after={"status": attendance.status},
    )
