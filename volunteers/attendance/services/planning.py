"""Changes and cancellations of activities and shifts, and of the places taken in them."""

from collections.abc import Set
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.events.models import Status
from backend.events.services import venues
from backend.ids import new_id
from volunteers.activities import services as activities
from volunteers.activities.errors import ActivityCancelled, ActivityOver, ShiftCancelled, ShiftOver
from volunteers.activities.models import Activity, Shift
from volunteers.activities.selectors import IS_TO_COME, shifts_of
from volunteers.attendance import errors
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.places import WaitingPlace
from volunteers.attendance.services import call_outs, sign_ups, telling
from volunteers.attendance.services.sign_ups import lock

Planned = TypeVar("Planned", Activity, Shift)
VERIFIED = (Attendance.Status.VERIFIED, Attendance.Status.PUBLISHED)


@transaction.atomic
def change_activity(*, activity: Activity, changed_by: User, changes: dict[str, Any]) -> Activity:
    """Change what is said of an activity, where it is and how one takes part. Idempotent.

    People who signed up for coming shifts are told another venue or place. Raises
    ActivityCancelled, ActivityAttended if the category would change after somebody checked in (it
    decides what hours earn), VenueClosed for coming shifts, and what ``settled`` raises.
    """
    activity = _locked(activity, "estate", "team", "series", "venue")
    if activity.status == Status.CANCELLED:
        raise ActivityCancelled
    changes = activities.settled(activity, changes, changed_by)
    was_at = activity.venue_id, activity.place
    if changes.get("category", activity.category) != activity.category:
        # The shifts are locked with their places, so that nobody signs up or checks in meanwhile.
        places = lock(_places(lock(shifts_of(activity))))
        if any(place.checked_in_at for place in places):
            raise errors.ActivityAttended
    _change("activity.change", activity, changed_by, changes)
    if (activity.venue_id, activity.place) != was_at:
        _move_to_venue(activity)
    return activity


def _move_to_venue(activity: Activity) -> None:
    """Check that the activity's venue is open, and tell who has a place or waits for one."""
    to_come = lock(shifts_of(activity).filter(IS_TO_COME))
    for shift in to_come:
        venues.check_open(activity.venue, shift.starts_at, shift.ends_at)
    for place in lock(_places(to_come).filter(status=Attendance.Status.SIGNED_UP)):
        place.shift.activity = activity
        telling.remind(place)
        telling.tell("shift_moved", place, f"shift-moved:{new_id()}")
    for shift in to_come:
        for one in sign_ups.waiting_at(shift):
            one.shift.activity = activity
            telling.tell("waiting_moved", one, f"shift-moved:{new_id()}")


@transaction.atomic
def cancel_activity(*, activity: Activity, cancelled_by: User, reason: str) -> Activity:
    """Cancel an activity and each of its coming shifts, as ``cancel_shift`` does. Idempotent.

    Raises ActivityOver if it has shifts and all are over, ShiftVerified if hours of a running shift
    are verified already.
    """
    activity = _locked(activity, "estate")
    if activity.status == Status.CANCELLED:
        return activity
    shifts = lock(shifts_of(activity))
    to_come = [shift for shift in shifts if shift.ends_at > timezone.now()]
    if shifts and not to_come:
        raise ActivityOver
    _cancel([shift for shift in to_come if shift.status == Status.PLANNED], cancelled_by, reason)
    _close("activity.cancel", activity, cancelled_by, reason)
    return activity


@transaction.atomic
def change_shift(*, shift: Shift, changed_by: User, changes: dict[str, Any]) -> Shift:
    """Change times, capacity or how many are wanted of a shift that is not over. Idempotent.

    People who signed up, or wait, are told new times, and reminded by them; places that are added
    go to the first in line. Raises ShiftCancelled, ShiftOver, ShiftTimesInvalid, ShiftAttended if
    the times would change after somebody checked in, AlreadyElsewhere if somebody would be in two
    places, VenueClosed, CapacityTooSmall, WantedExceedsCapacity.
    """
    shift = _locked(shift, "activity")
    if shift.status == Status.CANCELLED:
        raise ShiftCancelled
    starts_at = changes.get("starts_at", shift.starts_at)
    ends_at = changes.get("ends_at", shift.ends_at)
    if min(shift.ends_at, ends_at) <= timezone.now():
        raise ShiftOver
    places = lock(_places([shift]).exclude(status=Attendance.Status.CANCELLED))
    waiting = list(sign_ups.waiting_at(shift))
    is_moved = (starts_at, ends_at) != (shift.starts_at, shift.ends_at)
    if is_moved:
        activities.check_times(starts_at, ends_at)
        venues.check_open(shift.activity.venue, starts_at, ends_at)
        if any(place.checked_in_at for place in places):
            raise errors.ShiftAttended
        # With those whom promote will look at: volunteers are locked once, in order.
        sign_ups.hold(shift.community_id, {one.volunteer_id for one in [*places, *waiting]})
        if elsewhere := _elsewhere(shift, places, starts_at, ends_at):
            raise errors.AlreadyElsewhere(volunteers=elsewhere)
    capacity = changes.get("capacity", shift.capacity)
    activities.check_wanted(changes.get("wanted", shift.wanted), capacity)
    if "capacity" in changes and capacity is not None and capacity < len(places):
        raise errors.CapacityTooSmall(places_taken=len(places))
    _change("shift.change", shift, changed_by, changes)
    if is_moved:
        for place in places:
            telling.do_not_remind(place)  # of the times until now
            place.shift = shift
            telling.remind(place)
            telling.tell("shift_moved", place, f"shift-moved:{new_id()}")  # each move is told
        for one in waiting:
            one.shift = shift
            telling.tell("waiting_moved", one, f"shift-moved:{new_id()}")
    sign_ups.promote([shift])
    return shift


