"""Verification of hours: verified, made public, rejected, voided; one record or many."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.errors import Refusal
from backend.notices import services as notices
from points.awards.services import awards
from points.rules.errors import RuleMissing
from points.rules.selectors import rules_for
from volunteers.activities.models import ServicePolicy
from volunteers.attendance import errors, selectors
from volunteers.attendance.awards import HOURS, facts_of
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.objections import Objection
from volunteers.attendance.services.presence import locked, require

if TYPE_CHECKING:
    from points.models import Award

Status = Attendance.Status
AT_ONCE = 200  # records that one call decides on
DECISION = ("status", "verified_by", "verified_at", "published_until", "reason")


def verify(
    *, attendance: Attendance, verifier: User, now: datetime | None = None
) -> "tuple[Attendance, Award | None]":
    """Verify somebody else's hours, as ``verify_many`` does. Returns them with their award.

    Raises what stands against it: OwnHours, OwnRecord, AttendanceStatusWrong, RuleMissing.
    """
    (outcome,) = verify_many(
        community=attendance.community, attendances=[attendance], verifier=verifier, now=now
    )
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


@transaction.atomic
def verify_many(
    *,
    community: Community,
    attendances: Sequence[Attendance],
    verifier: User,
    now: datetime | None = None,
) -> "list[tuple[Attendance, Award | None] | Refusal]":
    """Verify others' hours, in order, so that they earn what the rules say; tell the volunteers.

    Where the community makes hours public first, they are published instead, and earn when that is
    over. One that is refused (OwnHours, OwnRecord, AttendanceStatusWrong, RuleMissing) has its
    refusal instead, and does not affect the others. Idempotent: answers with the first award.
    """
    moment = now or timezone.now()
    rows = _locked_many(community, attendances)
    outcomes: dict[UUID, Any] = {}

    def may_be(row: Attendance) -> None:
        require_another(row, verifier)
        require(row, Status.CHECKED_OUT, Status.PUBLISHED, Status.VERIFIED)

    fitting = _fitting(rows, may_be, outcomes)
    new = [row for row in fitting if row.status == Status.CHECKED_OUT]
    if new and (days := _publicity_days(community)):
        new = _fitting(new, _ruled(community, new), outcomes)
        for row in new:
            row.published_until = moment + timedelta(days=days)
        _decide("attendance.verify", new, verifier, Status.PUBLISHED, "hours_published", now=moment)
    outcomes |= {row.pk: (row, None) for row in fitting if row.status == Status.PUBLISHED}
    earning = [row for row in fitting if row.pk not in outcomes]
    awarded = _award(community, earning, outcomes)
    new = [row for row in earning if row.pk in awarded and row.status == Status.CHECKED_OUT]
    _decide(
        *("attendance.verify", new, verifier, Status.VERIFIED, "hours_verified"),
        now=moment,
        awarded=awarded,
    )
    outcomes |= {row.pk: (row, awarded[row.pk]) for row in earning if row.pk in awarded}
    return [outcomes[one.pk] for one in attendances]


def reject(*, attendance: Attendance, verifier: User, reason: str) -> Attendance:
    """Reject somebody else's hours, as ``reject_many`` does.

    Raises what stands against it: OwnHours, OwnRecord, AttendanceStatusWrong.
    """
    (outcome,) = reject_many(
        community=attendance.community, attendances=[attendance], verifier=verifier, reason=reason
    )
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


@transaction.atomic
def reject_many(
    *, community: Community, attendances: Sequence[Attendance], verifier: User, reason: str
) -> list[Attendance | Refusal]:
    """Reject others' hours, so that they earn nothing, and tell the volunteers why. Idempotent.

    One that is refused (OwnHours, OwnRecord, AttendanceStatusWrong) has its refusal instead, and
    does not affect the others.
    """
    rows = _locked_many(community, attendances)
    outcomes: dict[UUID, Any] = {row.pk: row for row in rows}

    def may_be(row: Attendance) -> None:
        require_another(row, verifier)
        require(row, Status.CHECKED_OUT, Status.REJECTED)

    fitting = _fitting(rows, may_be, outcomes)
    reject_locked([row for row in fitting if row.status == Status.CHECKED_OUT], verifier, reason)
    return [outcomes[one.pk] for one in attendances]


def reject_locked(rows: Sequence[Attendance], verifier: User, reason: str) -> None:
    """Reject hours that the caller has locked and may decide on."""
    _decide(
        *("attendance.reject", rows, verifier, Status.REJECTED, "hours_rejected"), reason=reason
    )


@transaction.atomic
def finalise(*, community: Community) -> int:
    """Verify hours that were public long enough, so that they earn. Returns how many.

    Hours with an open objection wait for its decision. Idempotent; takes 200 at once.
    """
    over = selectors.hours_to_finalise(timezone.now()).filter(community=community)
    rows = _locked_many(community, list(over.order_by("published_until", "id")[:AT_ONCE]))
    # Asked again once they are locked: who objects waits for the lock, and finds them final.
    disputed = Objection.objects.filter(
        community=community, attendance__in=rows, status=Objection.Status.OPEN
    )
    held = set(disputed.values_list("attendance_id", flat=True))
    rows = [row for row in rows if row.status == Status.PUBLISHED and row.pk not in held]
    awarded = _award(community, rows, {})
    rows = [row for row in rows if row.pk in awarded]
    for row in rows:
        row.status, row.verified_at = Status.VERIFIED, timezone.now()
    _save(community, rows)
    for row in rows:
        _record("attendance.finalise", row, None, Status.PUBLISHED, _verified(row))
    _tell("hours_verified", rows, awarded)
    return len(rows)


@transaction.atomic
def void(*, attendance: Attendance, voider: User, reason: str) -> Attendance:
    """Void verified hours, take back what they earned, and tell the volunteer. Idempotent.

    What the volunteer has spent of it is repaid by what they earn next. Raises OwnHours,
    OwnVerification if ``voider`` verified them, AttendanceStatusWrong.
    """
    attendance = locked(attendance)
    if attendance.volunteer_id in voider.record_ids:
        raise errors.OwnHours
    require(attendance, Status.VERIFIED, Status.VOIDED)
    if attendance.status == Status.VOIDED:
        return attendance
    if attendance.verified_by_id == voider.pk:
        raise errors.OwnVerification
    awards.void(community=attendance.community, source=attendance.award_source, reason=reason)
    attendance.save_with(
        status=Status.VOIDED, voided_by=voider, voided_at=timezone.now(), reason=reason
    )
    _record("attendance.void", attendance, voider, Status.VERIFIED, {})
    _tell("hours_voided", [attendance], {})
    return attendance


def require_another(attendance: Attendance, decider: User) -> None:
    """Raise OwnHours, or OwnRecord if ``decider`` marked, checked in or corrected the record."""
    if attendance.volunteer_id in decider.record_ids:
        raise errors.OwnHours
    if str(decider.pk) in attendance.attested_by:
        raise errors.OwnRecord


def tell(kind: str, attendance: Attendance, key: str, **more: Any) -> None:
    """Owe the volunteer a notice about these hours; ``key`` tells it from others of its kind."""
    notices.owe(
        community=attendance.community,
        key=f"{kind}:{key}",
        recipient=attendance.volunteer,
        kind=kind,
        facts=_facts(attendance) | more,
        target_id=attendance.pk,
        due_at=timezone.now(),
    )


def _locked_many(community: Community, attendances: Sequence[Attendance]) -> list[Attendance]:
    """Lock attendances of a community in order of id, and return them in the order given."""
    rows = (
        Attendance.objects.select_for_update(no_key=True, of=("self",))
        .select_related("shift__activity", "volunteer")
        .filter(community=community, pk__in={one.pk for one in attendances})
        .order_by("pk")
    )
    found = {row.pk: row for row in rows}
    for row in found.values():
        row.community = community
    return [found[pk] for pk in dict.fromkeys(one.pk for one in attendances)]


def _fitting(
    rows: Sequence[Attendance], check: Callable[[Attendance], None], outcomes: dict[UUID, Any]
) -> list[Attendance]:
    """Return the rows that ``check`` lets pass; puts down the refusals of the others."""
    passed = []
    for row in rows:
        try:
            check(row)
        except Refusal as refusal:
            outcomes[row.pk] = refusal
        else:
            passed.append(row)
    return passed


def _publicity_days(community: Community) -> int:
    days = ServicePolicy.objects.filter(community=community).values_list(
        "publicity_days", flat=True
    )
    return days.first() or 0


def _ruled(community: Community, rows: Sequence[Attendance]) -> Callable[[Attendance], None]:
    """Return the check that hours have a rule, before they are public without one."""

    def under(row: Attendance) -> Any:
        facts = facts_of(row)
        return facts.category, facts.counts_from.astimezone(community.clock).date()

    assert HOURS.subject is not None
    ruled = rules_for(community, HOURS.subject, [under(row) for row in rows])

    def check(row: Attendance) -> None:
        category, day = under(row)
        if (category, day) not in ruled:
            raise RuleMissing(category=category, day=day.isoformat())

    return check


def _award(
    community: Community, rows: Sequence[Attendance], outcomes: dict[UUID, Any]
) -> "dict[UUID, Award]":
    """Award the rows in order. Returns the awards; puts down the refusals of the others."""
    given = awards.award_many(
        HOURS,
        community=community,
        earnings=[
            awards.Earning(person_id=row.volunteer_id, source=row.award_source, facts=facts_of(row))
            for row in rows
        ],
    )
    awarded = {}
    for row, outcome in zip(rows, given, strict=True):
        if isinstance(outcome, Refusal):
            outcomes[row.pk] = outcome
        else:
            awarded[row.pk] = outcome
    return awarded


def _decide(
    action: str,
    rows: Sequence[Attendance],
    verifier: User,
    status: Status,
    notice: str,
    *,
    reason: str = "",
    now: datetime | None = None,
    awarded: "dict[UUID, Award] | None" = None,
) -> None:
    """Save one decision on many rows, record each and tell each volunteer."""
    before = {row.pk: row.status for row in rows}
    for row in rows:
        row.status, row.reason = status, reason
        row.verified_by, row.verified_at = verifier, now or timezone.now()
    if not rows:
        return
    _save(rows[0].community, rows)
    for row in rows:
        told = {} if status == Status.REJECTED else _verified(row)
        _record(action, row, verifier, Status(before[row.pk]), told)
    _tell(notice, rows, awarded or {})


def _save(community: Community, rows: Sequence[Attendance]) -> None:
    Attendance.objects.filter(community=community).bulk_update(rows, DECISION)


def _verified(attendance: Attendance) -> dict[str, Any]:
    """Return what the trail keeps of verified hours: the minutes, and who attested them."""
    told: dict[str, Any] = {"worked_minutes": attendance.worked_minutes}
    return told | ({"attested_by": who} if (who := attendance.attested_by) else {})


def _record(
    action: str, attendance: Attendance, actor: User | None, before: Status, told: dict[str, Any]
) -> None:
    trail.record(
        action,
        actor=actor,
        community=attendance.community,
        target=attendance,
        before={"status": before},
        after={"status": attendance.status} | told,
    )


def _facts(attendance: Attendance) -> dict[str, Any]:
    return {
        "activity": attendance.shift.activity.title,
        "starts_at": attendance.shift.starts_at.isoformat(),
        "timezone": attendance.community.timezone,
        "reason": attendance.reason,
        "minutes": attendance.worked_minutes,
    }


def _tell(kind: str, rows: Sequence[Attendance], awarded: "dict[UUID, Award]") -> None:
    """Owe each volunteer a notice; hours decided on anew are told anew."""
    if not rows:
        return
    notices.owe_many(
        community=rows[0].community,
        kind=kind,
        owed=[
            notices.Owed(
                key=_key(kind, row),
                recipient_id=row.volunteer_id,
                facts=_facts(row)
                | ({"points": awarded[row.pk].amount} if row.pk in awarded else {}),
                target_id=row.pk,
            )
            for row in rows
        ],
        due_at=timezone.now(),
    )


def _key(kind: str, row: Attendance) -> str:
    since = row.voided_at if row.status == Status.VOIDED else row.verified_at
    assert since is not None
    return f"{kind}:{row.pk}:{since.timestamp():.6f}"
