"""What a device says the time was, held against what the server knows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

SKEW = timedelta(minutes=5)  # by which an honest device's clock and ours may differ

TOO_EARLY = "too_early"  # before it could have been
TOO_LATE = "too_late"  # after it must have been
LONGEST_MARK = 9


@dataclass(frozen=True)
class Taken:
    """The moment that counts for what a device claimed, and what a human should know of it."""

    at: datetime
    mark: str  # empty: the claim can be believed


def taken(claimed: datetime, *, earliest: datetime, latest: datetime) -> Taken:
    """A device's clock is a hint: between the bounds it is believed, beyond them the bound counts.

    Up to ``SKEW`` beyond a bound is forgiven; more is marked for a human. Where the bounds
    contradict each other ``latest`` counts. docs/offline.md, "A device's clock".
    """
    if claimed > latest:
        return Taken(latest, TOO_LATE if claimed > latest + SKEW else "")
    if claimed < earliest:
        return Taken(min(earliest, latest), TOO_EARLY if claimed < earliest - SKEW else "")
    return Taken(claimed, "")


def now() -> datetime:
    """The database's clock at this instant: the one that decides where order matters."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    assert isinstance(moment, datetime)
    return moment
