"""Forms made of what an API operation reads: a widget a field, and back into the body it takes.

A form checks nothing. It turns what was typed into what the API reads, and shows the API's
refusals at the fields they name.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework import serializers
from unfold import widgets

from backend.api.fields import TextField, TimeOfDayField
from backend.api.labels import label_of
from backend.top.console import words
from backend.top.console.values import is_basis_points, is_fen, value_at

BLANK_ROWS = 3  # that a list of things has besides those it has already
MOST_DIGITS = 15  # of an amount that is read as one: 1E999999 would fill the memory
LEFT_OUT = object()
Pairs = list[tuple[str, str]]


class SeveralFiles(forms.FileInput):
    """Widget that takes several files."""

    allow_multiple_selected = True


class BodyForm(forms.Form):
    """Form of the fields that ``reader``, a serializer, reads.

    ``asked`` are those that are shown, in this order (None: all), ``initial`` the values by field,
    as the API tells them, and ``options`` the choices of fields that name other things. ``clock``
    is the zone in which moments are typed. With ``partial`` only what was changed is sent. Fen are
    typed in yuan, as are amounts if ``unit`` is fen, and ten-thousandths in per cent.
    """

    def __init__(
        self,
        reader: serializers.BaseSerializer[Any] | None,
        data: QueryDict | None = None,
        files: MultiValueDict[str, Any] | None = None,
        *,
        clock: ZoneInfo,
        asked: Iterable[str] | None = None,
        initial: Mapping[str, Any] | None = None,
        options: Mapping[str, Pairs] | None = None,
        partial: bool = False,
        unit: str = "",
    ) -> None:
        super().__init__(data, files, use_required_attribute=False)
        self.unit = str((data.get("unit") if data else "") or unit)  # of amounts, asked for or told
        self.clock, self.partial, self.options = clock, partial, options or {}
        self.told = initial or {}
        self.sources: dict[str, Any] = {}
        self.lists: dict[str, bool] = {}  # of things, by name: whether one has to be sent
        known = _fields_of(reader)
        for name in known if asked is None else asked:
            if name in known:
                self._add(name, known[name], self.told.get(name))

    # --- making ---------------------------------------------------------------------------
    def _add(self, path: str, field: Any, value: Any) -> None:
        child = getattr(field, "child", None)
        if isinstance(field, serializers.Serializer):
            for name, inner in _fields_of(field).items():
                self._add(f"{path}.{name}", inner, value_at(value, name))
        elif isinstance(child, serializers.Serializer):
            rows = value or []
            self.lists[path] = field.required
            for number in range(len(rows) + BLANK_ROWS):
                row = rows[number] if number < len(rows) else {}
                for name, inner in _fields_of(child).items():
                    self._add(f"{path}.{number}.{name}", inner, row.get(name))
        else:
            self.sources[path] = field
            self.fields[path] = self._field(path, field)
            self.initial[path] = self._typed(path, field, value)

    def _field(self, path: str, field: Any) -> forms.Field:
        name = path.rpartition(".")[2]
        number = re.search(r"\.(\d+)\.", path)
        label = words.label(name)
        if number:
            label = f"{label} {int(number[1]) + 1}"
        elif "." in path:
            label = f"{words.label(path.split('.')[-2])} · {label}"
        facts: dict[str, Any] = {
            "label": label,
            "help_text": self._hint(name),
            "required": field.required and not (number or self.partial),  # drawn, not checked
        }
        if pairs := self.options.get(path, self.options.get(name)):
            if isinstance(field, serializers.ListField):
                return forms.MultipleChoiceField(
                    choices=pairs, widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(), **facts
                )
            return self._choice([("", NOT_CHOSEN), *pairs], facts)
        if isinstance(field, serializers.BooleanField):
            facts["required"] = False
            return forms.BooleanField(widget=widgets.UnfoldBooleanSwitchWidget(), **facts)
        if _takes_files(field):
            return forms.FileField(
                widget=SeveralFiles({"class": "console-input", "multiple": True}), **facts
            )
        if isinstance(field, serializers.MultipleChoiceField | serializers.ListField):
            choices = getattr(getattr(field, "child", field), "choices", None)
            if choices:
                return forms.MultipleChoiceField(
                    choices=_labelled(choices),
                    widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
                    **facts,
                )
            facts["help_text"] = _("One a line.")
            return forms.CharField(widget=widgets.UnfoldAdminTextareaWidget({"rows": 4}), **facts)
        if isinstance(field, serializers.ChoiceField):
            choices = words.UNITS if name == "unit" else field.choices
            return self._choice([("", NOT_CHOSEN), *_labelled(choices)], facts)
        if isinstance(field, serializers.FileField):
            return forms.FileField(widget=forms.FileInput({"class": "console-input"}), **facts)
        is_decimal = self._in_hundredths(name)
        return forms.CharField(widget=_widget(field, is_decimal=is_decimal), **facts)

    def _choice(self, pairs: list[tuple[Any, Any]], facts: Mapping[str, Any]) -> forms.Field:
        return forms.ChoiceField(choices=pairs, widget=widgets.UnfoldAdminSelectWidget(), **facts)

    def _typed(self, path: str, field: Any, value: Any) -> Any:
        """Return a value as the widget shows it."""
        if value is None:
            given = getattr(field, "initial", None)
            return None if callable(given) or given == [] else given
        name = path.rpartition(".")[2]
        if isinstance(value, Mapping):  # a thing, where its id is asked for
            return value.get("id", value.get("code"))
        if isinstance(field, serializers.DateTimeField):
            return f"{datetime.fromisoformat(value).astimezone(self.clock):%Y-%m-%dT%H:%M}"
        if self._in_hundredths(name) and isinstance(value, int):
            return f"{Decimal(value) / 100:.2f}"
        if isinstance(value, list) and not isinstance(self.fields[path], forms.MultipleChoiceField):
            return "\n".join(map(str, value))
        return value

    def _in_hundredths(self, name: str) -> bool:
        return is_fen(name, self.unit) or is_basis_points(name)

    def _hint(self, name: str) -> str:
        if is_fen(name, self.unit):
            return _("In yuan, such as 12.30.")
        if is_basis_points(name):
            return _("In per cent.")
        return ""

    # --- reading --------------------------------------------------------------------------
    def body(self) -> dict[str, Any]:
        """Return what was typed as the body of the operation; files are apart."""
        found: dict[str, Any] = {name: {} for name in self.lists}
        changed = set()
        for path, field in self.sources.items():
            if isinstance(field, serializers.FileField) or _takes_files(field):
                continue
            raw = self[path].value()
            if not self._same(raw, self.initial[path]):
                changed.add(path.partition(".")[0])
            value = self._sent(path, field, raw)
            if value is not LEFT_OUT:
                _put(found, path.split("."), value)
        return {
            name: _listed(value) if name not in self.lists else list(_listed(value) or [])
            for name, value in found.items()
            if (name in changed if self.partial else value != {} or self.lists.get(name))
        }

    @property
    def sent_files(self) -> dict[str, Any] | None:
        """The files, by field; None if the operation takes none."""
        names = [n for n, one in self.sources.items() if isinstance(one, serializers.FileField)]
        lists = [n for n, one in self.sources.items() if _takes_files(one)]
        if not names and not lists:
            return None
        return {name: self.files.getlist(name) for name in [*names, *lists]}

    @staticmethod
    def _same(raw: Any, shown: Any) -> bool:
        if isinstance(raw, bool) or isinstance(shown, bool):
            return bool(raw) == bool(shown)
        if isinstance(raw, list):
            return [str(one) for one in raw] == [str(one) for one in shown or []]
        return str(raw or "").replace("\r\n", "\n") == str("" if shown is None else shown)

    def _sent(self, path: str, field: Any, raw: Any) -> Any:
        """Return what was typed as JSON has it; what can not be read goes as it stands."""
        if isinstance(field, serializers.BooleanField):
            return bool(raw)
        if isinstance(raw, list):
            return raw
        text = (raw or "").replace("\r\n", "\n").strip()
        if not text:
            return self._empty(path, field)
        if isinstance(field, serializers.ListField):
            child = field.child
            return [self._sent(path, child, line) for line in text.splitlines() if line.strip()]
        if isinstance(field, serializers.DateTimeField):
            return _moment(text, self.clock)
        if self._in_hundredths(path.rpartition(".")[2]):
            return _hundredths(text)
        if isinstance(field, serializers.IntegerField):
            return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else text
        if isinstance(field, serializers.FloatField | serializers.DecimalField):
            try:
                return float(text)
            except ValueError:
                return text
        return text

    def _empty(self, path: str, field: Any) -> Any:
        if re.search(r"\.\d+\.", path):  # of a row that may be blank
            return LEFT_OUT
        if self.partial and field.allow_null:
            return None
        if isinstance(field, serializers.ListField):
            return [] if field.required or self.partial else LEFT_OUT
        if field.required or self.partial:
            return None if field.allow_null else ""
        return LEFT_OUT

    def show(self, problem: Mapping[str, Any]) -> None:
        """Show the API's refusal: what it says of a field at that field, the rest above."""
        self._errors = forms.utils.ErrorDict()
        left = []
        for path, errors in (problem.get("errors") or {}).items():
            messages = [one["message"] for one in errors]
            whole = re.sub(r"\.\d+$", "", path)  # of one line of several
            at = next((n for n in self.fields if n in (path, whole)), None) or next(
                (n for n in self.fields if n.startswith(f"{path}.")), None
            )
            if at is None:
                left += [f"{words.label(path)}: {message}" for message in messages]
            else:
                self._errors[at] = self.error_class(messages)
        if left or not self._errors:
            self._errors[NON_FIELD_ERRORS] = self.error_class(
                left or [problem.get("title", "")], error_class="nonfield"
            )


