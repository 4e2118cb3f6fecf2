"""The statement of an account, for its owner and for auditors."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import tell
from backend.api.views import ListView, OpenView
from backend.documents import api as documents
from points.awards.api import exports
from points.awards.api.filters import StatementFilter
from points.ledger.models import Account, Transfer
from points.ledger.selectors import statement, transfers_in, transfers_of


class StatementView(ListView[Transfer]):
    """List view of the transfers of the account that ``finds`` finds: ``GET``."""

    filterset_class = StatementFilter

    def list(self, request: Request, *args: Any, **named: Any) -> Response:
        account: Any = self.finds(request, **named)
        among = self.filter_queryset(transfers_in(account.community))
        lines: Any = statement(account, among)  # all that paging asks for
        page = self.paginate_queryset(lines)
        told = tell(self.get_serializer_class(), request, page, many=True)
        return self.get_paginated_response(told)


class ExportView(OpenView[Transfer]):
    """View that exports the transfers of the account or community that ``finds`` finds: ``GET``."""

    filterset_class = StatementFilter

    @extend_schema(filters=True, responses=documents.LATER)
    def get(self, request: Request, **named: Any) -> HttpResponseBase:  # type: ignore[override]
        of: Any = self.finds(request, **named)
        transfers = transfers_of(of) if isinstance(of, Account) else transfers_in(of)
        return exports.answer(
            request, of, self.filter_queryset(transfers), filterset=self.filterset_class
        )
