"""Check-in and check-out: who was there, and how long."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend import clocks
from backend.accounts.services import guardians
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Membership
from backend.communities.services import roles
from backend.errors import Refusal
from backend.sql import constraint_of
from points.rules.services import minutes_between
from volunteers.attendance import errors
from volunteers.attendance.models import Attendance, RefusedClaim
from volunteers.attendance.services import telling
from volunteers.people import selectors
from volunteers.people.models import Volunteer

Status = Attendance.Status
OPENS_BEFORE = timedelta(minutes=30)  # check-in opens so long before the shift begins
OFFLINE_FOR = timedelta(hours=72)  # a phone may tell so long afterwards
# Claims refused with these are kept for staff. The final ones stay refused, so reporting them
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
_REFUSED_BY: dict[str, type[Refusal]] = {
    "nobody_in_two_places": errors.AlreadyElsewhere,
    "check_in_nonce_once": errors.NonceReused,
}


def check_in(
    *,
    attendance: Attendance,
    nonce: str | None = None,
    at: datetime | None = None,
    now: datetime | None = None,
) -> Attendance:
    """Check the volunteer in: now, or ``at`` the time that a phone noted while it was offline.

    ``now`` is given to replay the past, and is otherwise the present time. Check-in is open from 30
    minutes before the shift until its end, and a phone may report it up to 72 hours later.
    ``backend.clocks`` bounds ``at`` by the sign-up, the opening and now. A volunteer who has left
    meanwhile may report a time before that, and is checked out when they left; for one who came
    back, the time away is excluded. A refused time is kept for staff (RefusedClaim). Idempotent:
    while checked in, or with the same ``nonce``, it answers with the first check-in; a refusal is
    repeated under its nonce. Raises NotAVolunteerHere, GuardianConsentRequired,
    AttendanceStatusWrong, CheckInTooEarly, CheckInTooLate, NonceReused, AlreadyElsewhere.
    """
    moment = now or timezone.now()
    with (
        _kept_for_staff(attendance, RefusedClaim.Act.CHECK_IN, at, moment, nonce or ""),
        transaction.atomic(),
    ):
        role = roles.volunteering(
            user_id=attendance.volunteer_id, community_id=attendance.community_id
        )
        attendance = locked(attendance)
        guardians.require_guardian(attendance.volunteer, at=at)
        if attendance.status == Status.CHECKED_IN or (
            nonce is not None and attendance.check_in_nonce == nonce
        ):
            return attendance
        # A phone may tell late of somebody who was taken for a no-show.
        require(attendance, Status.SIGNED_UP, Status.NO_SHOW)
        theirs = Attendance.objects.filter(
            community_id=attendance.community_id, volunteer_id=attendance.volunteer_id
        )
        if nonce is not None and theirs.filter(check_in_nonce=nonce).exists():
            raise errors.NonceReused
        left_at = None
        if role is None:
            left_at = selectors.left_at(attendance.volunteer_id, attendance.community_id)
            if left_at is None or at is None or at > left_at + clocks.SKEW:
                raise NotAVolunteerHere
        opens_at = attendance.shift.starts_at - OPENS_BEFORE
        if moment < opens_at:
            raise errors.CheckInTooEarly
        arrived = clocks.Taken(moment, "")
        if at is not None:
            arrived = _told(
                at,
                earliest=max(opens_at, attendance.signed_up_at, _back_since(attendance, role)),
                latest=min(moment, left_at or moment),
                now=moment,
            )
        if arrived.at >= attendance.shift.ends_at:
            raise errors.CheckInTooLate
        # One volunteer's check-ins queue here: two that met in a constraint would each wait for the
        # other, and PostgreSQL would end one as a deadlock.
        Volunteer.objects.select_for_update(no_key=True).get(
            community_id=attendance.community_id, user_id=attendance.volunteer_id
        )
        try:
            with transaction.atomic():
                attendance.save_with(
                    status=Status.CHECKED_IN,
                    checked_in_at=arrived.at,
                    check_in_claimed_at=at,
                    check_in_mark=arrived.mark,
                    check_in_nonce=nonce,
                    was_offline=at is not None,
                )
        except IntegrityError as error:
            if refusal := _REFUSED_BY.get(constraint_of(error) or ""):
                raise refusal from None
            raise
        return attendance if left_at is None else end(attendance=attendance, at=left_at)


def check_out(
    *, attendance: Attendance, at: datetime | None = None, now: datetime | None = None
) -> Attendance:
    """Check the volunteer out: now, or ``at`` the time that a phone noted while it was offline.

    Counts whole minutes. ``backend.clocks`` bounds ``at`` by the check-in and now. A refused time
    is kept for staff (RefusedClaim). Idempotent. Raises AttendanceStatusWrong, CheckInTooLate if
    reported more than 72 hours later, CheckedOutBeforeIn if earlier than the check-in by more than
    clocks differ.
    """
    moment = now or timezone.now()
    with (
        _kept_for_staff(attendance, RefusedClaim.Act.CHECK_OUT, at, moment),
        transaction.atomic(),
    ):
        attendance = locked(attendance)
        # A phone that was offline may report a check-out that was closed as forgotten meanwhile.
        is_late_news = attendance.check_out_was_forgotten and at is not None
        if attendance.status == Status.CHECKED_OUT and not is_late_news:
            return attendance
        require(attendance, Status.CHECKED_IN, Status.CHECKED_OUT)
        assert attendance.checked_in_at is not None
        left = clocks.Taken(moment, "")
        if at is not None:
            left = _told(at, earliest=attendance.checked_in_at, latest=moment, now=moment)
        if left.mark == clocks.TOO_EARLY:
            raise errors.CheckedOutBeforeIn
        return _leave(
            attendance,
            left.at,
            check_out_was_forgotten=False,
            was_offline=attendance.was_offline or at is not None,
            check_out_claimed_at=at,
            check_out_mark=left.mark,
        )


@transaction.atomic
def close_forgotten(*, attendance: Attendance) -> Attendance:
    """Check out a volunteer who forgot to, at the shift's end, with a mark, and tell them.

    Idempotent.
    """
    attendance = locked(attendance)
    if attendance.status != Status.CHECKED_IN:
        return attendance
    telling.tell_of_past("check_out_forgotten", attendance, f"check-out-forgotten:{attendance.pk}")
    return _leave(attendance, attendance.shift.ends_at, check_out_was_forgotten=True)


@transaction.atomic
def end(*, attendance: Attendance, at: datetime) -> Attendance:
    """Check out at ``at`` a volunteer who leaves the community. Idempotent.

    If the shift was over by then, the check-out counts as forgotten.
    """
    attendance = locked(attendance)
    if attendance.shift.ends_at <= at:
        return close_forgotten(attendance=attendance)
    if attendance.status != Status.CHECKED_IN:
        return attendance
    assert attendance.checked_in_at is not None
    return _leave(attendance, max(at, attendance.checked_in_at))


def require(attendance: Attendance, *allowed: Status) -> None:
    """Raise AttendanceStatusWrong unless the attendance is in one of the ``allowed`` states."""
    if attendance.status not in allowed:
        raise errors.AttendanceStatusWrong(current_status=attendance.status)


@contextmanager
def _kept_for_staff(
    attendance: Attendance,
    act: RefusedClaim.Act,
    at: datetime | None,
    told_at: datetime,
    nonce: str = "",
) -> Iterator[None]:
    """Keep a refused claim for staff. Raises a final refusal again under its nonce."""
    claim: dict[str, Any] = {
        "community_id": attendance.community_id,
        "attendance": attendance,
        "act": act,
        "nonce": nonce,
    }
    final = RefusedClaim.objects.filter(**claim, refused_as__in=_FINAL)
    if nonce and (before := final.first()):
        raise _FINAL[before.refused_as]
    try:
        yield
    except _KEPT as refusal:
        if at is not None:
            RefusedClaim.objects.get_or_create(
                **claim,
                claimed_at=at,
                defaults={"refused_as": refusal.code, "told_at": told_at},
            )
        raise


def _back_since(attendance: Attendance, role: Membership | None) -> datetime:
    """Return when the volunteer last joined or signed up, whichever is later."""
    left_between = role is not None and selectors.has_left_since(
        attendance.volunteer_id, attendance.community_id, attendance.signed_up_at
    )
    return role.since_at if role is not None and left_between else attendance.signed_up_at


def locked(attendance: Attendance) -> Attendance:
    """Lock and return an attendance, with the rows that its answer shows."""
    return (
        Attendance.objects.select_for_update(no_key=True, of=("self",))
        .select_related("shift__activity", "community", "volunteer")
        .get(community=attendance.community_id, pk=attendance.pk)
    )


def _told(at: datetime, *, earliest: datetime, latest: datetime, now: datetime) -> clocks.Taken:
    """Return the moment that ``at`` counts for, with its mark. Raises CheckInTooLate."""
    told = clocks.taken(at, earliest=earliest, latest=latest)
    if told.at < now - OFFLINE_FOR:
        raise errors.CheckInTooLate
    return told


def _leave(attendance: Attendance, moment: datetime, **told: Any) -> Attendance:
    assert attendance.checked_in_at is not None
    # Staying checked in after the shift earns nothing.
    attendance.checked_out_at = min(moment, attendance.shift.ends_at)
    if attendance.checked_out_at < attendance.checked_in_at:
        raise errors.CheckedOutBeforeIn
    served = attendance.served
    assert served is not None
    attendance.save_with(
        status=Status.CHECKED_OUT,
        checked_out_at=attendance.checked_out_at,
        worked_minutes=minutes_between(*served),
        **told,
    )
    return attendance
