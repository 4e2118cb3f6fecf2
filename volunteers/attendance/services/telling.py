"""Notices to people about the shifts that they have a place in, or wait for."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from backend.communities.models import Community
from backend.notices import services as notices
from volunteers.activities.models import Shift
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.places import WaitingPlace

Place = Attendance | WaitingPlace


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
    _owe(kind, place, key, timezone.now(), place.shift.ends_at, **more)


def tell_of_past(kind: str, place: Place, key: str) -> None:
    """Owe the person a notice now about a shift that is over."""
    _owe(kind, place, key, timezone.now(), None)


def remind(attendance: Attendance) -> None:
    """Owe a reminder of the shift as planned now, to be sent before the shift begins."""
    starts_at = attendance.shift.starts_at
    due_at = starts_at - settings.REMINDER_LEAD
    _owe("shift_reminder", attendance, _reminder_key(attendance), due_at, starts_at)


def do_not_remind(attendance: Attendance) -> None:
    """Withdraw the reminder. Idempotent."""
    notices.withdraw(community=attendance.community, key=_reminder_key(attendance))


def _owe(
    kind: str, place: Place, key: str, due_at: datetime, stale_at: datetime | None, **more: str
) -> None:
    notices.owe(
        community=place.community,
        key=key,
        recipient=place.volunteer,
        kind=kind,
        facts=facts_of(place.shift, place.community) | more,
        due_at=due_at,
        stale_at=stale_at,
    )


def _reminder_key(attendance: Attendance) -> str:
    return f"shift-reminder:{attendance.pk}"
