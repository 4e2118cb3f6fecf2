"""The trial balance at a moment, by posting and by occurrence, down to accounts and transfers."""

from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api import files
from backend.api.filters import CharFilter
from backend.api.views import ListView, OpenView
from backend.communities.api.shown import in_community
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER
from backend.documents import api as documents
from backend.documents.models import Document
from backend.files import spreadsheets
from backend.files.spreadsheets import Cell, Sheet
from backend.replica import from_replica
from points.awards.api.books import (
    AT,
    DAY,
    TransferSerializer,
    moment,
    read_parameter,
    watched,
)
from points.awards.api.filters import AccountFilter
from points.awards.reasons import words_for
from points.kinds import AccountKind, Unit
from points.ledger.models import Account, Transfer
from points.ledger.selectors import (
    Apart,
    Cause,
    Standing,
    TrialBalance,
    accounts_in,
    standings,
    stream_standings,
    transfers_apart,
    transfers_in,
    trial_balance,
)

DOCUMENT = "trial_balance"  # a kind of documents


# --- shapes -----------------------------------------------------------------------------------
class StandingSerializer(serializers.Serializer[Any]):
    """Totals by a moment: of what was posted by then, and of what had happened by then.

    Balances are credits less debits. ``occurred_difference`` is the balance of what had happened
    less that of what was posted.
    """

    debits = serializers.IntegerField(read_only=True)
    credits = serializers.IntegerField(read_only=True)
    balance = serializers.IntegerField(read_only=True)
    occurred_debits = serializers.IntegerField(read_only=True)
    occurred_credits = serializers.IntegerField(read_only=True)
    occurred_balance = serializers.IntegerField(read_only=True)
    occurred_difference = serializers.IntegerField(read_only=True)


class UnitSumsSerializer(StandingSerializer):
    """The lines of a unit added up: debits and credits are equal, so each balance is zero."""

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)


class TrialBalanceLineSerializer(UnitSumsSerializer):
    """All accounts of one kind and unit together; on ``accounts`` of them something moved."""

    kind = serializers.ChoiceField(choices=AccountKind.choices, read_only=True)
    accounts = serializers.IntegerField(read_only=True)


class ApartSerializer(serializers.Serializer[Any]):
    """Transfers of one way, reason and cause that count in one of the two reckonings only.

    ``posted_later``: it had happened by then and was posted after. ``occurs_later``: it was posted
    by then and is dated after.
    """

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    cause = serializers.ChoiceField(choices=Cause.choices, read_only=True)
    debit_kind = serializers.ChoiceField(choices=AccountKind.choices, read_only=True)
    credit_kind = serializers.ChoiceField(choices=AccountKind.choices, read_only=True)
    reason = serializers.CharField(read_only=True)
    reason_words = serializers.SerializerMethodField(help_text="In the language asked for.")
    transfers = serializers.IntegerField(read_only=True)
    amount = serializers.IntegerField(read_only=True)

    def get_reason_words(self, apart: Apart) -> str:
        return words_for(apart.reason)


class TrialBalanceSerializer(serializers.Serializer[Any]):
    """A trial balance by posting and by occurrence, and what sets the two apart."""

    at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Null: now.")
    lines = TrialBalanceLineSerializer(many=True, read_only=True)
    sums = UnitSumsSerializer(many=True, read_only=True)
    apart = ApartSerializer(many=True, read_only=True)


class AccountThenSerializer(StandingSerializer):
    """An account, and what moved on it by the moment."""

    id = serializers.UUIDField(read_only=True)
    kind = serializers.ChoiceField(choices=AccountKind.choices, read_only=True)
    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    holder = serializers.CharField(read_only=True)

    class Meta:
        model = Account


