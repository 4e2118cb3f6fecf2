"""Values of the API's answers as people read them: moments, money, words for enums, links."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.conf.locale import LANG_INFO
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _
from drf_spectacular.drainage import get_override
from rest_framework import serializers

from backend.api.exceptions import title_of
from backend.api.labels import label_of
from backend.communities.models import Community
from backend.top.calls import filled_in
from backend.top.charts import counted
from backend.top.console import words

NOTHING = "—"
UNTOLD: tuple[Any, ...] = (None, "", [], {})
# Amounts that are in the ``unit`` that their row tells: fen or points.
IN_UNIT = frozenset(
    {
        "amount",
        "approval_above",
        "available",
        "balance",
        "budget",
        "credits",
        "debits",
        "ended_amount",
        "held",
        "left",
        "occurred_balance",
        "occurred_credits",
        "occurred_debits",
        "occurred_difference",
        "owed",
        "reserved",
        "set_off",
        "shortfall",
        "spent",
        "unclaimed_amount",
        "waiting_amount",
    }
)
CODES = frozenset({"outcome", "reason"})  # which may be the code of a refusal
COLOURS = {  # of a badge, by the value of an enum; others are grey
    "red": "danger",
    "yellow": "warning",
    "blue": "info",
}
# What stands for a row.
MARKS = ("name", "title", "subject", "word", "number", "code", "text")


def clock_of(code: str) -> ZoneInfo:
    """Return the zone in which the days of the place ``code`` begin."""
    place = Community.objects.filter(code=code).first()
    return place.clock if place else ZoneInfo(settings.TIME_ZONE_OF_PLACES)


def value_at(data: Any, path: str) -> Any:
    """Return what stands at ``path`` in an answer, None where it leads to nothing."""
    for name in path.split("."):
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def field_at(shape: Any, path: str) -> Any:
    """Return the serializer's field at ``path``; None if it declares none there."""
    for name in path.split("."):
        while isinstance(shape, serializers.ListSerializer | serializers.ListField):
            shape = shape.child
        fields = getattr(shape, "fields", None)
        shape = _told_as(fields[name]) if fields is not None and name in fields else None
    return shape


def _told_as(field: Any) -> Any:
    """Return what the document says that a field tells, for one that a method makes."""
    if isinstance(field, serializers.SerializerMethodField):
        told = get_override(getattr(field.parent, field.method_name or ""), "field")
        return told() if isinstance(told, type) else told
    return field


