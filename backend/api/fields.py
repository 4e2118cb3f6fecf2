"""Serializer fields for what people type, each with bounds.

tests/backend/test_what_people_type.py finds every field of the API that is not one of them.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from backend import days
from backend.text import CharacterRefused, tidy

INTEGER_MIN, INTEGER_MAX = -(2**31), 2**31 - 1
OUT_OF_RANGE = _("This is not from {earliest} to {latest}.")
WRITTEN = "YYYY-MM-DDThh:mm[:ss]+hh:mm"
FARTHEST_OFFSET = timedelta(hours=14)  # of any clock on Earth from UTC

# RFC 3339, and what it leaves out of ISO 8601 stays out: week dates, 24:00, offsets in seconds.
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII | re.IGNORECASE,
)


class CharField(serializers.CharField):
    """Words on one line, without invisible characters (backend/text.py); empty ones are ``blank``.

    Characters that are not allowed are refused by name, ``character_refused``.
    """

    default_error_messages = {
        CharacterRefused.code: CharacterRefused.title,
    }
    lines = False

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            try:
                data = tidy(data, lines=self.lines)
            except CharacterRefused as refused:
                self.fail(refused.code, character=refused)
        return super().run_validation(data)


class TextField(CharField):
    """Words on as many lines as they need."""

    lines = True


class EmailField(CharField, serializers.EmailField):
    """An e-mail address, ``name@host`` and nothing around it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)  # RFC 5321, 4.5.3.1.3


class IntegerField(serializers.IntegerField):
    """A whole number that fits a PostgreSQL ``integer``, unless given narrower bounds.

    The framework's own field takes any number of digits, on which the database then fails.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", INTEGER_MIN)
        kwargs.setdefault("max_value", INTEGER_MAX)
        super().__init__(**kwargs)


class DateField(serializers.DateField):
    """A day in a sensible range, such as ``2024-03-01``; others are ``date_out_of_range``."""

    default_error_messages = {"date_out_of_range": OUT_OF_RANGE}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)

    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not days.is_sensible(day):
            self.fail("date_out_of_range", earliest=days.EARLIEST, latest=days.LATEST)
        return day


class TimeOfDayField(serializers.RegexField):
    """A time by a community's clock, to the minute, such as ``07:30``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z", **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        told = super().run_validation(data)
        return time.fromisoformat(told) if isinstance(told, str) else told

    def to_representation(self, value: Any) -> str:
        return value if isinstance(value, str) else f"{value:%H:%M}"


class DateTimeField(serializers.DateTimeField):
    """A moment with its offset from UTC as RFC 3339 writes it, ``2024-03-01T08:00:00+08:00``.

    Without an offset it is refused as ``naive`` rather than guessed at; out of the sensible range,
    as ``date_out_of_range``.
    """

    default_error_messages = {
        "naive": _("A time needs its offset from UTC, such as +08:00 or Z."),
        "date_out_of_range": OUT_OF_RANGE,
    }

    def to_internal_value(self, value: Any) -> datetime:
        match = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
        try:
            moment = datetime.fromisoformat(match.group().upper() if match else "")
        except ValueError:
            self.fail("invalid", format=WRITTEN)
        offset = moment.utcoffset()
        if offset is None:
            self.fail("naive")
        if abs(offset) > FARTHEST_OFFSET:
            self.fail("invalid", format=WRITTEN)
        if not days.is_sensible(moment.date()):
            self.fail("date_out_of_range", earliest=days.EARLIEST, latest=days.LATEST)
        return moment.astimezone(UTC)


class MarkField(serializers.ChoiceField):
    """A mark of ours, null if there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        return value or None
