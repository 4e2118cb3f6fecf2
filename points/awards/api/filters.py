"""Filters of lists of accounts and transfers."""

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from backend.api.filters import CharFilter, DaysFilter
from points.kinds import AccountKind, Unit
from points.ledger.models import Transfer


class StatementFilter(DaysFilter):
    moment = "occurred_at"
    reason = CharFilter(help_text="Such as `hours`, `report` or `redemption`.")


class TransferFilter(StatementFilter):
    source = CharFilter(help_text="The record it comes from, such as `hours:…`.")
    key = CharFilter(help_text="The event it was made from; one key, one transfer.")
    reverses = filters.UUIDFilter(help_text="The id of a transfer: what took it back.")
    account = filters.UUIDFilter(method="on_a_side", help_text="Its id, on either side.")
    kind = filters.ChoiceFilter(
        method="on_a_side", choices=AccountKind.choices, help_text="An account's, on either side."
    )

    def on_a_side(self, found: QuerySet[Transfer], name: str, given: Any) -> QuerySet[Transfer]:
        of = "" if name == "account" else "__kind"
        return found.filter(Q(**{f"debit{of}": given}) | Q(**{f"credit{of}": given}))


class AccountFilter(filters.FilterSet):  # type: ignore[misc]
    kind = filters.ChoiceFilter(choices=AccountKind.choices)
    unit = filters.ChoiceFilter(choices=Unit.choices)
    holder = CharFilter(help_text="Such as `person:…`: an id, not a name.")
