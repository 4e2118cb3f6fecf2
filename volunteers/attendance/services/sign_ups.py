"""Places in shifts and on their waiting lists: taken, given back, and given to the next in line.

Who takes a place and who frees one both lock the shift, and whoever frees one gives it to the first
in line before the transaction ends: a shift with a waiting list is always full. Locks are taken in
the order person, shift, attendance, volunteer, of each kind in order of id.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.communities.services import roles
from backend.events.models import Status
from backend.registries.leaving import Leaving
from volunteers.activities.errors import ShiftCancelled, ShiftOver
from volunteers.activities.models import Shift
from volunteers.attendance import errors
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.places import WaitingPlace
from volunteers.attendance.services import presence, telling
from volunteers.people.models import Volunteer

IS_THERE = (Attendance.Status.SIGNED_UP, Attendance.Status.CHECKED_IN)


@transaction.atomic
def sign_up(*, shift: Shift, volunteer: User, now: datetime | None = None) -> Attendance:
    """Take a place in the shift, and queue a reminder.

    ``now`` is given to replay the past. Idempotent: returns the place taken already. Raises
    NotAVolunteerHere, GuardianConsentRequired, ShiftCancelled, ShiftOver, AgeUnknown, TooYoung,
    AlreadyElsewhere, ShiftFull.
    """
    shift = _admitted(shift, volunteer)
    return _sign_up(shift, volunteer, now or timezone.now())


@transaction.atomic
def sign_up_or_wait(*, shift: Shift, volunteer: User) -> Attendance | WaitingPlace:
    """Take a place in the shift, or one at the end of its waiting list if it is full.

    Idempotent: returns the place in the shift or on the list. Raises what ``sign_up`` raises, but
    never ShiftFull.
    """
    shift = _admitted(shift, volunteer)
    if waiting := waiting_at(shift).filter(volunteer=volunteer).first():
        return waiting
    try:
        return _sign_up(shift, volunteer, timezone.now())
    except errors.ShiftFull:
        told = {"shift": shift, "volunteer": volunteer}
        place = WaitingPlace.objects.create(community=shift.community, **told)
        place.refresh_from_db(fields=["since_at"])  # the database's own time
        return place


@transaction.atomic
def cancel(*, attendance: Attendance, now: datetime | None = None) -> Attendance:
    """Cancel a sign-up before check-in, and give the place to the first in line. Idempotent.

    ``now`` is given to replay the past. Raises AttendanceStatusWrong once the volunteer has checked
    in, ShiftOver.
    """
    (shift,) = lock_shifts(attendance.community_id, [attendance.shift_id])
    attendance = presence.locked(attendance)
    if attendance.status == Attendance.Status.CANCELLED:
        return attendance
    presence.require(attendance, Attendance.Status.SIGNED_UP)
    if shift.ends_at <= (now or timezone.now()):
        raise ShiftOver
    give_back(attendance)
    promote([shift])
    return attendance


@transaction.atomic
def stop_waiting(*, waiting_place: WaitingPlace) -> WaitingPlace:
    """Take the person off the waiting list. Idempotent; changes nothing once they are off it."""
    lock_shifts(waiting_place.community_id, [waiting_place.shift_id])
    waiting_place = waiting_place.locked("shift__activity", "community", "volunteer")
    if waiting_place.status == WaitingPlace.Status.WAITING:
        end_waiting([waiting_place], WaitingPlace.Status.LEFT)
    return waiting_place


@transaction.atomic
def end_what_runs(leaving: Leaving) -> None:
    """Cancel a leaving person's sign-ups for coming shifts, end their waiting, and check them out.

    A sign-up for a shift that has begun stays: a phone that was offline may still report a check-in
    from before they left. Idempotent.
    """
    running = Attendance.objects.filter(
        Q(status=Attendance.Status.CHECKED_IN)
        | Q(status=Attendance.Status.SIGNED_UP, shift__starts_at__gt=leaving.at),
        **leaving.whose,
    )
    waiting = WaitingPlace.objects.filter(status=WaitingPlace.Status.WAITING, **leaving.whose)
    # They move up in none of these shifts once those are locked, and sign up for none: that needs
    # the role, which leaving has locked. Lists are read first, for from there they become places.
    ids = [*waiting.values_list("shift", flat=True), *running.values_list("shift", flat=True)]
    shifts = lock_shifts(leaving.community_id, ids)
    end_waiting(lock(waiting), WaitingPlace.Status.LEFT)
    # All of them are locked before the first is ended.
    for attendance in lock(running.select_related("shift__activity", "community", "volunteer")):
        if attendance.status == Attendance.Status.CHECKED_IN:
            presence.end(attendance=attendance, at=leaving.at)
        else:
            give_back(attendance)
    promote(shifts)


# --- for planning, which has locked the shifts ------------------------------------------------
def give_back(attendance: Attendance) -> None:
    """Cancel a locked sign-up; somebody else decides on the place."""
    attendance.save_with(status=Attendance.Status.CANCELLED)
    telling.do_not_remind(attendance)


def promote(shifts: Sequence[Shift]) -> None:
    """Give the free places of locked shifts to the first in line, and tell them.

    Whoever is in another shift at that time, or a child without a guardian's consent by now, is
    passed over, taken off the list and told. Leaving the community takes people off it at once.
    """
    now = timezone.now()
    to_come = [one for one in shifts if one.status == Status.PLANNED and one.ends_at > now]
    places = {shift: free for shift in to_come if (free := _free_places(shift)) > 0}
    lines = {shift: line for shift in places if (line := list(waiting_at(shift)))}
    if not lines:
        return
    # Each kind of row is locked for all the shifts at once, in its order.
    community_id = next(iter(lines)).community_id
    people = {one.volunteer_id for line in lines.values() for one in line}
    theirs = Attendance.objects.filter(
        community=community_id, shift__in=list(lines), volunteer__in=people
    ).select_related("shift__activity", "community", "volunteer")
    known = {(one.shift_id, one.volunteer_id): one for one in lock(theirs)}
    hold(community_id, people)
    for shift, line in lines.items():
        free = places[shift]
        busy = set(
            elsewhere(shift).filter(volunteer__in=people).values_list("volunteer", flat=True)
        )
        for place in line:
            mine = known.get((shift.pk, place.volunteer_id))
            if mine is not None and mine.status != Attendance.Status.CANCELLED:
                end_waiting([place], WaitingPlace.Status.PROMOTED)  # came without a sign-up
            elif free <= 0:
                break
            elif place.volunteer_id in busy or guardians.is_missing(place.volunteer):
                end_waiting([place], WaitingPlace.Status.PASSED_OVER)
                telling.tell("waiting_passed_over", place, f"passed-over:{place.pk}")
            else:
                free -= 1
                end_waiting([place], WaitingPlace.Status.PROMOTED)
                _seat(shift, place.volunteer, mine, now)
                telling.tell("waiting_promoted", place, f"promoted:{place.pk}")


def waiting_at(shift: Shift) -> QuerySet[WaitingPlace]:
    """Return the places on the waiting list of a shift, the first in line first."""
    waiting = WaitingPlace.objects.filter(
        community=shift.community_id, shift=shift, status=WaitingPlace.Status.WAITING
    )
    told = waiting.select_related("shift__activity", "community", "volunteer")
    return told.order_by("since_at", "pk")


def end_waiting(places: Sequence[WaitingPlace], status: WaitingPlace.Status) -> None:
    """End places on the waiting list of locked shifts."""
    for place in places:
        place.save_with(status=status, ended_at=timezone.now())


def elsewhere(
    shift: Shift, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> QuerySet[Attendance]:
    """Return the places that are taken in other shifts of the community during ``shift``.

    Or at the times given, to which it is moved. For those whom ``hold`` locked it stays true.
    """
    return Attendance.objects.filter(
        community=shift.community_id,
        status__in=IS_THERE,
        shift__starts_at__lt=ends_at or shift.ends_at,
        shift__ends_at__gt=starts_at or shift.starts_at,
    ).exclude(shift=shift)


def hold(community_id: UUID, people: Collection[UUID]) -> None:
    """Lock the volunteers, so that none of them gets a place meanwhile."""
    lock(Volunteer.objects.filter(community=community_id, user__in=people))


def lock(rows: QuerySet[Any]) -> list[Any]:
    """Lock rows in order of id, and return them."""
    return list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk"))


def lock_shifts(community_id: UUID, ids: Collection[UUID]) -> list[Shift]:
    """Lock and return shifts, with the rows that notices read."""
    shifts = Shift.objects.filter(community=community_id, pk__in=set(ids))
    return lock(shifts.select_related("activity", "community"))


# --- one place --------------------------------------------------------------------------------
def _admitted(shift: Shift, volunteer: User) -> Shift:
    """Lock the person and the shift. Raises NotAVolunteerHere, GuardianConsentRequired."""
    roles.require_volunteer(user_id=volunteer.pk, community_id=shift.community_id)
    guardians.require_guardian(volunteer)
    # Lock before counting: two volunteers who want the last place must queue here.
    (locked,) = lock_shifts(shift.community_id, [shift.pk])
    return locked


def _sign_up(shift: Shift, volunteer: User, now: datetime) -> Attendance:
    theirs = Attendance.objects.filter(
        community=shift.community_id, shift=shift, volunteer=volunteer
    ).select_related("shift__activity", "community", "volunteer")
    known: Attendance | None = next(iter(lock(theirs)), None)
    if known and known.status != Attendance.Status.CANCELLED:
        return known
    if shift.status == Status.CANCELLED:
        raise ShiftCancelled
    if now >= shift.ends_at:
        raise ShiftOver
    _require_age(shift, volunteer)
    # What is replayed of the past happened: check-ins say where somebody was.
    if shift.ends_at > timezone.now():
        hold(shift.community_id, [volunteer.pk])
        if elsewhere(shift).filter(volunteer=volunteer).exists():
            raise errors.AlreadyElsewhere
    if _free_places(shift) <= 0:
        raise errors.ShiftFull
    return _seat(shift, volunteer, known, now)


def _require_age(shift: Shift, volunteer: User) -> None:
    """Raise AgeUnknown or TooYoung unless the person is old enough on the day of the shift."""
    min_age = shift.activity.min_age
    if min_age is None:
        return
    if volunteer.born_on is None:
        raise errors.AgeUnknown(min_age=min_age)
    day = shift.starts_at.astimezone(ages.CLOCK).date()
    if not ages.is_at_least(min_age, volunteer.born_on, on=day):
        raise errors.TooYoung(min_age=min_age)


def _free_places(shift: Shift) -> float:
    """Return how many places of a locked shift are free; infinite if there is no limit."""
    if shift.capacity is None:
        return float("inf")
    places = Attendance.objects.filter(community=shift.community_id, shift=shift)
    return shift.capacity - places.exclude(status=Attendance.Status.CANCELLED).count()


def _seat(shift: Shift, volunteer: User, known: Attendance | None, now: datetime) -> Attendance:
    """Give a free place, or the one they cancelled (``known``), and owe reminders."""
    if known:
        known.save_with(status=Attendance.Status.SIGNED_UP)
    else:
        known = Attendance.objects.create(
            community=shift.community, shift=shift, volunteer=volunteer, signed_up_at=now
        )
    if shift.starts_at > timezone.now():
        telling.remind(known)
    return known
