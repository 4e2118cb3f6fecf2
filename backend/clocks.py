"""Times claimed by devices, checked against what the server knows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

SKEW = timedelta(minutes=5)  # by which an honest device's clock and ours may differ

TOO_EARLY = "too_early"  # before it could have been
TOO_LATE = "too_late"  # after it must have been
LONGEST_MARK = 9


@dataclass(frozen=True)
class Taken:
    """The moment that counts for a device's claim, and the mark for a human."""

    at: datetime
    mark: str  # empty: the claim can be believed


def taken(claimed: datetime, *, earliest: datetime, latest: datetime) -> Taken:
    """Return ``claimed`` within the bounds, else the bound: a device's clock is a hint.

    Up to ``SKEW`` beyond a bound is forgiven; more is marked for a human. If the bounds contradict
    each other ``latest`` counts. docs/offline.md, "A device's clock".
    """
    if claimed > latest:
        return Taken(latest, TOO_LATE if claimed > latest + SKEW else "")
    if claimed < earliest:
        return Taken(min(earliest, latest), TOO_EARLY if claimed < earliest - SKEW else "")
    return Taken(claimed, "")


def now() -> datetime:
    """Return the database's clock at this instant, which decides where order matters."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    assert isinstance(moment, datetime)
    return moment
