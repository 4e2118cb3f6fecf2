"""Recurrence as people say it, and the RFC 5545 rule that is stored for it.

A series recurs every so many months on days of the month, or every so many weeks on weekdays: the
19th; the 1st and the 15th; every two weeks on Monday; every three months; every twelve. A day that
a month does not have is its last day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

from dateutil.rrule import rrulestr

from backend.events.errors import RecurrenceInvalid

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
SHORTEST_MONTH = 28


@dataclass(frozen=True)
class Recurrence:
    """Every ``interval`` weeks or months, on ``days``: Monday is 1, or days of the month."""

    every: Literal["week", "month"]
    days: tuple[int, ...]
    interval: int = 1

    @property
    def rule(self) -> str:
        """The RFC 5545 RRULE. Raises RecurrenceInvalid if there is none for it."""
        days = sorted(set(self.days))
        last = {"week": 7, "month": 31}[self.every]
        if not days or not 1 <= days[0] <= days[-1] <= last or not 1 <= self.interval <= 12:
            raise RecurrenceInvalid
        if self.every == "week":
            named = ",".join(WEEKDAYS[day - 1] for day in days)
            return f"FREQ=WEEKLY;INTERVAL={self.interval};BYDAY={named}"
        rule = f"FREQ=MONTHLY;INTERVAL={self.interval}"
        if days[-1] <= SHORTEST_MONTH:
            return f"{rule};BYMONTHDAY={_list(days)}"
        # Of the 28th up to the day itself, the last that the month has; any others come first.
        *others, day = days
        if others and others[-1] > SHORTEST_MONTH:
            raise RecurrenceInvalid
        candidates = sorted({*others, *range(SHORTEST_MONTH, day + 1)})
        positions = [*range(1, len(others) + 1), -1]
        return f"{rule};BYMONTHDAY={_list(candidates)};BYSETPOS={_list(positions)}"


def of_rule(rule: str) -> Recurrence:
    """Return the recurrence whose rule this is."""
    parts = dict(part.split("=") for part in rule.split(";"))
    interval = int(parts["INTERVAL"])
    if parts["FREQ"] == "WEEKLY":
        named = parts["BYDAY"].split(",")
        return Recurrence("week", tuple(WEEKDAYS.index(day) + 1 for day in named), interval)
    days = [int(day) for day in parts["BYMONTHDAY"].split(",")]
    if "BYSETPOS" in parts:
        others = parts["BYSETPOS"].count(",")
        days = [*days[:others], days[-1]]
    return Recurrence("month", tuple(days), interval)


def days_of(rule: str, starts_on: date, since: date, until: date) -> Iterator[date]:
    """Yield the days that ``rule``, counted from ``starts_on``, has from ``since`` to ``until``."""
    recurring = rrulestr(rule, dtstart=datetime.combine(starts_on, time()))
    between = (datetime.combine(day, time()) for day in (since, until))
    for moment in recurring.between(*between, inc=True):
        yield moment.date()


def _list(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))
