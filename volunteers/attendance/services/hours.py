"""Checking in and out, and verifying the hours."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend import clocks
from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Membership
from backend.communities.services import roles
from backend.errors import Refusal
from backend.sql import constraint_of
from points.awards.services import awards
from points.rules.services import minutes_between
from volunteers.attendance import errors
from volunteers.attendance.models import Attendance, RefusedClaim
from volunteers.people import selectors
from volunteers.people.models import Volunteer

if TYPE_CHECKING:
    from points.models import Award

OPENS_BEFORE = timedelta(minutes=30)  # check-in opens so long before the shift begins
OFFLINE_FOR = timedelta(hours=72)  # a phone may tell so long afterwards
# Claims refused with these are kept for staff. Time never mends the final ones, so telling them
# again is refused alike.
_FINAL: dict[str, type[Refusal]] = {
    refusal.code: refusal for refusal in (errors.CheckInTooLate, errors.CheckedOutBeforeIn)
}
_KEPT: tuple[type[Refusal], ...] = (
    *_FINAL.values(),
    errors.AlreadyElsewhere,
    errors.AttendanceStatusWrong,
    NotAVolunteerHere,
)


def check_in(
    *,
    attendance: Attendance,
    nonce: str | None = None,
    at: datetime | None = None,
    now: datetime | None = None,
) -> Attendance:
    """Check the volunteer in: now, or ``at`` the time that a phone noted while it was offline.

    ``now`` is given where the past is played again; it is the clock's time otherwise. Check-in
    is open from 30 minutes before the shift until its end, and a phone may tell up to 72 hours
    later. ``backend.clocks`` bounds what it tells by the sign-up, the opening and now. A volunteer
    who left meanwhile tells of the time before, and was there until they left; one who came back
    was not there in between. A refused time is kept for staff (RefusedClaim).
    Idempotent: while checked in, or with the same ``nonce``, it answers with the first check-in; a
    refusal is repeated under its nonce. Raises NotAVolunteerHere, GuardianConsentRequired,
    AttendanceStatusWrong, CheckInTooEarly, CheckInTooLate, NonceReused, AlreadyElsewhere.
    """
    with _kept_for_staff(attendance, RefusedClaim.Act.CHECK_IN, at, nonce or "", now):
        return _check_in(attendance, nonce, at, now)


@transaction.atomic
def _check_in(
    attendance: Attendance, nonce: str | None, at: datetime | None, now: datetime | None
) -> Attendance:
    role = roles.volunteering(user_id=attendance.volunteer_id, community_id=attendance.community_id)
    attendance = _locked(attendance)
    guardians.require_guardian(attendance.volunteer, at=at)
    if attendance.status == Attendance.Status.CHECKED_IN or (
        nonce is not None and attendance.check_in_nonce == nonce
    ):
        return attendance
    if attendance.status != Attendance.Status.SIGNED_UP:
        raise errors.AttendanceStatusWrong(current_status=attendance.status)
    if (
        nonce is not None
        and Attendance.objects.filter(
            community_id=attendance.community_id,
            volunteer_id=attendance.volunteer_id,
            check_in_nonce=nonce,
        ).exists()
    ):
        raise errors.NonceReused
    moment, left_at = now or timezone.now(), None
    if role is None:
        left_at = selectors.left_at(attendance.volunteer_id, attendance.community_id)
        if left_at is None or at is None or at > left_at + clocks.SKEW:
            raise NotAVolunteerHere
    opens_at = attendance.shift.starts_at - OPENS_BEFORE
    if moment < opens_at:
        raise errors.CheckInTooEarly
    arrived = _told(
        at,
        earliest=max(opens_at, attendance.signed_up_at, _back_since(attendance, role)),
        latest=moment if left_at is None else min(moment, left_at),
        now=moment,
    )
    if arrived.at >= attendance.shift.ends_at:
        raise errors.CheckInTooLate
    attendance.status = Attendance.Status.CHECKED_IN
    attendance.checked_in_at = arrived.at
    attendance.check_in_claimed_at = at
    attendance.check_in_mark = arrived.mark
    attendance.check_in_nonce = nonce
    attendance.was_offline = at is not None
    _save_where_nobody_else_is(
        attendance,
        [
            "status",
            "checked_in_at",
            "check_in_claimed_at",
            "check_in_mark",
            "check_in_nonce",
            "was_offline",
        ],
    )
    return attendance if left_at is None else end(attendance=attendance, at=left_at)


def check_out(
    *, attendance: Attendance, at: datetime | None = None, now: datetime | None = None
) -> Attendance:
    """Check the volunteer out: now, or ``at`` the time that a phone noted while it was offline.

    Counts the whole minutes. ``backend.clocks`` bounds what a phone tells by the check-in and now.
    A refused time is kept for staff (RefusedClaim). Idempotent. Raises AttendanceStatusWrong,
    CheckInTooLate if told more than 72 hours later, CheckedOutBeforeIn if earlier than the check-in
    by more than clocks differ.
    """
    with _kept_for_staff(attendance, RefusedClaim.Act.CHECK_OUT, at, "", now):
        return _check_out(attendance, at, now)


@transaction.atomic
def _check_out(attendance: Attendance, at: datetime | None, now: datetime | None) -> Attendance:
    attendance = _locked(attendance)
    # A phone that was offline may tell of a check-out that meanwhile passed for forgotten.
    is_late_news = attendance.check_out_was_forgotten and at is not None
    if attendance.status == Attendance.Status.CHECKED_OUT and not is_late_news:
        return attendance
    if attendance.status not in (Attendance.Status.CHECKED_IN, Attendance.Status.CHECKED_OUT):
        raise errors.AttendanceStatusWrong(current_status=attendance.status)
    assert attendance.checked_in_at is not None
    moment = now or timezone.now()
    left = _told(at, earliest=attendance.checked_in_at, latest=moment, now=moment)
    if left.mark == clocks.TOO_EARLY:
        raise errors.CheckedOutBeforeIn
    attendance.check_out_was_forgotten = False
    attendance.was_offline = attendance.was_offline or at is not None
    attendance.check_out_claimed_at, attendance.check_out_mark = at, left.mark
    return _leave(attendance, left.at)


@transaction.atomic
def close_forgotten(*, attendance: Attendance) -> Attendance:
    """Check out at the shift's end whoever forgot to, and mark it for the verifier. Idempotent."""
    attendance = _locked(attendance)
    if attendance.status != Attendance.Status.CHECKED_IN:
        return attendance
    attendance.check_out_was_forgotten = True
    return _leave(attendance, attendance.shift.ends_at)


