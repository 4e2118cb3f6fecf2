"""What the statement of an account is to its owner and to an auditor."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.communities.models import Community
from backend.documents import api as documents
from backend.registries import sources
from points.awards.api import exports
from points.ledger import selectors
from points.ledger.api.filters import StatementFilter
from points.ledger.models import Account, Transfer


class OfAccount(APIView):
    """Account statements: who asks, and by which address, decides whose it is."""

    @property
    @abstractmethod
    def community(self) -> Community:
        """Whose clock counts."""

    @property
    @abstractmethod
    def account(self) -> Account:
        """Whose statement it is."""


class StatementView(OfAccount, ListAPIView[Transfer]):
    """A page of it."""

    filterset_class = StatementFilter
    queryset = Transfer.objects.none()
    about_page: dict[str, sources.Told]

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        transfers = self.filter_queryset(selectors.transfers_in(self.community))
        statement: Any = selectors.statement(self.account, transfers)  # all that paging asks for
        page = self.paginate_queryset(statement) or []
        self.about_page = self.about(page)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        return {**context, "wallet": self.account, "about": self.about_page}

    def about(self, page: Sequence[Transfer]) -> dict[str, sources.Told]:
        """Return what the sources of a page's lines are, in words."""
        return {}


class StatementExportView(OfAccount, GenericAPIView[Transfer]):
    """Write the account statement as a file; the address says of which format."""

    filterset_class = StatementFilter
    queryset = Transfer.objects.none()

    @extend_schema(filters=True, responses=documents.LATER)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        transfers = self.filter_queryset(selectors.transfers_of(self.account))
        return exports.answer(
            request,
            transfers,
            community=self.community,
            filterset=self.filterset_class,
            account=self.account,
        )
