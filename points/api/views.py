"""Wallets and statements for their owners, the books for staff and auditors."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.communities.models import Community
from backend.communities.selectors import (
    WATCHES_OVER,
    communities_of,
    communities_where,
    community_among,
)
from points import selectors
from points.api.filters import TransferFilter
from points.api.serializers import (
    ExplainedTransferSerializer,
    TotalsSerializer,
    TransferSerializer,
    WalletSerializer,
    WalletTransferSerializer,
)
from points.models import Transfer, Unit


def wallets(user: User, communities: Iterable[Community]) -> list[dict[str, Any]]:
    """``user``'s points in each of ``communities``; who never earned any there has 0."""
    communities = list(communities)
    opened = selectors.wallets_of([community.pk for community in communities], user.pk)
    rows = []
    for community in communities:
        wallet = opened.get(community.pk)
        rows.append(
            {
                "community": community,
                "balance": wallet.credits - wallet.debits if wallet else 0,
                "held": wallet.held if wallet else 0,
                "available": wallet.available if wallet else 0,
            }
        )
    return rows


class MyWalletListView(ListAPIView[Community]):
    """My points in each community where I volunteer: ``GET /api/v1/me/wallets``."""

    serializer_class = WalletSerializer
    queryset = Community.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = signed_in(request)
        page = self.paginate_queryset(communities_of(user)) or []
        rows = WalletSerializer(wallets(user, page), many=True).data
        return self.get_paginated_response(rows)


class MyWalletView(APIView):
    """My points in one community: ``GET /api/v1/me/wallets/{code}``."""

    @extend_schema(responses=WalletSerializer)
    def get(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = community_among(communities_of(user), code)
        (row,) = wallets(user, [community])
        return Response(WalletSerializer(row).data)


class MyStatementView(ListAPIView[Transfer]):
    """What came into my wallet and left it: ``GET /api/v1/me/wallets/{code}/transfers``."""

    serializer_class = WalletTransferSerializer
    queryset = Transfer.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = signed_in(request)
        community = community_among(communities_of(user), kwargs["code"])
        wallet = selectors.wallet_of(community.pk, user.pk)
        transfers = selectors.transfers_of(wallet) if wallet else Transfer.objects.none()
        page = self.paginate_queryset(transfers) or []
        lines = WalletTransferSerializer(page, many=True, context={"wallet": wallet}).data
        return self.get_paginated_response(lines)


class MyTransferView(APIView):
    """One line of my statement, explained: ``GET /api/v1/me/transfers/{transfer_id}``."""

    @extend_schema(responses=ExplainedTransferSerializer)
    def get(self, request: Request, transfer_id: UUID) -> Response:
        transfer, wallet = selectors.transfer_of(signed_in(request).pk, transfer_id)
        return Response(ExplainedTransferSerializer(transfer, context={"wallet": wallet}).data)


class TotalsView(APIView):
    """The books at a glance: ``GET /api/v1/communities/{code}/accounts/totals``.

    For staff, managers and auditors.
    """

    @extend_schema(responses=TotalsSerializer)
    def get(self, request: Request, code: str) -> Response:
        community = community_among(communities_where(signed_in(request), WATCHES_OVER), code)
        totals = selectors.totals_by_kind(community, Unit.POINTS)
        body = {"unit": Unit.POINTS, "totals": totals, "sum": sum(totals.values())}
        return Response(TotalsSerializer(body).data)


class TransferListView(ListAPIView[Transfer]):
    """Everything that moved, newest first: ``GET /api/v1/communities/{code}/transfers``.

    For staff, managers and auditors.
    """

    serializer_class = TransferSerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_class = TransferFilter
    queryset = Transfer.objects.none()

    def get_queryset(self) -> QuerySet[Transfer]:
        user = signed_in(self.request)
        community = community_among(communities_where(user, WATCHES_OVER), self.kwargs["code"])
        return selectors.transfers_in(community)
