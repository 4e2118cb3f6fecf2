"""What templates of pages say in the reader's words: moments, money, statuses, forms."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import template
from django.apps import apps
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _

from backend import codes
from backend.api.labels import label_of
from points.awards.reasons import words_for

register = template.Library()


@register.simple_tag(takes_context=True)
def act(context: Any, name: str) -> SafeString:
    """Write the hidden fields of the form that does the page's act ``name``, once however often it
    is sent."""
    return format_html(
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<input type="hidden" name="act" value="{}"><input type="hidden" name="key" value="{}">',
        get_token(context["request"]),
        name,
        uuid4(),
    )


@register.filter
def moment(value: str | datetime | None) -> str:
    """Write a moment of an answer as the page's clock shows it: ``3月2日 周六 14:05``."""
    if not value:
        return ""
    at = _local(value)
    shown = _("N j, l H:i") if at.year == timezone.localdate().year else _("N j, Y H:i")
    return date_format(at, shown)


@register.filter
def time_of_day(value: str | datetime | None) -> str:
    """Write the time of a moment: ``14:05``."""
    return f"{_local(value):%H:%M}" if value else ""


@register.filter
def day(value: str | date | None) -> str:
    """Write the day of a date, or of a moment: ``3月2日``, with the year if it is another."""
    if not value:
        return ""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else _local(value).date()
    is_near = value.year == timezone.localdate().year
    return date_format(value, _("N j") if is_near else _("N j, Y"))


@register.filter
def remains(value: str | datetime | None) -> str:
    """Write how long it is until a moment, in its largest unit: ``5 hours``; "" once it is over."""
    if not value or (at := _local(value)) <= timezone.now():
        return ""
    return timeuntil(at, depth=1)


@register.filter
def last_day(end: str) -> str:
    """Write the last day of a period that goes up to the day ``end``."""
    return day(date.fromisoformat(end) - timedelta(days=1))


def _local(value: str | datetime) -> datetime:
    return timezone.localtime(datetime.fromisoformat(value) if isinstance(value, str) else value)


@register.filter
def yuan(fen: int | None) -> str:
    """Write an amount of fen in yuan: ``¥12.30``."""
    return "" if fen is None else f"¥{Decimal(fen) / 100:,.2f}"


@register.filter
def hours(minutes: int | None) -> str:
    """Write minutes as hours with one digit: ``2.5``."""
    return "" if minutes is None else f"{Decimal(minutes) / 60:,.1f}".removesuffix(".0")


@register.filter
def called(value: Any, choices: str) -> str:
    """Write a status as people call it; ``choices`` name them: ``merchants.Voucher.Status``, or the
    field that has them: ``volunteers.Attendance.signals``."""
    return label_of(value, _choices(choices))


@register.filter
def options(choices: str) -> list[tuple[Any, str]]:
    """Return the values that ``choices`` name and what people call them, to choose one of."""
    named = _choices(choices)
    return [(value, label_of(value, named)) for value in named]


def _choices(named: str) -> dict[Any, Any]:
    app, model, name = named.split(".")
    found = getattr(apps.get_model(app, model), name)
    field = getattr(found, "field", found)
    return dict(getattr(field, "base_field", field).choices)


@register.filter
def reason(value: str) -> str:
    """Write why points moved."""
    return words_for(value)


@register.filter
def qr(code: str | None) -> str:
    """Draw a code as a QR code in the page itself, so that no second request is awaited."""
    return mark_safe(codes.inline(code)) if code else ""  # noqa: S308  # squares of ours


@register.filter
def in_fours(code: str | None) -> str:
    """Write a code as people read it aloud: ``ABCD EFGH JKMN``."""
    return " ".join((code or "")[at : at + 4] for at in range(0, len(code or ""), 4))


@register.filter
def wrong(refused: Mapping[str, Any] | None, name: str) -> list[str]:
    """Return what is wrong with the field ``name`` of a form that was refused."""
    found = ((refused or {}).get("errors") or {}).get(name, [])
    several = found if isinstance(found, list) else [found]
    return [one.get("message", "") if isinstance(one, Mapping) else str(one) for one in several]


@register.filter
def cursor(told: Mapping[str, Any] | None) -> str:
    """Return the cursor of a list's next page, as a query; "" on its last."""
    after = (told or {}).get("next") or ""
    return after.partition("?")[2]
