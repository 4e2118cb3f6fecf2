"""Parsers of one cell of an imported spreadsheet, from its text to a value.

Each parser takes the cell as it stands in the file, never blank (the reader handles blank ones),
and returns the value or raises CellError. Reasons are for staff, in the active language; codes do
not change.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from backend.accounts import phones
from backend.imports.errors import CellError
from backend.text import CharacterRefused, bare, is_blank, is_dash, tidy

T = TypeVar("T")
Parser = Callable[[str], T]

INTEGER_MAX = 2_147_483_647  # the largest that an integer column of PostgreSQL holds

# What makes a spreadsheet compute a cell, were the text ever exported again. OWASP,
# "CSV Injection"; the full-width forms of the signs count as well.
FORMULA_SIGNS = frozenset("=+-@")

_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+")
_POINT_ZERO = re.compile(r"(?<=[0-9]{11})\.0+$")
_WHOLE = re.compile(r"(-?)0*([0-9]+)")
_DEGREES = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,15})?")
_LOCAL = re.compile(
    r"""
    (?P<year>[0-9]{4}) (?:
        \ *(?P<sep>[-/.])\ * (?P<month>[0-9]{1,2}) \ *(?P=sep)\ * (?P<day>[0-9]{1,2})
        | \ *年\ * (?P<month_>[0-9]{1,2}) \ *月\ * (?P<day_>[0-9]{1,2}) \ *[日号] )
    \ * (?: \(?(?:星期|周|礼拜)[一二三四五六日天]\)? \ * )?
    (?: (?<=\ ) | (?<=[日号天)一二三四五六]) | T\ * | (?=[上下中凌早晚AP]) )
    (?P<half>上午|下午|凌晨|早上|早晨|中午|晚上|[AP]M)? \ *
    (?P<hour>[0-9]{1,2}) (?: : (?P<minute>[0-9]{2}) (?: : (?P<second>[0-9]{2}) (?:\.0+)? )?
        | \ *[点时點時]\ * (?: (?P<minute_>[0-9]{1,2}) \ *分 | 整 | (?P<half_past>半) )? )
    (?: \ * (?P<half_>[AP]M) )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A spreadsheet's own number of a moment: days since the end of 1899.
_SERIAL = re.compile(r"([0-9]{5})(?:\.([0-9]+))?")
_SERIAL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001  # a local time
_SECONDS_A_DAY = 86_400
# The hours that are told with each half of the day, and which they are. Others are refused: of
# 上午12:00 and 晚上12:00 nobody can say which moment they are.
_MORNING = {hour: hour for hour in range(12)}
_AFTERNOON = {hour: hour % 12 + 12 for hour in range(24)}
_HOURS = {
    "": {hour: hour for hour in range(24)},
    "凌晨": {hour: hour % 12 for hour in (*range(7), 12)},
    "早上": _MORNING,
    "早晨": _MORNING,
    "上午": _MORNING,
    "AM": {hour: hour % 12 for hour in range(13)},
    "中午": {11: 11, 12: 12, 1: 13, 2: 14},
    "下午": _AFTERNOON,
    "PM": _AFTERNOON,
    "晚上": {hour: hour % 12 + 12 for hour in (*range(5, 12), *range(17, 24))},
}
# What stands where a character was lost: the geta and empty boxes that are typed or printed for it,
# its number in HTML or in a program's text, and replacement characters in UTF-8 read as GBK.
_LOST = re.compile(r"[\u3013\u25a1\u25af\u25a2]|&\#x?[0-9a-f]+;|\\u[0-9a-f]{4}|锟斤", re.IGNORECASE)
_BROKEN = ("Co", "Cn", "Cs")  # private use, unknown, half of one
_YES_NO = {"是": True, "true": True, "1": True, "否": False, "false": False, "0": False}


def text(*, max_length: int) -> Parser[str]:
    """Return a parser of words on one line, at most ``max_length`` characters, tidied and in NFC.

    Refuses ``formula``, ``character_refused``, ``too_long``, and ``character_lost``: in "清?楼道" a
    character is lost that the file's encoding does not have. A question mark at the end is allowed.
    """
    return _words(max_length, may_ask=True)


def name(*, max_length: int) -> Parser[str]:
    """Return a parser like ``text``, for names of people, shops and places: refuses "王?" too."""
    return _words(max_length, may_ask=False)


def _words(max_length: int, *, may_ask: bool) -> Parser[str]:
    def parse(cell: str) -> str:
        value = unicodedata.normalize("NFC", _tidy(cell))
        starts_formula = unicodedata.normalize("NFKC", value[:1]) in FORMULA_SIGNS
        if starts_formula or cell.lstrip(" \u3000")[:1] in ("\t", "\r"):
            raise CellError("formula")
        asked = value[:-1] if may_ask else value.replace("？", "?")
        if "?" in asked or _LOST.search(value):
            raise CellError("character_lost")
        if len(value) > max_length:
            raise CellError("too_long", length=len(value), limit=max_length)
        return value

    return parse


def code(*, max_length: int) -> Parser[str]:
    """Return a parser of short codes that people give things: plain letters without blanks.

    Refuses what ``text`` does.
    """
    words = text(max_length=max_length)
    return lambda cell: bare(words(cell))


def phone(cell: str) -> str:
    """Return a mainland mobile number as 11 digits without the country code.

    Refuses ``phone_invalid``, ``phone_scientific`` (Excel rounded the digits away), ``formula``.
    """
    value = _plain(cell)
    if _SCIENTIFIC.fullmatch(value):
        raise CellError("phone_scientific")
    # A spreadsheet that took it for a number may have added ".0".
    number = phones.mainland(_POINT_ZERO.sub("", value))
    if number is None:
        raise CellError("phone_invalid")
    return number


