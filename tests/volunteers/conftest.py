"""What the tests of volunteers share: threads, sign-ups of the past, and tasks that run at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from backend.accounts.models import User
from backend.celery import app
from backend.errors import Refusal
from volunteers.models import Attendance
from volunteers.services import activities


@pytest.fixture
def at_once() -> Callable[..., list]:
    """``at_once(20, work)`` runs ``work(0)`` … ``work(19)`` in as many threads at one moment.

    Answers what each returned, or the code of what it was refused with, in their order.
    """

    def run(count, work):
        together = threading.Barrier(count)

        def one(number):
            try:
                connection.ensure_connection()
                together.wait(timeout=30)
                return work(number)
            except Refusal as refusal:
                return refusal.code
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run


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
        return activities.sign_up(shift=shift, volunteer=user, now=the_day_before)

    return sign_up


@pytest.fixture
def _tasks_run_at_once():
    """A queued task runs where it is queued; tests/journeys/ has real workers."""
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    yield
    app.conf.update(task_always_eager=False, task_eager_propagates=False)
