"""The books, for staff and auditors."""

from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import DateTimeField
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER, communities_where, community_among
from backend.documents import api as documents
from points.awards import selectors
from points.awards.api import exports
from points.awards.api.statements import OfAccount, StatementExportView, StatementView
from points.ledger.api.filters import AccountFilter, TransferFilter
from points.ledger.api.serializers import (
    AccountAtSerializer,
    AccountStandingSerializer,
    ExplainedBooksTransferSerializer,
    TransferSerializer,
    TrialBalanceSerializer,
)
from points.ledger.models import Account, Transfer
from points.ledger.selectors import (
    account_in,
    accounts_in,
    balance,
    totals_of,
    transfer_in,
    transfers_in,
    trial_balance,
)
from points.seals.api.serializers import ReceiptSerializer
from points.seals.services import sealing

AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    description="As of this moment, with its offset from UTC; else now.",
)


class Books(APIView):
    """The books that an address under ``communities/{code}`` is about.

    For staff, managers and auditors; to others there is no such community.
    """

    @cached_property
    def community(self) -> Community:
        watched = communities_where(signed_in(self.request), WATCHES_OVER)
        return community_among(watched, self.kwargs["code"])

    @property
    def at(self) -> datetime | None:
        """The moment asked about, if any."""
        asked = self.request.query_params.get("at")
        if asked is None:
            return None
        try:
            moment: datetime = DateTimeField().run_validation(asked)
            return moment
        except ValidationError as exc:
            raise ValidationError({"at": exc.detail}) from exc


class BooksAccount(Books, OfAccount):
    """One account of theirs."""

    @cached_property
    def account(self) -> Account:
        return account_in(self.community, self.kwargs["account_id"])


# --- accounts ---------------------------------------------------------------------------------
class AccountListView(Books, ListAPIView[Account]):
    """All accounts, newest first: ``GET /api/v1/communities/{code}/accounts``."""

    serializer_class = AccountStandingSerializer
    filterset_class = AccountFilter
    queryset = Account.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        accounts = self.filter_queryset(accounts_in(self.community))
        page = self.paginate_queryset(accounts) or []
        context = {"balances": balances(page)}
        rows = AccountStandingSerializer(page, many=True, context=context).data
        return self.get_paginated_response(rows)


class AccountView(BooksAccount):
    """One of them, now or then: ``GET /api/v1/communities/{code}/accounts/{account_id}``."""

    @extend_schema(parameters=[AT], responses=AccountAtSerializer)
    def get(self, request: Request, code: str, account_id: UUID) -> Response:
        if at := self.at:
            then = {self.account.pk: balance(self.account, at=at)}
        else:
            then = balances([self.account])
        context = {"balances": then, "at": at}
        return Response(AccountAtSerializer(self.account, context=context).data)


def balances(accounts: list[Account]) -> dict[UUID, int]:
    """What is in each now."""
    totals = totals_of(accounts)
    return {pk: came_in - went_out for pk, (came_in, went_out) in totals.items()}


class AccountStatementView(BooksAccount, StatementView):
    """What came in and left it, newest first.

    ``GET /api/v1/communities/{code}/accounts/{account_id}/transfers``
    """

    serializer_class = TransferSerializer


class AccountStatementExportView(BooksAccount, StatementExportView):
    """Write the statement of an account as a file, all of it.

    ``GET /api/v1/communities/{code}/accounts/{account_id}/transfers.{format}``: ``csv`` or
    ``xlsx``, as the owner of a wallet gets it. Refused with ``export_too_large``,
    ``too_many_documents``.
    """


class TrialBalanceView(Books):
    """All there is by kind, now or then: ``GET /api/v1/communities/{code}/trial-balance``."""

    @extend_schema(parameters=[AT], responses=TrialBalanceSerializer)
    def get(self, request: Request, code: str) -> Response:
        at = self.at
        lines = trial_balance(self.community, at=at)
        sums = []
        for unit, of_unit in groupby(lines, key=lambda line: line.unit):
            kinds = list(of_unit)
            sums.append(
                {
                    "unit": unit,
                    "debits": sum(line.debits for line in kinds),
                    "credits": sum(line.credits for line in kinds),
                }
            )
        body = {"at": at, "lines": lines, "sums": sums}
        return Response(TrialBalanceSerializer(body).data)


# --- transfers --------------------------------------------------------------------------------
class TransferListView(Books, ListAPIView[Transfer]):
    """Everything that moved, newest first: ``GET /api/v1/communities/{code}/transfers``."""

    serializer_class = TransferSerializer
    filterset_class = TransferFilter
    queryset = Transfer.objects.none()

    def get_queryset(self) -> QuerySet[Transfer]:
        return transfers_in(self.community)


class TransferExportView(Books, GenericAPIView[Transfer]):
    """Write the transfers of a community as a file, all of them.

    ``GET /api/v1/communities/{code}/transfers.{format}``.

    ``csv`` or ``xlsx``, in the language asked for, times by the community's clock. Above 500 lines
    a task makes it: 202 until it is there, with ``Retry-After`` and, as ``Location``, where it
    will be for a day. Refused with ``export_too_large`` above 1,000,000 lines, or with
    ``too_many_documents``.
    """

    filterset_class = TransferFilter
    queryset = Transfer.objects.none()

    @extend_schema(filters=True, responses=documents.LATER)
    def get(self, request: Request, code: str) -> HttpResponseBase:
        transfers = self.filter_queryset(transfers_in(self.community))
        return exports.answer(
            request, transfers, community=self.community, filterset=self.filterset_class
        )


class TransferView(Books):
    """One of them, explained: ``GET /api/v1/communities/{code}/transfers/{transfer_id}``."""

    @extend_schema(responses=ExplainedBooksTransferSerializer)
    def get(self, request: Request, code: str, transfer_id: UUID) -> Response:
        transfer = transfer_in(self.community, transfer_id)
        context = {"why": selectors.explain(transfer)}
        return Response(ExplainedBooksTransferSerializer(transfer, context=context).data)


class ProofView(Books):
    """That it is in the sealed books.

    ``GET /api/v1/communities/{code}/transfers/{transfer_id}/proof``: the receipt that its owner
    gets. Refused with ``not_sealed_yet``.
    """

    @extend_schema(responses=ReceiptSerializer)
    def get(self, request: Request, code: str, transfer_id: UUID) -> Response:
        transfer = transfer_in(self.community, transfer_id)
        return Response(ReceiptSerializer(sealing.receipt(transfer)).data)
