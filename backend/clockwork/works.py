"""Lines of the clock's table, which is ``CLOCK`` in backend/celery.py.

A slot is a moment at which work is to run. A work's function takes nothing, is harmless to repeat,
and returns counts of what it did, by a word: ``{"queued": 3}``. One run makes up for all slots that
were missed before it, so a function does whatever is due by now, and never only what is of today.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from backend.queues import Queue

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHANGHAI = "Asia/Shanghai"


@dataclass(frozen=True)
class Every:
    """Schedule with a slot each ``period``, counted from 1970. ``late``: how late a run may be."""

    period: timedelta

    @property
    def late(self) -> timedelta:
        return max(timedelta(minutes=5), 3 * self.period)

    def last(self, until: datetime) -> datetime:
        """Return the last slot up to ``until``, that moment included."""
        return EPOCH + (until - EPOCH) // self.period * self.period

    def next(self, after: datetime) -> datetime:
        """Return the first slot after ``after``."""
        return self.last(after) + self.period

    def __str__(self) -> str:
        return f"every {self.period.total_seconds():g} s"


@dataclass(frozen=True)
class Daily:
    """Schedule with a slot a day, at ``at`` by the clocks of ``zone``.

    A time that clocks leave out in spring comes as much later as they were put forward; of one that
    they show twice in autumn, the first counts.
    """

    at: time
    zone: str

    late = timedelta(hours=6)

    def last(self, until: datetime) -> datetime:
        """Return the last slot up to ``until``, that moment included."""
        day = until.astimezone(ZoneInfo(self.zone)).date()
        slot = self._of(day)
        return slot if slot <= until else self._of(day - timedelta(days=1))

    def next(self, after: datetime) -> datetime:
        """Return the first slot after ``after``."""
        day = after.astimezone(ZoneInfo(self.zone)).date()
        slot = self._of(day)
        return slot if slot > after else self._of(day + timedelta(days=1))

    def _of(self, day: date) -> datetime:
        return datetime.combine(day, self.at, ZoneInfo(self.zone)).astimezone(UTC)

    def __str__(self) -> str:
        return f"daily at {self.at:%H:%M} {self.zone}"


def every(*, seconds: float = 0, minutes: float = 0) -> Every:
    """Return the schedule with a slot each so many seconds or minutes."""
    return Every(timedelta(seconds=seconds, minutes=minutes))


def daily(hour: int, minute: int = 0, *, zone: str = SHANGHAI) -> Daily:
    """Return the schedule with a slot each day."""
    return Daily(time(hour, minute), zone)


@dataclass(frozen=True)
class Work:
    """Line of the clock's table: what runs when, and what is done about a slot that was missed.

    Work that ``catches_up`` runs however late it is, once for all that was missed, and is told to
    operators when it is later than ``late``. Other work is skipped then, until its next slot.
    """

    task: str  # the path of its function, in a ``tasks.py``
    when: Every | Daily
    late: timedelta | None = None  # None: what its schedule says
    catches_up: bool = True
    queue: Queue = Queue.DEFAULT

    @property
    def may_be_late(self) -> timedelta:
        """How late a run may be."""
        return self.late or self.when.late

    @cached_property
    def owner(self) -> str:
        """The slice to which it belongs."""
        return self.task.partition(".tasks.")[0]

    @cached_property
    def name(self) -> str:
        """The name of its function, which no other work has."""
        return self.task.rpartition(".")[2]
