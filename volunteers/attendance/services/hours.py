"""Checking in and out, and what becomes of the hours."""

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
# Told later, these are kept for a human; those that time alone never mends are told again alike.
_FINAL: dict[str, type[Refusal]] = {
    refusal.code: refusal for refusal in (errors.CheckInTooLate, errors.CheckedOutBeforeIn)
}
_KEPT: tuple[type[Refusal], ...] = (
    *_FINAL.values(),
    errors.AlreadyElsewhere,
    errors.AttendanceStateWrong,
    NotAVolunteerHere,
)


def check_in(
    *,
    attendance: Attendance,
    nonce: str | None = None,
    at: datetime | None = None,
    now: datetime | None = None,
) -> Attendance:
    """The volunteer is there: now, or ``at`` the time a phone noted while it was offline.

    ``now`` is given where the past is played again; it is the clock's time otherwise.

    One ``nonce`` per tap, the volunteer's own: sent again it answers the first check-in, as does
    checking in twice while checked in. Open from 30 minutes before the shift until its end; a phone
    may tell up to 72 hours later. What it tells is held against the sign-up, the opening, and now:
    ``backend.clocks``. Whoever has left meanwhile tells of before, and was there until they left;
    whoever is back was not there in between. A time that is refused is kept for staff
    (RefusedClaim), and under its nonce the answer stays. Raises NotAVolunteerHere,
    GuardianConsentRequired, AttendanceStateWrong, CheckInTooEarly, CheckInTooLate, NonceReused,
    AlreadyElsewhere.
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
        raise errors.AttendanceStateWrong(state=attendance.status)
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
    """The volunteer leaves: now, or ``at`` the time noted offline. Again, they have left.

    The minutes are whole and counted here. What a phone tells is held against the check-in and
    now: ``backend.clocks``. A time that is refused is kept for staff (RefusedClaim). Raises
    AttendanceStateWrong, CheckInTooLate (told more than 72 hours later), CheckedOutBeforeIn (by
    more than clocks differ).
    """
    with _kept_for_staff(attendance, RefusedClaim.Act.CHECK_OUT, at, "", now):
        return _check_out(attendance, at, now)


@transaction.atomic
def _check_out(attendance: Attendance, at: datetime | None, now: datetime | None) -> Attendance:
    attendance = _locked(attendance)
    # A phone that was offline may tell of a check-out that was taken for forgotten meanwhile.
    is_late_news = attendance.check_out_was_forgotten and at is not None
    if attendance.status == Attendance.Status.CHECKED_OUT and not is_late_news:
        return attendance
    if attendance.status not in (Attendance.Status.CHECKED_IN, Attendance.Status.CHECKED_OUT):
        raise errors.AttendanceStateWrong(state=attendance.status)
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
    """End an attendance nobody checked out of at its shift's end, marked for the verifier."""
    attendance = _locked(attendance)
    if attendance.status != Attendance.Status.CHECKED_IN:
        return attendance
    attendance.check_out_was_forgotten = True
    return _leave(attendance, attendance.shift.ends_at)


@transaction.atomic
def end(*, attendance: Attendance, at: datetime) -> Attendance:
    """Check out at ``at`` whoever takes no part any more; of a shift over by then it was forgotten.

    Who is checked in nowhere stays so.
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
    """Somebody else confirms the hours, and they earn what the rule says, once.

    Again, by whomever: the first award. Raises OwnHours, AttendanceStateWrong, RuleMissing.
    """
    attendance = _locked(attendance)
    if attendance.volunteer_id == verifier.pk:
        raise errors.OwnHours
    if attendance.status not in (Attendance.Status.CHECKED_OUT, Attendance.Status.VERIFIED):
        raise errors.AttendanceStateWrong(state=attendance.status)
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
def reject(*, attendance: Attendance, verifier: User, because: str) -> Attendance:
    """Somebody else found that these hours were not served; they earn nothing.

    Rejecting again changes nothing. Raises OwnHours, AttendanceStateWrong.
    """
    attendance = _locked(attendance)
    if attendance.volunteer_id == verifier.pk:
        raise errors.OwnHours
    if attendance.status == Attendance.Status.REJECTED:
        return attendance
    if attendance.status != Attendance.Status.CHECKED_OUT:
        raise errors.AttendanceStateWrong(state=attendance.status)
    attendance.status = Attendance.Status.REJECTED
    attendance.verified_by = verifier
    attendance.verified_at = timezone.now()
    attendance.rejected_because = because
    attendance.save(update_fields=["status", "verified_by", "verified_at", "rejected_because"])
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
    """Keep what a phone told if it is refused; told again under its nonce, it is refused alike."""
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
    """Since when they are back who had left after they signed up; else that."""
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
    """The moment a phone tells of, as far as it can be believed."""
    if at is None:
        return clocks.Taken(now, "")
    told = clocks.taken(at, earliest=earliest, latest=latest)
    if told.at < now - OFFLINE_FOR:
        raise errors.CheckInTooLate
    return told


def _leave(attendance: Attendance, moment: datetime) -> Attendance:
    assert attendance.checked_in_at is not None
    # Nobody earns by staying checked in after the shift is over.
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
    """Save, unless the volunteer is somewhere else at that time: the database knows."""
    # One volunteer's check-ins queue here: two that met in the constraint would each wait for
    # the other, and PostgreSQL would end one as a deadlock.
    Volunteer.objects.select_for_update(no_key=True).get(
        community_id=attendance.community_id, user_id=attendance.volunteer_id
    )
    try:
        with transaction.atomic():
            attendance.save(update_fields=fields)
    except IntegrityError as error:
        if "nobody_in_two_places" in str(error):
            raise errors.AlreadyElsewhere from None
        if "check_in_nonce_once" in str(error):
            raise errors.NonceReused from None
        raise
