"""Verification of hours: verified, rejected, voided."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.notices import services as notices
from points.awards.services import awards
from volunteers.attendance import errors
from volunteers.attendance.awards import HOURS, facts_of
from volunteers.attendance.models import Attendance
from volunteers.attendance.services.presence import locked, require

if TYPE_CHECKING:
    from points.models import Award

Status = Attendance.Status


@transaction.atomic
def verify(
    *, attendance: Attendance, verifier: User, now: datetime | None = None
) -> "tuple[Attendance, Award]":
    """Verify somebody else's hours, so that they earn what the rule says.

    Idempotent: answers with the first award. Raises OwnHours, AttendanceStatusWrong, RuleMissing.
    """
    attendance = _looked_at(attendance, verifier, Status.CHECKED_OUT, Status.VERIFIED)
    award = awards.award(
        HOURS,
        community=attendance.community,
        person_id=attendance.volunteer_id,
        source=attendance.award_source,
        facts=facts_of(attendance),
    )
    if attendance.status == Status.CHECKED_OUT:
        told = {"worked_minutes": attendance.worked_minutes}
        _decide("attendance.verify", attendance, verifier, told, Status.VERIFIED, now=now)
    return attendance, award


@transaction.atomic
def reject(*, attendance: Attendance, verifier: User, reason: str) -> Attendance:
    """Reject somebody else's hours, so that they earn nothing. Idempotent.

    Raises OwnHours, AttendanceStatusWrong.
    """
    attendance = _looked_at(attendance, verifier, Status.CHECKED_OUT, Status.REJECTED)
    if attendance.status == Status.CHECKED_OUT:
        _decide("attendance.reject", attendance, verifier, {}, Status.REJECTED, reason=reason)
    return attendance


@transaction.atomic
def void(*, attendance: Attendance, voider: User, reason: str) -> Attendance:
    """Void verified hours, take back what they earned, and tell the volunteer. Idempotent.

    What the volunteer has spent of it is repaid by what they earn next. Raises OwnHours,
    OwnVerification if ``voider`` verified them, AttendanceStatusWrong.
    """
    attendance = _looked_at(attendance, voider, Status.VERIFIED, Status.VOIDED)
    if attendance.status == Status.VOIDED:
        return attendance
    if attendance.verified_by_id == voider.pk:
        raise errors.OwnVerification
    awards.void(community=attendance.community, source=attendance.award_source, reason=reason)
    attendance.save_with(
        status=Status.VOIDED, voided_by=voider, voided_at=timezone.now(), reason=reason
    )
    _record("attendance.void", attendance, voider, Status.VERIFIED, {})
    notices.owe(
        community=attendance.community,
        key=f"hours-voided:{attendance.pk}",
        recipient=attendance.volunteer,
        kind="hours_voided",
        facts={
            "activity": attendance.shift.activity.title,
            "starts_at": attendance.shift.starts_at.isoformat(),
            "timezone": attendance.community.timezone,
            "reason": reason,
        },
        due_at=timezone.now(),
    )
    return attendance


def _looked_at(attendance: Attendance, verifier: User, *allowed: Status) -> Attendance:
    attendance = locked(attendance)
    if attendance.volunteer_id == verifier.pk:
        raise errors.OwnHours
    require(attendance, *allowed)
    return attendance


def _decide(
    action: str,
    attendance: Attendance,
    verifier: User,
    told: dict[str, Any],
    status: Status,
    *,
    reason: str = "",
    now: datetime | None = None,
) -> None:
    attendance.save_with(
        status=status, verified_by=verifier, verified_at=now or timezone.now(), reason=reason
    )
    _record(action, attendance, verifier, Status.CHECKED_OUT, told)


def _record(
    action: str, attendance: Attendance, actor: User, before: Status, told: dict[str, Any]
) -> None:
    trail.record(
        action,
        actor=actor,
        community=attendance.community,
        target=attendance,
        before={"status": before},
        after={"status": attendance.status} | told,
    )