class Reader:
    """Draws values for one page; ``clock`` is the zone that its days are of."""

    def __init__(self, clock: ZoneInfo) -> None:
        self.clock = clock

    def cell(self, data: Any, path: str, shape: Any, *, short: bool = False) -> SafeString:
        """Draw what stands at ``path`` of a row that ``shape`` renders, as draw() does."""
        inside, _dot, name = path.rpartition(".")
        row = value_at(data, inside) if inside else data
        value, field = value_at(data, path), field_at(shape, path)
        return self.draw(value, name, field, unit_of(row), short=short)

    def draw(
        self,
        value: Any,
        name: str = "",
        field: Any = None,
        unit: str = "",
        *,
        short: bool = False,
    ) -> SafeString:
        """Draw a value; its field's name and declaration, and its row's unit, say what it means.

        ``short``: of several things only what they are called.
        """
        if value in UNTOLD:
            return format_html('<span class="console-nothing">{}</span>', NOTHING)
        if isinstance(value, bool):
            return format_html("{}", _("Yes") if value else _("No"))
        if isinstance(field, serializers.MultipleChoiceField):
            return self._join(self.badge(one, field.choices) for one in value)
        if isinstance(field, serializers.ChoiceField):
            return self.badge(value, words.UNITS if name == "unit" else field.choices)
        if name in CODES and isinstance(value, str):
            return format_html("{}", title_of(value))
        if isinstance(value, int | float):
            return format_html('<span class="console-figure">{}</span>', figure(value, name, unit))
        if isinstance(value, list):
            return self._several(value, name, field, short=short)
        if isinstance(value, Mapping):
            return self._thing(value, name, field)
        return self._text(str(value), name, field)

    def plain(self, data: Any, path: str) -> str:
        """Return what stands at ``path`` of a row as bare words, which are not escaped yet."""
        return unescape(strip_tags(self.cell(data, path, None)))

    def badge(self, value: Any, choices: Mapping[Any, Any]) -> SafeString:
        return format_html(
            '<span class="console-badge console-badge-{}">{}</span>',
            COLOURS.get(str(value), "plain"),
            label_of(value, choices),
        )

    def moment(self, text: str) -> SafeString:
        at = datetime.fromisoformat(text).astimezone(self.clock)
        return format_html(
            '<time class="console-time" datetime="{}">{}</time>', text, f"{at:%Y-%m-%d %H:%M}"
        )

    def _text(self, text: str, name: str, field: Any) -> SafeString:
        if isinstance(field, serializers.DateTimeField) or name.endswith(("_at", "_until")):
            try:
                return self.moment(text) if "T" in text else format_html("{}", text)
            except ValueError:
                pass
        thing = name.removesuffix("s").removesuffix("_id")
        if thing != name and thing in words.THINGS:
            return _link(words.THINGS[thing], {"id": text, "code": text}, _("View"))
        thing, _colon, number = text.partition(":")  # such as ``report:…``, what a claim pays for
        if name in ("subject", "payee") and number:
            said = f"{words.label(thing)} …{number[-6:]}"
            link = words.THINGS.get(thing)
            return _link(link, {"id": number}, said) if link else format_html("{}", said)
        if name == "category" and text == "*":
            return format_html("{}", _("All others"))
        if name == "language" and text in LANG_INFO:
            return format_html("{}", get_language_info(text)["name_translated"])
        if "\n" in text:
            return format_html('<span class="console-lines">{}</span>', text)
        return format_html("{}", text)

    def _thing(self, row: Mapping[str, Any], name: str, field: Any) -> SafeString:
        """Draw a row inside another: what stands for it, linked to its own page."""
        for mark in MARKS:
            if row.get(mark):
                text = self.draw(row[mark], mark, field_at(field, mark))
                link = words.THINGS.get(name)
                return _link(link, row, text) if link else text
        for inner, value in row.items():  # such as a shift, which stands for its activity
            if isinstance(value, Mapping):
                text = self._thing(value, "", field_at(field, inner))
                when = row.get("starts_at")
                if isinstance(when, str):
                    text = format_html("{} {}", text, self.moment(when))
                link = words.THINGS.get(name)
                return _link(link, row, text) if link else text
        return self.pairs(row, field) if set(row) != {"id"} else format_html("{}", row["id"])

    def pairs(self, row: Mapping[str, Any], field: Any = None) -> SafeString:
        """Draw all that a row tells, each value with its label."""
        return format_html(
            '<dl class="console-pairs">{}</dl>',
            format_html_join(
                "",
                "<div><dt>{}</dt><dd>{}</dd></div>",
                (
                    (words.label(name), self.draw(value, name, field_at(field, name), unit_of(row)))
                    for name, value in row.items()
                ),
            ),
        )

    def _several(self, rows: list[Any], name: str, field: Any, *, short: bool) -> SafeString:
        child = getattr(field, "child", None)
        if isinstance(rows[0], list):  # of spans, such as peak windows
            return self._join(format_html("{}", "–".join(map(str, one))) for one in rows)
        if not isinstance(rows[0], Mapping):
            return self._join(self.draw(one, name, child) for one in rows)
        names = [one for one in rows[0] if one != "id"]
        if len(names) == 1 or (short and _is_called(rows[0])):
            things = ((self._thing(one, name.removesuffix("s"), child),) for one in rows)
            return format_html_join(_(", "), "{}", things)
        head = format_html_join("", '<th scope="col">{}</th>', ((words.label(n),) for n in names))
        body = format_html_join(
            "",
            "<tr>{}</tr>",
            (
                (
                    format_html_join(
                        "",
                        '<td data-label="{}">{}</td>',
                        ((words.label(n), self.cell(row, n, child)) for n in names),
                    ),
                )
                for row in rows
            ),
        )
        return format_html(
            '<table class="console-inner"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>',
            head,
            body,
        )

    def _join(self, parts: Iterator[SafeString]) -> SafeString:
        return format_html_join(" ", "{}", ((part,) for part in parts))


def _is_called(row: Mapping[str, Any]) -> bool:
    """Tell whether something in a row stands for it."""
    return any(row.get(mark) for mark in MARKS) or any(isinstance(v, Mapping) for v in row.values())


def _link(address: str, facts: Mapping[str, Any], text: Any) -> SafeString:
    try:
        return format_html(
            '<a class="console-link" href="{}">{}</a>', link_to(address, facts), text
        )
    except LookupError:
        return format_html("{}", text)


def link_to(address: str, *facts: Mapping[str, Any]) -> str:
    """Return the console's path of an API address, filled in from ``facts``.

    Raises LookupError if they do not say all of it.
    """
    return f"{settings.CONSOLE_PATH}{filled_in(address, *facts)}"


def unit_of(row: Any) -> str:
    """Return the unit of a row's amounts, ``""`` if it tells none."""
    return str(row.get("unit") or "") if isinstance(row, Mapping) else ""


def is_fen(name: str, unit: str = "") -> bool:
    """Tell whether the field is in fen, by its name or by the unit of its row."""
    return name.endswith("_fen") or name == "fen_per_point" or (unit == "fen" and name in IN_UNIT)


def is_basis_points(name: str) -> bool:
    """Tell whether the field is in ten-thousandths, which people read as a percentage."""
    return name.endswith("_bp")


def figure(number: int | float, name: str, unit: str = "") -> str:
    """Return a number as people read it: yuan, a share in per cent, a year, or a count."""
    if is_fen(name, unit):
        return yuan(number)
    if name == "year":
        return str(number)
    return f"{Decimal(int(number)) / 100:f}%" if is_basis_points(name) else counted(number)


def yuan(fen: int | float) -> str:
    """Return an amount as people read it: 1230 fen are ``¥12.30``."""
    amount = number_format(Decimal(abs(int(fen))) / 100, 2, force_grouping=True, use_l10n=True)
    return f"{'-' if fen < 0 else ''}¥{amount}"