@transaction.atomic
def end(*, attendance: Attendance, at: datetime) -> Attendance:
    """Check out at ``at`` a volunteer who leaves the community. Idempotent.

    Of a shift that was over by then the check-out was forgotten.
    """
    attendance = _locked(attendance)
    if attendance.shift.ends_at <= at:
        return close_forgotten(attendance=attendance)
    if attendance.status != Attendance.Status.CHECKED_IN:
        return attendance
    assert attendance.checked_in_at is not None
    return _leave(attendance, max(at, attendance.checked_in_at))


@transaction.atomic
def verify(
    *, attendance: Attendance, verifier: User, now: datetime | None = None
) -> "tuple[Attendance, Award]":
    """Verify somebody else's hours, so that they earn what the rule says.

    Idempotent: answers with the first award. Raises OwnHours, AttendanceStatusWrong, RuleMissing.
    """
    attendance = _locked(attendance)
    if attendance.volunteer_id == verifier.pk:
        raise errors.OwnHours
    if attendance.status not in (Attendance.Status.CHECKED_OUT, Attendance.Status.VERIFIED):
        raise errors.AttendanceStatusWrong(current_status=attendance.status)
    served = attendance.served
    assert served is not None  # a check constraint
    award = awards.award_hours(
        community=attendance.community,
        person_id=attendance.volunteer_id,
        source=attendance.award_source,
        category=attendance.shift.activity.category,
        checked_in_at=served[0],
        checked_out_at=served[1],
    )
    if attendance.status == Attendance.Status.CHECKED_OUT:
        attendance.status = Attendance.Status.VERIFIED
        attendance.verified_by = verifier
        attendance.verified_at = now or timezone.now()
        attendance.save(update_fields=["status", "verified_by", "verified_at"])
        trail.record(
            "attendance.verify",
            actor=verifier,
            community=attendance.community,
            target=attendance,
            before={"status": Attendance.Status.CHECKED_OUT},
            after={"status": attendance.status, "worked_minutes": attendance.worked_minutes},
        )
    return attendance, award