# --- the trial balance ------------------------------------------------------------------------
@from_replica
class TrialBalanceView(OpenView[Account]):
    """Add up accounts by kind, now or then: ``GET /api/v1/communities/{code}/trial-balance``.

    By posting, and by when what was posted happened. ``apart`` groups the transfers that count in
    one of the two only: hours served in June and posted in July, on 30 June.
    """

    finds = watched

    @extend_schema(parameters=[AT, DAY], responses=TrialBalanceSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        place = watched(request, **named)
        found = trial_balance(place, at=(at := moment(request, place)))
        sums = [
            StandingSerializer(summed).data | {"unit": unit}
            for unit, summed in found.sums().items()
        ]
        told = {"at": at, "lines": found.lines, "sums": sums, "apart": found.apart}
        return Response(TrialBalanceSerializer(told).data)


@from_replica
class TrialBalanceFileView(OpenView[Account]):
    """Fetch the trial balance: ``GET /api/v1/communities/{code}/trial-balance.{format}``.

    The format is ``csv`` or ``xlsx``: the lines, the sums, then what sets the reckonings apart.
    """

    finds = watched

    @extend_schema(parameters=[AT, DAY], responses=OpenApiTypes.BINARY)
    def get(self, request: Request, **named: Any) -> HttpResponseBase:  # type: ignore[override]
        place = watched(request, **named)
        at = moment(request, place)
        return files.answer(request, _sheet(place, at, trial_balance(place, at=at)))


# --- down to accounts -------------------------------------------------------------------------
@from_replica
class TrialBalanceAccountListView(ListView[Account]):
    """List accounts with what moved on them, now or then, newest first.

    ``GET /api/v1/communities/{code}/trial-balance/accounts``
    """

    serializer_class = AccountThenSerializer
    filterset_class = AccountFilter
    finds = in_community(WATCHES_OVER, accounts_in)

    @extend_schema(parameters=[AT, DAY])
    def get(self, request: Request, *args: Any, **named: Any) -> Response:
        return self.list(request, *args, **named)

    def paginate_queryset(self, queryset: Any) -> Any:
        page: Any = super().paginate_queryset(queryset)
        place = watched(self.request, **self.kwargs)
        found = standings(place.pk, [one.pk for one in page], at=moment(self.request, place))
        return [_of_account(one) | StandingSerializer(found[one.pk]).data for one in page]


@from_replica
class TrialBalanceAccountFileView(OpenView[Account]):
    """Fetch all accounts with what moved on them, now or then, as a file.

    ``GET /api/v1/communities/{code}/trial-balance/accounts.{format}``: ``csv`` or ``xlsx``. Of more
    than 500 accounts a task makes it: 202 until it is there, with ``Retry-After`` and ``Location``.
    """

    serializer_class = AccountThenSerializer
    filterset_class = AccountFilter
    finds = watched

    @extend_schema(parameters=[AT, DAY], filters=True, responses=documents.LATER)
    def get(self, request: Request, **named: Any) -> HttpResponseBase:  # type: ignore[override]
        place = watched(request, **named)
        at = moment(request, place)
        accounts = self.filter_queryset(accounts_in(place))
        asked = {name: request.query_params.get(name, "") for name in AccountFilter.base_filters}
        return documents.answer(
            request,
            community=place,
            kind=DOCUMENT,
            about={"at": at and at.isoformat(), "filters": asked},
            is_long=accounts[documents.AT_ONCE : documents.AT_ONCE + 1].exists(),
        )


# --- down to transfers ------------------------------------------------------------------------
class ApartFilter(filters.FilterSet):  # type: ignore[misc]
    reason = CharFilter(help_text="Such as `hours`, `report` or `redemption`.")
    unit = filters.ChoiceFilter(field_name="debit__unit", choices=Unit.choices)
    debit_kind = filters.ChoiceFilter(field_name="debit__kind", choices=AccountKind.choices)
    credit_kind = filters.ChoiceFilter(field_name="credit__kind", choices=AccountKind.choices)


CAUSE = OpenApiParameter(
    "cause", enum=Cause.values, default=Cause.POSTED_LATER, description="Of which cause."
)


def set_apart(request: Request, **names: Any) -> QuerySet[Transfer]:
    """Return the transfers that count in one of the reckonings only. Raises ValidationError."""
    place = watched(request, **names)
    at = moment(request, place)
    given = request.query_params.get(CAUSE.name, Cause.POSTED_LATER)
    cause = read_parameter(CAUSE.name, serializers.ChoiceField(choices=Cause.choices), given)
    if at is None:  # all that was posted by now has happened, for all that anybody knows
        return transfers_in(place).none()
    return transfers_apart(place, at=at, cause=cause)


@from_replica
class TrialBalanceTransferListView(ListView[Transfer]):
    """List the transfers that set the two reckonings apart, newest first.

    ``GET /api/v1/communities/{code}/trial-balance/transfers``: those of one cause, at a moment of
    the past. Without a moment there is none.
    """

    serializer_class = TransferSerializer
    filterset_class = ApartFilter
    finds = set_apart

    @extend_schema(parameters=[AT, DAY, CAUSE])
    def get(self, request: Request, *args: Any, **named: Any) -> Response:
        return self.list(request, *args, **named)


def _of_account(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in ("id", "kind", "unit", "holder")}


# --- files ------------------------------------------------------------------------------------
def write_accounts(document: Document, file: IO[bytes]) -> str:
    """Write all accounts with their totals by the moment. Returns the file's name."""
    place, about = document.community, document.about
    at = datetime.fromisoformat(about["at"]) if about["at"] else None
    found = stream_standings(place, at=at, **about["filters"])
    rows = (
        [str(one["id"]), *_of_kind(one["unit"], one["kind"]), one["holder"], *_numbers(standing)]
        for one, standing in found
    )
    name = _name(place, at, _("Accounts"))
    titles = [_("Id"), _("Unit"), _("Kind of account"), _("Holder"), *_titles()]
    spreadsheets.write(Sheet(name, titles, rows, head=_head(place, at)), file, document.ending)
    return name


def _sheet(place: Community, at: datetime | None, found: TrialBalance) -> Sheet:
    """Return the lines, then the sums, then what sets the two reckonings apart."""
    return Sheet(
        _name(place, at, _("Trial balance")),
        [_("Unit"), _("Kind of account"), _("How many accounts"), *_titles()],
        [*_lines(found), *_sums(found), *_apart(found)],
        head=_head(place, at),
    )


def _lines(found: TrialBalance) -> Iterator[list[Cell]]:
    for line in found.lines:
        yield [*_of_kind(line.unit, line.kind), line.accounts, *_numbers(line)]


def _sums(found: TrialBalance) -> Iterator[list[Cell]]:
    for unit, summed in found.sums().items():
        yield [_unit(unit), _("Sum"), "", *_numbers(summed)]


def _apart(found: TrialBalance) -> Iterator[list[Cell]]:
    if not found.apart:
        return
    yield []
    yield [_("Unit"), _("Cause"), _("From"), _("To"), _("Reason"), _("Transfers"), _("Amount")]
    for one in found.apart:
        kinds = [_(AccountKind(kind).label) for kind in (one.debit_kind, one.credit_kind)]
        cause = str(Cause(one.cause).label)
        yield [_unit(one.unit), cause, *kinds, words_for(one.reason), one.transfers, one.amount]


def _name(place: Community, at: datetime | None, content: str) -> str:
    return f"{place.name} {content} {at.astimezone(place.clock).date() if at else place.today}"


def _head(place: Community, at: datetime | None) -> list[tuple[str, Cell]]:
    then: Cell = at.astimezone(place.clock) if at else _("Now")
    return [(_("Community"), place.name), (_("As of"), then)]


def _titles() -> list[str]:
    posted, occurred = _("by posting"), _("by occurrence")
    amounts = [_("Debits"), _("Credits"), _("Balance")]
    return [f"{amount} ({way})" for way in (posted, occurred) for amount in amounts] + [
        _("Difference")
    ]


def _numbers(standing: Standing) -> list[Cell]:
    return list(StandingSerializer(standing).data.values())


def _of_kind(unit: str, kind: str) -> list[Cell]:
    return [_unit(unit), _(AccountKind(kind).label)]


def _unit(unit: str) -> str:
    return _(Unit(unit).label)
