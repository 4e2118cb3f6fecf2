"""A person's age, in whole years of the Chinese calendar day."""

from datetime import date
from zoneinfo import ZoneInfo

from django.utils import timezone

CLOCK = ZoneInfo("Asia/Shanghai")
CHILD_BEFORE = 14  # PIPL 31
ADULT_FROM = 18  # Civil Code 17


def today() -> date:
    return timezone.now().astimezone(CLOCK).date()


def years_before(years: int, day: date) -> date:
    """Return the latest birth date of somebody who is ``years`` old on ``day``.

    Whoever was born on 29 February has a birthday on 1 March in other years.
    """
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def is_child(born_on: date | None, *, on: date | None = None) -> bool:
    """Tell whether somebody is under 14 ``on`` that day (today); no if the birthday is unknown."""
    return born_on is not None and born_on > years_before(CHILD_BEFORE, on or today())


def is_adult(born_on: date | None, *, on: date | None = None) -> bool:
    """Tell whether somebody is known to be 18 or older ``on`` that day (today)."""
    return is_at_least(ADULT_FROM, born_on, on=on)


def is_at_least(years: int, born_on: date | None, *, on: date | None = None) -> bool:
    """Tell whether somebody is known to be ``years`` old or older ``on`` that day (today)."""
    return born_on is not None and born_on <= years_before(years, on or today())