@transaction.atomic
def reject(*, attendance: Attendance, verifier: User, reason: str) -> Attendance:
    """Reject somebody else's hours, which earn nothing then. Idempotent.

    Raises OwnHours, AttendanceStatusWrong.
    """
    attendance = _locked(attendance)
    if attendance.volunteer_id == verifier.pk:
        raise errors.OwnHours
    if attendance.status == Attendance.Status.REJECTED:
        return attendance
    if attendance.status != Attendance.Status.CHECKED_OUT:
        raise errors.AttendanceStatusWrong(current_status=attendance.status)
    attendance.status = Attendance.Status.REJECTED
    attendance.verified_by = verifier
    attendance.verified_at = timezone.now()
    attendance.reason = reason
    attendance.save(update_fields=["status", "verified_by", "verified_at", "reason"])
    trail.record(
        "attendance.reject",
        actor=verifier,
        community=attendance.community,
        target=attendance,
        before={"status": Attendance.Status.CHECKED_OUT},
        after={"status": attendance.status},
    )
    return attendance


@contextmanager
def _kept_for_staff(
    attendance: Attendance,
    act: RefusedClaim.Act,
    at: datetime | None,
    nonce: str,
    now: datetime | None,
) -> Iterator[None]:
    """Keep a refused claim for staff, and refuse it again under its nonce."""
    known = RefusedClaim.objects.filter(
        community_id=attendance.community_id, attendance=attendance, act=act
    )
    if nonce and (before := known.filter(nonce=nonce, refused_as__in=_FINAL).first()):
        raise _FINAL[before.refused_as]
    try:
        yield
    except _KEPT as refusal:
        if at is not None:
            RefusedClaim.objects.get_or_create(
                community_id=attendance.community_id,
                attendance=attendance,
                act=act,
                nonce=nonce,
                claimed_at=at,
                defaults={"refused_as": refusal.code, "told_at": now or timezone.now()},
            )
        raise


def _back_since(attendance: Attendance, role: Membership | None) -> datetime:
    """Return when the volunteer last joined or signed up, whichever is later."""
    left_between = role is not None and selectors.has_left_since(
        attendance.volunteer_id, attendance.community_id, attendance.signed_up_at
    )
    return role.since_at if role is not None and left_between else attendance.signed_up_at


def _locked(attendance: Attendance) -> Attendance:
    return (
        Attendance.objects.select_for_update(no_key=True, of=("self",))
        .select_related("shift__activity", "community", "volunteer")
        .get(pk=attendance.pk)
    )


def _told(
    at: datetime | None, *, earliest: datetime, latest: datetime, now: datetime
) -> clocks.Taken:
    """Return the moment that a phone tells, as far as it can be believed."""
    if at is None:
        return clocks.Taken(now, "")
    told = clocks.taken(at, earliest=earliest, latest=latest)
    if told.at < now - OFFLINE_FOR:
        raise errors.CheckInTooLate
    return told


def _leave(attendance: Attendance, moment: datetime) -> Attendance:
    assert attendance.checked_in_at is not None
    # Staying checked in after the shift earns nothing.
    moment = min(moment, attendance.shift.ends_at)
    if moment < attendance.checked_in_at:
        raise errors.CheckedOutBeforeIn
    attendance.status = Attendance.Status.CHECKED_OUT
    attendance.checked_out_at = moment
    served = attendance.served
    assert served is not None
    attendance.worked_minutes = minutes_between(*served)
    attendance.save(
        update_fields=[
            "status",
            "checked_out_at",
            "check_out_claimed_at",
            "check_out_mark",
            "worked_minutes",
            "was_offline",
            "check_out_was_forgotten",
        ]
    )
    return attendance


def _save_where_nobody_else_is(attendance: Attendance, fields: list[str]) -> None:
    """Save, or raise AlreadyElsewhere where a constraint finds the volunteer in another place."""
    # One volunteer's check-ins queue here: two that met in the constraint would each wait for
    # the other, and PostgreSQL would end one as a deadlock.
    Volunteer.objects.select_for_update(no_key=True).get(
        community_id=attendance.community_id, user_id=attendance.volunteer_id
    )
    try:
        with transaction.atomic():
            attendance.save(update_fields=fields)
    except IntegrityError as error:
        constraint = constraint_of(error)
        if constraint == "nobody_in_two_places":
            raise errors.AlreadyElsewhere from None
        if constraint == "check_in_nonce_once":
            raise errors.NonceReused from None
        raise
