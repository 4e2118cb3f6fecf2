"""The books, for staff and auditors."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.fields import DateField, DateTimeField
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER
from backend.registries.events import Event, opened
from backend.replica import from_replica
from points.awards.api.filters import AccountFilter, TransferFilter
from points.awards.api.serializers import WhySerializer
from points.awards.api.statements import ExportView, StatementView
from points.awards.reasons import words_for
from points.kinds import Unit
from points.ledger.models import Account, Transfer
from points.ledger.selectors import (
    account_in,
    accounts_in,
    balance,
    totals_of,
    transfer_in,
    transfers_in,
)
from points.seals.api.serializers import ReceiptSerializer
from points.seals.api.views import receipt_of

AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    description="As of this moment, with its offset from UTC; else now.",
)
DAY = OpenApiParameter(
    "day",
    OpenApiTypes.DATE,
    description="As of the end of this day, by the community's clock, instead of `at`.",
)


class AccountSerializer(ReadSerializer[Account]):
    """An account. Its holder is opaque: ``person:…`` is an id, not a name."""

    class Meta:
        model = Account
        fields: tuple[str, ...] = ("id", "kind", "unit", "holder")


class _OfAFloor(serializers.IntegerField):
    """An amount that is known only for wallets and funds, and only for now."""

    def get_attribute(self, account: Account) -> Any:
        is_known = account.has_floor and not self.context.get("at")
        return super().get_attribute(account) if is_known else None


class AccountStandingSerializer(AccountSerializer):
    """An account and its balance, in its unit: credits less debits.

    ``held``, ``available`` and ``shortfall`` are null for accounts without a floor, and for moments
    of the past: only wallets and funds hold something back, and only now is it known how much.
    """

    balance = serializers.SerializerMethodField()
    held = _OfAFloor(read_only=True, allow_null=True)
    available = _OfAFloor(
        read_only=True, allow_null=True, help_text="The balance less what is held."
    )
    shortfall = _OfAFloor(
        read_only=True,
        allow_null=True,
        help_text="Taken back after it was spent; what comes in next repays it first.",
    )

    class Meta(AccountSerializer.Meta):
        fields = (*AccountSerializer.Meta.fields, "opened_at")

    @staticmethod
    def context_of(*accounts: Account) -> dict[str, Any]:
        return {"balances": balances(accounts)}

    def get_balance(self, account: Account) -> int:
        balance: int = self.context["balances"][account.pk]
        return balance


class AccountAtSerializer(AccountStandingSerializer):
    """An account's balance now, or at a moment of the past."""

    at = serializers.SerializerMethodField(help_text="Null: now.")

    class Meta(AccountStandingSerializer.Meta):
        fields = ("at", *AccountStandingSerializer.Meta.fields)

    def get_at(self, _: Account) -> datetime | None:
        at: datetime | None = self.context["at"]
        return at


class EventSerializer(serializers.Serializer[Event]):
    """The event behind a transfer: its ``id``, in ``words``, and the ``ids`` of what can be opened.

    ``amount``, ``unit``, accounts, ``reason`` and moment are those that it says itself, null where
    it does not; ``moves`` is whether it should have moved points once, null: as often as need be.
    """

    kind = serializers.CharField(read_only=True)
    id = serializers.UUIDField(read_only=True)
    words = serializers.CharField(read_only=True)
    ids = serializers.DictField(child=serializers.UUIDField(), read_only=True)
    moves = serializers.BooleanField(read_only=True, allow_null=True)
    amount = serializers.IntegerField(read_only=True, allow_null=True)
    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True, allow_null=True)
    debit_kind = serializers.CharField(read_only=True, allow_null=True)
    debit_holder = serializers.CharField(read_only=True, allow_null=True)
    credit_kind = serializers.CharField(read_only=True, allow_null=True)
    credit_holder = serializers.CharField(read_only=True, allow_null=True)
    reason = serializers.CharField(read_only=True, allow_null=True)
    at = serializers.DateTimeField(read_only=True, allow_null=True)


class TransferSerializer(ReadSerializer[Transfer]):
    """A transfer as the books have it: ``amount`` left ``debit`` and reached ``credit``.

    ``event`` is what its source opens; null: nothing, which a verification finds.
    """

    unit = serializers.ChoiceField(source="debit.unit", choices=Unit.choices, read_only=True)
    reason_words = serializers.SerializerMethodField(help_text="In the language asked for.")
    debit = AccountSerializer(read_only=True)
    credit = AccountSerializer(read_only=True)
    event = serializers.SerializerMethodField()

    class Meta:
        model = Transfer
        fields: tuple[str, ...] = (
            "id",
            "key",
            "amount",
            "reason",
            "source",
            "occurred_at",
            "posted_at",
        )

    @staticmethod
    def context_of(*transfers: Transfer) -> dict[str, Any]:
        sources = [transfer.source for transfer in transfers]
        return {"events": opened(transfers[0].community_id, sources) if transfers else {}}

    def get_reason_words(self, transfer: Transfer) -> str:
        return words_for(transfer.reason)

    @extend_schema_field(EventSerializer(allow_null=True))
    def get_event(self, transfer: Transfer) -> object:
        event = self.context["events"].get(transfer.source)
        return event and EventSerializer(event).data


