"""Filters of lists of things that happened."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Exists, Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from backend import days
from backend.api.fields import INTEGER_MAX, OUT_OF_RANGE
from backend.text import CharacterRefused, tidy


class WordsField(forms.CharField):
    """A form field that holds words to the rules of backend/api/fields.py."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(tidy(value) if isinstance(value, str) else value)
        except CharacterRefused as refused:
            message = refused.title.format(character=refused)
            raise ValidationError(message, code=refused.code) from None


class _DayField(forms.DateField):
    """A form field for a day in the sensible range."""

    def to_python(self, value: Any) -> date | None:
        day: date | None = super().to_python(value)
        if day is not None and not days.is_sensible(day):
            raise ValidationError(
                OUT_OF_RANGE.format(earliest=days.EARLIEST, latest=days.LATEST),
                code="date_out_of_range",
            )
        return day


class CharFilter(filters.CharFilter):  # type: ignore[misc]  # django-filter is untyped
    """Filter of rows with exactly these words, or this id."""

    field_class = WordsField


class DayFilter(filters.DateFilter):  # type: ignore[misc]  # django-filter is untyped
    """Filter of rows of a day, ``2024-03-01``."""

    field_class = _DayField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, input_formats=["%Y-%m-%d"], **kwargs)


@extend_schema_field(
    {"type": "integer", "minimum": days.EARLIEST.year, "maximum": days.LATEST.year}
)
class YearFilter(filters.NumberFilter):  # type: ignore[misc]  # django-filter is untyped
    """Filter of rows of a year, ``2024``."""

    field_class = forms.IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=days.EARLIEST.year, max_value=days.LATEST.year, **kwargs)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": INTEGER_MAX})
class PointsFilter(filters.NumberFilter):  # type: ignore[misc]  # django-filter is untyped
    """Filter of rows by a number of points."""

    field_class = forms.IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=INTEGER_MAX, **kwargs)


class PersonFilter(filters.UUIDFilter):  # type: ignore[misc]  # django-filter is untyped
    """Filter of rows about the person with this id."""

    def __init__(self, field_name: str, **kwargs: Any) -> None:
        super().__init__(field_name=field_name, **{"help_text": "A person's id.", **kwargs})


class TextFilter(CharFilter):
    """Filter of rows with these words in one of ``fields``, in any case."""

    def __init__(self, *fields: str, **kwargs: Any) -> None:
        super().__init__(**{"help_text": "Words that stand in it, in whatever case.", **kwargs})
        self.fields = fields

    def filter(self, found: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return found
        among = Q()
        for field in self.fields:
            among |= Q(**{f"{field}__icontains": value})
        return found.filter(among)


class CommunityFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Filter of rows of one community."""

    community = CharFilter(field_name="community__code", help_text="A community's code.")


class DaysFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Filter of rows from one day to another, by the clock of each row's community.

    A row lasts from the field ``moment`` to the field ``ends``, or is a moment without it.
    """

    moment: str
    ends = ""
    since = DayFilter(method="in_period", help_text="The first day, by the community's clock.")
    until = DayFilter(method="in_period", help_text="The last such day.")

    def in_period(self, found: QuerySet[Any], name: str, day: date) -> QuerySet[Any]:
        return found.filter(self.condition(name, day))

    def condition(self, name: str, day: date) -> Q:
        """Return the condition on rows of that ``day``, or since or until it, as ``name`` says."""
        condition = Q()
        if name != "until":
            condition &= Q(**{f"{self.ends or self.moment}__gte": days.first_moment(day)})
        if name != "since":
            next_day = days.first_moment(day + timedelta(days=1))
            condition &= Q(**{f"{self.moment}__lt": next_day})
        return condition


class PeriodFilter(CommunityFilter, DaysFilter):
    """Filter of rows of several communities, of a day or a period."""

    day = DayFilter(method="in_period", help_text="The day, by the community's clock.")


class TrueOrFalse(forms.TypedChoiceField):
    """A form field for ``true`` or ``false``, in any case; Django's own ignores anything else."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce="true".__eq__, empty_value=None, **kwargs)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()


class BooleanFilter(filters.BooleanFilter):  # type: ignore[misc]  # django-filter is untyped
    """Filter by ``true`` or ``false``; anything else is refused."""

    field_class = TrueOrFalse

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.TextInput, **kwargs)


class MarkFilter(BooleanFilter):
    """Filter by whether a device's clock could not be believed: one of the fields ``marks`` is set.

    ``refused``, if given, is a condition for rows of which something told was refused.
    """

    def __init__(self, *marks: str, refused: Exists | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Whether a device's clock could not be believed.")
        super().__init__(**kwargs)
        self.marks, self.refused = marks, refused

    def filter(self, found: QuerySet[Any], value: bool | None) -> QuerySet[Any]:
        if value is None:
            return found
        plain = Q(**dict.fromkeys(self.marks, ""))
        if self.refused is not None:
            plain &= ~Q(self.refused)
        return found.exclude(plain) if value else found.filter(plain)
