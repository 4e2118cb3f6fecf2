"""Fixtures of the volunteers' tests: threads, past sign-ups, and tasks that run at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.accounts.models import User
from volunteers.activities import services as activities
from volunteers.attendance.services import sign_ups
from volunteers.models import Attendance


@pytest.fixture
def clock(lake) -> Callable[[str], datetime]:
    """A moment by the lake's clock: ``clock("2024-03-01 07:00")``."""
    return lambda text: datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(lake.timezone))


@pytest.fixture
def signed_up(lake, clock) -> Callable[..., Attendance]:
    """A place in a shift of the past: ``signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00")``.

    Taken a day before, with the clock of that day.
    """

    def sign_up(
        user: User, starts: str, ends: str, category: str = "邻里服务", title: str = "邻里服务"
    ) -> Attendance:
        activity = activities.plan_activity(community=lake, title=title, category=category)
        shift = activities.plan_shift(
            activity=activity, starts_at=clock(starts), ends_at=clock(ends)
        )
        the_day_before = clock(starts) - timedelta(days=1)
        return sign_ups.sign_up(shift=shift, volunteer=user, now=the_day_before)

    return sign_up
