"""What lists of things that happened can be narrowed down to."""

from datetime import date, datetime, time, tzinfo
from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request

DAY = ["%Y-%m-%d"]


class CommunityFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Of rows that belong to a community: those of one."""

    community = filters.CharFilter(field_name="community__code", help_text="A community's code.")


class MarkFilter(filters.BooleanFilter):  # type: ignore[misc]  # django-filter is untyped
    """Whether a device's clock could not be believed: one of ``marks``, fields, is not empty."""

    def __init__(self, *marks: str, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Whether a device's clock could not be believed.")
        super().__init__(**kwargs)
        self.marks = marks

    def filter(self, found: QuerySet[Any], value: bool | None) -> QuerySet[Any]:
        if value is None:
            return found
        plain = Q(**dict.fromkeys(self.marks, ""))
        return found.exclude(plain) if value else found.filter(plain)


class LocalDayFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]  # untyped
    """Days are those of the view's ``community``."""

    def get_filterset_kwargs(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> dict[str, Any]:
        given: dict[str, Any] = super().get_filterset_kwargs(request, queryset, view)
        return given | {"clock": view.community.clock}


class LocalDaysFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """From one day to another, by the field that ``moment`` names."""

    moment: str
    since = filters.DateFilter(
        method="on_or_after",
        input_formats=DAY,
        help_text="The first day, the community's own, on which it happened.",
    )
    until = filters.DateFilter(
        method="on_or_before", input_formats=DAY, help_text="The last such day."
    )

    def __init__(self, *args: Any, clock: tzinfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock = clock

    def on_or_after(self, found: QuerySet[Any], _: str, day: date) -> QuerySet[Any]:
        beginning = datetime.combine(day, time.min, self.clock)
        return found.filter(**{f"{self.moment}__gte": beginning})

    def on_or_before(self, found: QuerySet[Any], _: str, day: date) -> QuerySet[Any]:
        end = datetime.combine(day, time.max, self.clock)
        return found.filter(**{f"{self.moment}__lte": end})