@transaction.atomic
def cancel_shift(*, shift: Shift, cancelled_by: User, reason: str) -> Shift:
    """Cancel a shift that is not over, and tell the people who signed up or wait.

    Cancels their sign-ups, and ends the waiting and the call-outs. People who have checked in stay
    so, and their hours count. Idempotent.
    Raises ShiftOver, ShiftVerified.
    """
    shift = _locked(shift, "activity")
    if shift.status == Status.CANCELLED:
        return shift
    if shift.ends_at <= timezone.now():
        raise ShiftOver
    _cancel([shift], cancelled_by, reason)
    return shift


def _cancel(shifts: list[Shift], cancelled_by: User, reason: str) -> None:
    places = lock(_places(shifts))
    if any(place.status in VERIFIED for place in places):
        raise errors.ShiftVerified
    for shift in shifts:
        _close("shift.cancel", shift, cancelled_by, reason)
    for place in places:
        if place.status == Attendance.Status.SIGNED_UP:
            sign_ups.give_back(place)
            _tell_cancelled(place, reason)
    for shift in shifts:
        for one in sign_ups.waiting_at(shift):
            sign_ups.end_waiting([one], WaitingPlace.Status.ENDED)
            _tell_cancelled(one, reason)
        call_outs.end_all(shift)


def _close(action: str, planned: Activity | Shift, cancelled_by: User, reason: str) -> None:
    changes = {"status": Status.CANCELLED, "reason": reason, "cancelled_at": timezone.now()}
    _change(action, planned, cancelled_by, changes, told={"status"})


def _change(
    action: str,
    planned: Activity | Shift,
    changed_by: User,
    changes: dict[str, Any],
    told: Set[str] | None = None,
) -> None:
    """Save the fields that differ and record them, or only the ``told`` fields, in the trail."""
    before = {name: getattr(planned, name) for name in changes}
    differing = {name for name, value in before.items() if value != changes[name]}
    if not differing:
        return
    compared = {"title_compared": ""} if "title" in differing else {}  # made on saving
    planned.save_with(**{name: changes[name] for name in differing}, **compared)
    names = differing if told is None else told
    trail.record(
        action,
        actor=changed_by,
        community=planned.community,
        target=planned,
        before={name: _plain(before[name]) for name in names},
        after={name: _plain(changes[name]) for name in names},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _tell_cancelled(place: Attendance | WaitingPlace, reason: str) -> None:
    telling.tell("shift_cancelled", place, f"shift-cancelled:{place.pk}", reason=reason)


def _elsewhere(
    shift: Shift, places: list[Attendance], starts_at: datetime, ends_at: datetime
) -> int:
    """Return how many of the volunteers would be in another shift at the new times.

    Leaves out volunteers whose two shifts overlapped before the change.
    """
    people = [one.volunteer_id for one in places if one.status == Attendance.Status.SIGNED_UP]
    before = Q(shift__starts_at__lt=shift.ends_at, shift__ends_at__gt=shift.starts_at)
    others = sign_ups.elsewhere(shift, starts_at, ends_at).exclude(before)
    return others.filter(volunteer__in=people).values("volunteer").distinct().count()


def _places(shifts: list[Shift]) -> QuerySet[Attendance]:
    return Attendance.objects.filter(
        community__in={shift.community_id for shift in shifts}, shift__in=shifts
    ).select_related("shift__activity__venue", "community", "volunteer")


def _locked(planned: Planned, *told: str) -> Planned:
    """Lock and return one row, with the rows ``told`` that its answer shows."""
    rows = type(planned)._default_manager.filter(community=planned.community_id, pk=planned.pk)
    locked: list[Planned] = lock(rows.select_related("community", *told))
    return locked[0]