class ExplainedBooksTransferSerializer(WhySerializer, TransferSerializer):
    """A transfer with its explanation and the reversals of it."""


# --- what an address is about; to others than staff, managers and auditors it is nothing --------
watched = community(WATCHES_OVER)


def account(request: Request, **names: Any) -> Account:
    """Return one account of the books. Raises AccountUnknown."""
    return account_in(watched(request, **names), names["account_id"])


def transfer(request: Request, **names: Any) -> Transfer:
    """Return one transfer of the books. Raises TransferUnknown."""
    return transfer_in(watched(request, **names), names["transfer_id"])


def moment(request: Request, of: Community) -> datetime | None:
    """Return the moment that the query asks about, None for now. Raises ValidationError."""
    asked = request.query_params
    if "at" in asked and "day" in asked:
        raise ValidationError({"day": [_("Give either a moment or a day.")]})
    at: datetime | None = None
    if "day" in asked:
        at = end_of(read_parameter("day", DateField(), asked["day"]), of)
    elif "at" in asked:
        at = read_parameter("at", DateTimeField(), asked["at"])
    return at


def end_of(day: date, of: Community) -> datetime:
    """Return the last microsecond of ``day`` by the community's clock, in UTC."""
    next_day = datetime.combine(day + timedelta(days=1), time(), of.clock)
    return next_day.astimezone(UTC) - timedelta(microseconds=1)


def read_parameter(name: str, field: serializers.Field[Any, Any, Any, Any], given: str) -> Any:
    """Return what the query's parameter ``name`` says. Raises ValidationError."""
    try:
        return field.run_validation(given)
    except ValidationError as exc:
        raise ValidationError({name: exc.detail}) from exc


def balances(accounts: Iterable[Account]) -> dict[UUID, int]:
    """Return the balance of each account now."""
    return {pk: came_in - left for pk, (came_in, left) in totals_of(accounts).items()}


# --- accounts ---------------------------------------------------------------------------------
@from_replica
class AccountListView(ListView[Account]):
    """List all accounts, newest first: ``GET /api/v1/communities/{code}/accounts``."""

    serializer_class = AccountStandingSerializer
    filterset_class = AccountFilter
    finds = in_community(WATCHES_OVER, accounts_in)


@from_replica
class AccountView(APIView):
    """Open an account, now or then: ``GET /api/v1/communities/{code}/accounts/{account_id}``."""

    @extend_schema(parameters=[AT, DAY], responses=AccountAtSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        found = account(request, **named)
        at = moment(request, found.community)
        then = {found.pk: balance(found, at=at)} if at else balances([found])
        return Response(AccountAtSerializer(found, context={"balances": then, "at": at}).data)


@from_replica
class AccountStatementView(StatementView):
    """List what came into an account and left it, newest first.

    ``GET /api/v1/communities/{code}/accounts/{account_id}/transfers``
    """

    serializer_class = TransferSerializer
    finds = account


@from_replica
class AccountStatementExportView(ExportView):
    """Export the whole statement of an account as a file.

    ``GET /api/v1/communities/{code}/accounts/{account_id}/transfers.{format}``: ``csv`` or
    ``xlsx``, as the owner of a wallet gets it.
    """

    serializer_class = TransferSerializer
    finds = account


# --- transfers --------------------------------------------------------------------------------
@from_replica
class TransferListView(ListView[Transfer]):
    """List all transfers, newest first: ``GET /api/v1/communities/{code}/transfers``."""

    serializer_class = TransferSerializer
    filterset_class = TransferFilter
    finds = in_community(WATCHES_OVER, transfers_in)


@from_replica
class TransferExportView(ExportView):
    """Export all transfers of a community as a file.

    ``GET /api/v1/communities/{code}/transfers.{format}``. The format is ``csv`` or ``xlsx``, in the
    language asked for, with times by the community's clock. Above 500 lines a task makes the file:
    the answer is 202 until it is there, with ``Retry-After`` and, as ``Location``, where it will be
    for a day. ``export_too_large`` above 1,000,000 lines.
    """

    serializer_class = TransferSerializer
    filterset_class = TransferFilter
    finds = watched


@from_replica
class TransferView(OpenView[Transfer]):
    """Open a transfer with its explanation.

    ``GET /api/v1/communities/{code}/transfers/{transfer_id}``
    """

    serializer_class = ExplainedBooksTransferSerializer
    finds = transfer


@from_replica
class ProofView(OpenView[Transfer]):
    """Prove that a transfer is in the sealed books.

    ``GET /api/v1/communities/{code}/transfers/{transfer_id}/proof``: the receipt that its owner
    gets.
    """

    serializer_class = ReceiptSerializer
    finds = receipt_of(transfer)
