"""What one cell of an imported spreadsheet may hold: parsers from its text to a value.

Each parser takes the cell as it stands in the file, never blank (the reader deals with those),
and returns the value or raises CellError. Reasons are for staff, in the active language; codes
do not change.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from backend.accounts import phones

T = TypeVar("T")
Parser = Callable[[str], T]

INTEGER_MAX = 2_147_483_647  # the largest that an integer column of PostgreSQL holds

# What makes a spreadsheet compute a cell, were the text ever exported again. OWASP,
# "CSV Injection"; the full-width forms of the signs count as well.
FORMULA_SIGNS = frozenset("=+-@")
# Joiners inside emoji and some scripts; every other invisible format character is refused,
# above all those that turn the direction of writing.
JOINERS = frozenset("\u200c\u200d")

_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+")
_POINT_ZERO = re.compile(r"(?<=[0-9]{11})\.0+$")
_WHOLE = re.compile(r"(-?)0*([0-9]+)")
_LOCAL = re.compile(
    r"(?P<year>[0-9]{4})(?P<sep>[-/])(?P<month>[0-9]{1,2})(?P=sep)(?P<day>[0-9]{1,2})"
    r"(?: *T *| +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?"
)
_SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")
_YES_NO = {"是": True, "true": True, "1": True, "否": False, "false": False, "0": False}


class CellError(Exception):
    """The cell can not be taken. ``personal``: its text may be a phone number, mask it."""

    def __init__(self, code: str, reason: str, *, personal: bool = False) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.personal = personal


def text(*, max_length: int) -> Parser[str]:
    """Words on one line, at most ``max_length`` characters; stripped and in NFC.

    Refuses ``formula``, ``control_character``, ``too_long``.
    """

    def parse(cell: str) -> str:
        value = unicodedata.normalize("NFC", cell.strip())
        starts_formula = unicodedata.normalize("NFKC", value[:1]) in FORMULA_SIGNS
        if starts_formula or cell.lstrip(" \u3000")[:1] in ("\t", "\r"):
            raise _formula()
        if any(_is_control(character) for character in value):
            raise CellError(
                "control_character",
                gettext("The cell holds a line break or an invisible character."),
            )
        if len(value) > max_length:
            raise CellError(
                "too_long",
                gettext("%(length)d characters; at most %(limit)d are allowed.")
                % {"length": len(value), "limit": max_length},
            )
        return value

    return parse


def phone(cell: str) -> str:
    """A mainland mobile number, as 11 digits without the country code.

    Refuses ``phone_invalid``, ``phone_scientific`` (Excel rounded the digits away), ``formula``.
    """
    value = _plain(cell)
    if _SCIENTIFIC.fullmatch(value):
        raise CellError(
            "phone_scientific",
            gettext(
                "The spreadsheet has turned the phone number into a rounded number. "
                "Format the column as text and type the number again."
            ),
            personal=True,
        )
    # A spreadsheet that took it for a number may have added ".0".
    number = phones.mainland(_POINT_ZERO.sub("", value))
    if number is None:
        raise CellError(
            "phone_invalid",
            gettext("A mobile number has 11 digits and begins with 1."),
            personal=True,
        )
    return number


def whole_number(*, minimum: int, maximum: int = INTEGER_MAX) -> Parser[int]:
    """A whole number within the two bounds, both included.

    Refuses ``number_invalid``, ``number_too_small``, ``number_too_large``, ``formula``.
    """

    def parse(cell: str) -> int:
        match = _WHOLE.fullmatch(_plain(cell))
        if match is None:
            raise CellError(
                "number_invalid",
                gettext("Write a whole number in digits, without separators or a unit."),
            )
        # int() refuses thousands of digits; so many are beyond any bound, whatever they are.
        value = int(match[1] + match[2][:20])
        if value < minimum:
            raise CellError(
                "number_too_small",
                gettext("The number must be at least %(minimum)d.") % {"minimum": minimum},
            )
        if value > maximum:
            raise CellError(
                "number_too_large",
                gettext("The number must be at most %(maximum)d.") % {"maximum": maximum},
            )
        return value

    return parse


points = whole_number(minimum=1)  # whole points, at least one
fen = whole_number(minimum=1)  # hundredths of a yuan, at least one


def yes_no(cell: str) -> bool:
    """是 or 否, also true or false, 1 or 0. Refuses ``yes_no_invalid``, ``formula``."""
    try:
        return _YES_NO[_plain(cell).casefold()]
    except KeyError:
        raise CellError("yes_no_invalid", gettext("Write 是 (yes) or 否 (no).")) from None


def local_datetime(timezone: str) -> Parser[datetime]:
    """A moment to the minute, written in the local time of ``timezone`` (an IANA name).

    Returns it in UTC, so that differences are real minutes also when the clocks change between;
    of a time that happens twice, the first. Refuses ``date_invalid``, ``date_serial``,
    ``date_out_of_range`` (outside 2000 to 2100), ``date_seconds``, ``time_nonexistent``,
    ``formula``.
    """
    zone = ZoneInfo(timezone)

    def parse(cell: str) -> datetime:
        value = _plain(cell)
        if _SERIAL.fullmatch(value):
            raise CellError(
                "date_serial",
                gettext(
                    "This is the spreadsheet's inner number of a date. "
                    "Format the column as date and time and save again."
                ),
            )
        match = _LOCAL.fullmatch(value)
        if match is None:
            raise CellError("date_invalid", gettext("Write date and time as in 2024-01-01 07:00."))
        local = datetime.combine(_day(match), _time_of_day(match))
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        # A time that the clocks jump over comes back from UTC as another one.
        if moment.astimezone(zone).replace(tzinfo=None) != local:
            raise CellError(
                "time_nonexistent",
                gettext("Clocks in %(timezone)s skipped this time.") % {"timezone": timezone},
            )
        return moment

    return parse


def choice(labels: Mapping[str, T]) -> Parser[T]:
    """One of ``labels``, as what it stands for. Refuses ``choice_unknown``, ``formula``."""
    meanings = {_plain(label): meaning for label, meaning in labels.items()}

    def parse(cell: str) -> T:
        try:
            return meanings[_plain(cell)]
        except KeyError:
            raise CellError(
                "choice_unknown",
                gettext("Must be one of: %(labels)s.") % {"labels": ", ".join(labels)},
            ) from None

    return parse


def _plain(cell: str) -> str:
    """The cell stripped and with full-width digits and signs made plain.

    Only ``=`` and ``@`` are a formula here: a phone may begin with ``+``, a number with ``-``.
    """
    value = unicodedata.normalize("NFKC", cell).strip()
    if value.startswith(("=", "@")):
        raise _formula()
    return value


def _formula() -> CellError:
    return CellError(
        "formula",
        gettext("The cell is a formula, or begins like one (= + - @). Write the plain value."),
    )


def _is_control(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Zl", "Zp") or (category == "Cf" and character not in JOINERS)


def _day(match: re.Match[str]) -> date:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    try:
        found = date(year, month, day)
    except ValueError:
        raise CellError(
            "date_invalid",
            gettext("There is no day %(day)s in the calendar.")
            % {"day": f"{year:04}-{month:02}-{day:02}"},
        ) from None
    if not 2000 <= year <= 2100:
        raise CellError("date_out_of_range", gettext("The year must be from 2000 to 2100."))
    return found


def _time_of_day(match: re.Match[str]) -> time:
    try:
        found = time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
    except ValueError:
        raise CellError(
            "date_invalid", gettext("There is no such time of day: 00:00 to 23:59.")
        ) from None
    if found.second:
        raise CellError("date_seconds", gettext("Times are to the minute, without seconds."))
    return found