def whole_number(*, minimum: int, maximum: int = INTEGER_MAX) -> Parser[int]:
    """Return a parser of whole numbers within the two bounds, both included.

    Refuses ``number_invalid``, ``number_too_small``, ``number_too_large``, ``formula``.
    """

    def parse(cell: str) -> int:
        match = _WHOLE.fullmatch(_plain(cell))
        if match is None:
            raise CellError("number_invalid")
        # int() refuses thousands of digits; so many are beyond any bound, whatever they are.
        value = int(match[1] + match[2][:20])
        if value < minimum:
            raise CellError("number_too_small", minimum=minimum)
        if value > maximum:
            raise CellError("number_too_large", maximum=maximum)
        return value

    return parse


def degrees(most: int) -> Parser[float]:
    """Return a parser of degrees of latitude or longitude, at most ``most`` in either direction.

    Refuses ``degrees_invalid``, ``formula``.
    """

    def parse(cell: str) -> float:
        value = _plain(cell)
        if _DEGREES.fullmatch(value) is None or abs(float(value)) > most:
            raise CellError("degrees_invalid", most=most)
        return float(value)

    return parse


points = whole_number(minimum=1)  # whole points, at least one
fen = whole_number(minimum=1)  # hundredths of a yuan, at least one


def yes_no(cell: str) -> bool:
    """Read 是 or 否, also true or false, 1 or 0. Refuses ``yes_no_invalid``, ``formula``."""
    try:
        return _YES_NO[_plain(cell).casefold()]
    except KeyError:
        raise CellError("yes_no_invalid") from None


def local_datetime(timezone: str) -> Parser[datetime]:
    """Return a parser of moments to the minute, in the local time of ``timezone`` (an IANA name).

    The moment is in UTC, so that differences are real minutes even if the clocks change between; of
    a time that happens twice, it is the first. Accepts 2024-03-01 07:00, also with / or ., or
    2024年3月1日 下午3点30分, 24:00 for the day's end, and a spreadsheet's own number of it. Refuses
    ``date_invalid``, ``date_serial``, ``date_out_of_range`` (outside 2000 to 2100),
    ``date_seconds``, ``time_nonexistent``, ``formula``.
    """
    zone = ZoneInfo(timezone)

    def parse(cell: str) -> datetime:
        value = "".join("-" if is_dash(sign) else sign for sign in _plain(cell))
        if match := _SERIAL.fullmatch(value):
            local = _of_serial(match)
        elif match := _LOCAL.fullmatch(value):
            local = _of_words(match)
        else:
            raise CellError("date_invalid")
        if local.second:
            raise CellError("date_seconds")
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        # A time that the clocks jump over comes back from UTC as another one.
        if moment.astimezone(zone).replace(tzinfo=None) != local:
            raise CellError("time_nonexistent", timezone=timezone)
        return moment

    return parse


def choice(labels: Mapping[str, T]) -> Parser[T]:
    """Return a parser of ``labels`` to their meanings. Refuses ``choice_unknown``, ``formula``."""
    meanings = {_plain(label): meaning for label, meaning in labels.items()}

    def parse(cell: str) -> T:
        try:
            return meanings[_plain(cell)]
        except KeyError:
            raise CellError("choice_unknown", labels=", ".join(labels)) from None

    return parse


def _plain(cell: str) -> str:
    """Return the cell stripped of what is invisible, with full-width digits and signs made plain.

    Only ``=`` and ``@`` are a formula here: a phone may begin with ``+``, a number with ``-``.
    """
    plain = unicodedata.normalize("NFKC", cell)
    value = "".join(
        " " if sign.isspace() else sign for sign in plain if sign.isspace() or not is_blank(sign)
    ).strip()
    if value.startswith(("=", "@")):
        raise CellError("formula")
    return value


def _tidy(cell: str) -> str:
    try:
        return tidy(cell)
    except CharacterRefused as refused:
        if refused.character == "\ufffd" or unicodedata.category(refused.character) in _BROKEN:
            raise CellError("character_lost") from None
        told = refused.title.format(character=refused)
        raise CellError(refused.code, told=told) from None


def _of_serial(match: re.Match[str]) -> datetime:
    """Return the moment, rounded to a second because a fraction of a day is never exact."""
    if match[2] is None:
        raise CellError("date_serial")
    seconds = round(float(f"0.{match[2]}") * _SECONDS_A_DAY)
    found = _SERIAL_ZERO + timedelta(days=int(match[1]), seconds=seconds)
    _check_year(found)
    return found


def _of_words(match: re.Match[str]) -> datetime:
    """Return the local time that was written; 24:00 is the next day's 0:00."""
    day = _day(match)
    halves = {half.upper() for half in (match["half"], match["half_"]) if half}
    past = 30 if match["half_past"] else 0
    hour, minute = int(match["hour"]), int(match["minute"] or match["minute_"] or past)
    is_end = (hour, minute) == (24, 0) and not halves
    try:
        known = _HOURS["".join(halves)]
        told = time(0 if is_end else known[hour], minute, int(match["second"] or 0))
    except (KeyError, ValueError):
        raise CellError("date_invalid/time") from None
    return datetime.combine(day, told) + timedelta(days=is_end)


def _day(match: re.Match[str]) -> date:
    year = int(match["year"])
    month, day = int(match["month"] or match["month_"]), int(match["day"] or match["day_"])
    try:
        found = date(year, month, day)
    except ValueError:
        raise CellError("date_invalid/day", day=f"{year:04}-{month:02}-{day:02}") from None
    _check_year(found)
    return found


def _check_year(day: date) -> None:
    if not 2000 <= day.year <= 2100:
        raise CellError("date_out_of_range")