NOT_CHOSEN = "—"


def _fields_of(reader: Any) -> dict[str, Any]:
    while isinstance(reader, serializers.ListSerializer | serializers.ListField):
        reader = reader.child
    fields = getattr(reader, "fields", {})
    return {name: one for name, one in fields.items() if not one.read_only}


def _takes_files(field: Any) -> bool:
    return isinstance(getattr(field, "child", None), serializers.FileField)


def _labelled(choices: Mapping[Any, Any]) -> list[tuple[str, str]]:
    return [(str(one), label_of(one, choices)) for one in choices if one not in ("", None)]


def _widget(field: Any, *, is_decimal: bool) -> forms.Widget:
    if isinstance(field, TextField | serializers.JSONField):
        lines: forms.Widget = widgets.UnfoldAdminTextareaWidget({"rows": 3})
        return lines
    facts = next((attrs for kind, attrs in _TYPED if isinstance(field, kind)), {})
    if is_decimal:
        facts = {"inputmode": "decimal"}
    line: forms.Widget = widgets.UnfoldAdminTextInputWidget(facts)
    return line


_TYPED = (
    (serializers.DateTimeField, {"type": "datetime-local"}),
    (serializers.DateField, {"type": "date"}),
    (TimeOfDayField, {"type": "time"}),
    (serializers.IntegerField, {"inputmode": "numeric"}),
    (serializers.FloatField, {"inputmode": "decimal"}),
)


def _moment(text: str, clock: ZoneInfo) -> str:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=clock).isoformat()
    except ValueError:
        return text


def _hundredths(text: str) -> int | str:
    try:
        number = Decimal(text.removeprefix("¥").removesuffix("%").replace(",", ""))
    except InvalidOperation:
        return text
    if not number.is_finite() or number.adjusted() > MOST_DIGITS:
        return text
    hundredths = number * 100
    return int(hundredths) if hundredths == hundredths.to_integral_value() else text


def _put(found: dict[str, Any], names: list[str], value: Any) -> None:
    for name in names[:-1]:
        found = found.setdefault(name, {})
    found[names[-1]] = value


def _listed(value: Any) -> Any:
    """Turn ``{"0": …, "2": …}``, rows that were filled in, into a list."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    return list(inner.values()) if inner and all(name.isdigit() for name in inner) else inner
