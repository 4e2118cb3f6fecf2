"""What lists can be narrowed down to."""

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
    holder = CharFilter(help_text="Such as `person:…`: an id, not a name.")
