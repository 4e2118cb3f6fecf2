"""When a step of a report is due: a pure function of its clock, office hours and pauses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime | None]  # None: without an end as yet

# What is still to be done in each status, in its order, by the clocks' names.
STEPS = {
    "submitted": ("acknowledge", "make_safe", "fix"),
    "accepted": ("make_safe", "fix"),
    "made_safe": ("fix",),
}


@dataclass(frozen=True)
class Office:
    """Office hours, by the clock of a zone; ``days`` are weekdays, Monday is 1."""

    days: frozenset[int]
    opens: time
    closes: time
    zone: ZoneInfo


def due_at(
    *, since: datetime, minutes: int, office: Office | None = None, pauses: Sequence[Span] = ()
) -> datetime | None:
    """Return the moment at which a clock has run for ``minutes`` since ``since``.

    It runs in the hours of ``office``, or always without one, and stands still in ``pauses``.
    Returns None if it stands still for now.
    """
    left = timedelta(minutes=minutes)
    for at, closes in _open(since.astimezone(UTC), office):
        for paused, resumed in sorted(pauses, key=lambda pause: pause[0]):
            if resumed is not None and resumed <= at:
                continue
            if closes is not None and paused >= closes:
                break
            if paused > at:
                if paused - at >= left:
                    return at + left
                left -= paused - at
            if resumed is None:
                return None
            at = resumed
        if closes is None:
            return at + left
        if at < closes:
            if closes - at >= left:
                return at + left
            left -= closes - at
    raise AssertionError("A clock runs on.")


def _open(since: datetime, office: Office | None) -> Iterator[Span]:
    """Yield the times from ``since`` on in which the office is open, in order."""
    if office is None:
        yield since, None
        return
    day = since.astimezone(office.zone).date()
    while True:
        if day.isoweekday() in office.days:
            opens, closes = (
                datetime.combine(day, at, office.zone).astimezone(UTC)
                for at in (office.opens, office.closes)
            )
            if closes > since:
                yield max(opens, since), closes
        day += timedelta(days=1)
