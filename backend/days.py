"""The range of days that can be computed with.

A later day would fail somewhere else: there is no day after 9999-12-31, nor its midnight in UTC.
"""

from argparse import ArgumentTypeError
from datetime import date

from django.db.models import DateTimeField, F, Func, Value

EARLIEST, LATEST = date(1900, 1, 1), date(2100, 12, 31)


def is_sensible(day: date) -> bool:
    return EARLIEST <= day <= LATEST


def typed(text: str) -> date:
    """Read the argument of a command, ``2024-03-01``. Raises ArgumentTypeError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is not a day such as 2024-03-01.") from None
    if not is_sensible(day):
        raise ArgumentTypeError(f"{text} is not from {EARLIEST} to {LATEST}.")
    return day


def first_moment(day: date) -> Func:
    """Return the expression for the moment at which ``day`` begins in the row's community."""
    return Func(
        F("community__timezone"),
        Value(day.isoformat()),
        template="timezone(%(expressions)s::timestamp)",
        output_field=DateTimeField(),
    )
