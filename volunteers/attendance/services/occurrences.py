"""Shifts of a series: they follow its occurrences, and whoever signed up is told."""

from datetime import datetime

from backend.accounts.models import User
from backend.events.models import Occurrence, Series, Status
from backend.events.planners import Planner
from volunteers.activities import services as activities
from volunteers.activities.models import Activity, Shift
from volunteers.activities.selectors import IS_TO_COME
from volunteers.attendance.services import planning


def move(occurrence: Occurrence, was: datetime, by: User) -> None:
    """Move the coming shifts of ``occurrence`` by as much as it was moved."""
    later = occurrence.starts_at - was
    # From the end to which they move, so that nobody's next shift stands where the last one goes.
    shifts = sorted(
        _shifts(occurrence), key=lambda one: one.starts_at, reverse=occurrence.starts_at > was
    )
    for shift in shifts:
        times = {"starts_at": shift.starts_at + later, "ends_at": shift.ends_at + later}
        planning.change_shift(shift=shift, changed_by=by, changes=times)


def cancel(occurrence: Occurrence, by: User, reason: str) -> None:
    """Cancel the coming shifts of ``occurrence``."""
    for shift in _shifts(occurrence):
        planning.cancel_shift(shift=shift, cancelled_by=by, reason=reason)


def follow(series: Series, was: Series, by: User) -> None:
    """Move what recurs by as much as the series was, and its activities from venue to venue."""
    activities.follow_series(series, was, by)
    if series.venue_id == was.venue_id:
        return
    there = Activity.objects.filter(
        community=series.community_id, series=series, venue=was.venue, status=Status.PLANNED
    )
    for activity in there.order_by("pk"):
        planning.change_activity(
            activity=activity, changed_by=by, changes={"venue_id": series.venue_id}
        )


def _shifts(occurrence: Occurrence) -> list[Shift]:
    shifts = Shift.objects.filter(
        IS_TO_COME, community=occurrence.community_id, occurrence=occurrence
    )
    return list(shifts.order_by("pk"))


PLANNER = Planner(plan=activities.plan_shifts, moved=move, cancelled=cancel, changed=follow)
