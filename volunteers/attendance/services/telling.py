"""Notices to people about the shifts that they have a place in, or wait for."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from backend.communities.models import Community
from backend.notices import services as notices
from volunteers.activities.models import Shift
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.places import WaitingPlace

Place = Attendance | WaitingPlace
EVENING = time(18)  # of the day before a shift
SOON_BEFORE = timedelta(hours=1)


def facts_of(shift: Shift, community: Community) -> dict[str, Any]:
    """Return what a notice about a shift says of it."""
    return {
        "activity": shift.activity.title,
        "place": shift.activity.where or community.name,
        "starts_at": shift.starts_at.isoformat(),
        "timezone": community.timezone,
    }


def tell(kind: str, place: Place, key: str, **more: str) -> None:
    """Owe the person a notice now, with ``more`` facts, unless it is told after the shift."""
    _owe(kind, place, key, timezone.now(), place.shift.ends_at, place.shift_id, **more)


def tell_of_past(kind: str, attendance: Attendance, key: str) -> None:
    """Owe the person a notice now about their attendance of a shift that is over."""
    _owe(kind, attendance, key, timezone.now(), None, attendance.pk)


def remind(attendance: Attendance) -> None:
    """Owe the reminders of a shift as planned now: in the evening before, and an hour before.

    Whoever takes a place after that evening needs no reminder of it.
    """
    for kind, key, due_at, stale_at in _reminders(attendance):
        if kind == "shift_reminder" or due_at > timezone.now():
            _owe(kind, attendance, key, due_at, stale_at, attendance.shift_id)


def do_not_remind(attendance: Attendance) -> None:
    """Withdraw the reminders of the shift as the attendance has it. Idempotent."""
    for _, key, _, _ in _reminders(attendance):
        notices.withdraw(community=attendance.community, key=key)


def _reminders(attendance: Attendance) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Yield kind, key, when it is due and when it is no longer true.

    The key names the beginning, for a shift that moves after it was told of is told of anew.
    """
    clock, starts_at = attendance.community.clock, attendance.shift.starts_at
    which = f"{attendance.pk}:{starts_at.timestamp():.0f}"
    day = starts_at.astimezone(clock).date()
    evening = datetime.combine(day - timedelta(days=1), EVENING, tzinfo=clock)
    yield (
        "shift_tomorrow",
        f"shift-tomorrow:{which}",
        evening,
        datetime.combine(day, time(), tzinfo=clock),
    )
    yield "shift_reminder", f"shift-reminder:{which}", starts_at - SOON_BEFORE, starts_at


def _owe(
    kind: str,
    place: Place,
    key: str,
    due_at: datetime,
    stale_at: datetime | None,
    target_id: UUID,
    **more: str,
) -> None:
    notices.owe(
        community=place.community,
        key=key,
        recipient=place.volunteer,
        kind=kind,
        facts=facts_of(place.shift, place.community) | more,
        target_id=target_id,
        due_at=due_at,
        stale_at=stale_at,
    )
