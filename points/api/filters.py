"""What lists can be narrowed down to."""

from datetime import date, datetime, time, tzinfo
from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request

from points.models import AccountKind, Transfer, Unit

DAY = ["%Y-%m-%d"]


class LocalDayFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]  # untyped
    """Days are those of the view's ``community``."""

    def get_filterset_kwargs(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> dict[str, Any]:
        given: dict[str, Any] = super().get_filterset_kwargs(request, queryset, view)
        return given | {"clock": view.community.clock}


class StatementFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    reason = filters.CharFilter(help_text="Such as `hours`, `report` or `redemption`.")
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

    def on_or_after(self, found: QuerySet[Transfer], _: str, day: date) -> QuerySet[Transfer]:
        return found.filter(occurred_at__gte=datetime.combine(day, time.min, self.clock))

    def on_or_before(self, found: QuerySet[Transfer], _: str, day: date) -> QuerySet[Transfer]:
        return found.filter(occurred_at__lte=datetime.combine(day, time.max, self.clock))


class TransferFilter(StatementFilter):
    source = filters.CharFilter(help_text="The record it comes from, such as `hours:…`.")
    key = filters.CharFilter(help_text="The event it was made from; one key, one transfer.")
    account = filters.UUIDFilter(method="of_account", help_text="Its id, on either side.")
    kind = filters.ChoiceFilter(
        method="of_kind", choices=AccountKind.choices, help_text="An account's, on either side."
    )

    def of_account(self, found: QuerySet[Transfer], _: str, account: Any) -> QuerySet[Transfer]:
        return found.filter(Q(debit=account) | Q(credit=account))

    def of_kind(self, found: QuerySet[Transfer], _: str, kind: str) -> QuerySet[Transfer]:
        return found.filter(Q(debit__kind=kind) | Q(credit__kind=kind))


class AccountFilter(filters.FilterSet):  # type: ignore[misc]
    kind = filters.ChoiceFilter(choices=AccountKind.choices)
    unit = filters.ChoiceFilter(choices=Unit.choices)
    holder = filters.CharFilter(help_text="Such as `person:…`: an id, not a name.")
