"""The filters of a list: the API's own parameters, as a form."""

from collections.abc import Callable
from typing import Any

import django_filters
from django import forms
from django.http import QueryDict
from rest_framework import serializers
from unfold import widgets

from backend.api.filters import DayFilter
from backend.api.known import known_to
from backend.api.labels import label_of
from backend.top.console import words

NOT_OFFERED = {"cursor", "page_size"}
ANY = ("", "—")


class FilterForm(forms.Form):
    """Form of what a list of the API may be asked for.

    ``offered`` are the parameters shown; None: those that are no ids of other things. ``among``
    returns the values of a parameter that names other things, with their words.
    """

    def __init__(
        self,
        view: Any,
        data: QueryDict,
        offered: tuple[str, ...] | None,
        among: Callable[[str], list[tuple[str, str]]],
    ) -> None:
        super().__init__(data)
        filterset = getattr(view.cls, "filterset_class", None)
        asks = getattr(view.cls, "asks", None)  # a serializer of what a plain view reads
        declared = filterset.base_filters if filterset else asks().fields if asks else {}
        known = known_to(view, "GET")
        parameters = known.parameters if known else frozenset()
        in_order = [*(n for n in declared if n in parameters), *sorted(parameters - set(declared))]
        if offered is not None:
            in_order = [name for name in offered if name in parameters]
        for name in in_order:
            if name not in NOT_OFFERED:
                one = declared.get(name)
                if offered is None and isinstance(one, django_filters.UUIDFilter):
                    continue
                self.fields[name] = _field(name, one, among(name))

    @property
    def is_used(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


def _field(name: str, declared: Any, pairs: list[tuple[str, str]]) -> forms.Field:
    facts: dict[str, Any] = {
        "label": words.ASKED_FOR.get(name) or words.label(name),
        "required": False,
    }
    if pairs:
        return _choice([ANY, *pairs], facts)
    if isinstance(declared, django_filters.ChoiceFilter | serializers.ChoiceField):
        told: Any = declared
        is_field = isinstance(told, serializers.ChoiceField)
        choices = dict(told.choices if is_field else told.extra["choices"])
        if name == "unit":
            choices = dict(words.UNITS)
        pairs = [ANY, *((str(one), label_of(one, choices)) for one in choices)]
        return _choice(pairs, facts)
    if isinstance(declared, django_filters.BooleanFilter | serializers.BooleanField):
        pairs = [ANY, ("true", str(words.YES)), ("false", str(words.NO))]
        return _choice(pairs, facts)
    if isinstance(declared, DayFilter) or name in ("from", "until", "day"):
        kind = widgets.UnfoldAdminTextInputWidget({"type": "date"})
        return forms.CharField(widget=kind, **facts)
    return forms.CharField(widget=widgets.UnfoldAdminTextInputWidget(), **facts)


def _choice(pairs: list[tuple[str, str]], facts: dict[str, Any]) -> forms.Field:
    return forms.ChoiceField(choices=pairs, widget=widgets.UnfoldAdminSelectWidget(), **facts)
