"""Wallets and statements, for their owners."""

from collections.abc import Collection, Sequence
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.communities.models import Community
from backend.communities.selectors import communities_known_to, community_among
from backend.registries import sources
from points.awards import selectors
from points.awards.api.statements import OfAccount, StatementExportView, StatementView
from points.awards.api.wallet_serializers import (
    ExplainedTransferSerializer,
    WalletInFullSerializer,
    WalletSerializer,
    WalletTransferSerializer,
)
from points.expiry.selectors import losses_to_come
from points.kinds import AccountKind, Unit
from points.ledger.models import Account, Transfer
from points.ledger.selectors import transfer_of, wallet_of, wallets_of
from points.seals.api.serializers import ReceiptSerializer
from points.seals.services import sealing


def _row(
    community: Community, wallet: Account | None, losses: Collection[tuple[date, int]]
) -> dict[str, Any]:
    """Somebody's points there; who never earned any has 0.

    What is over by the community's clock is gone, whether or not that has been posted.
    """
    today = community.today
    over = sum(points for day, points in losses if day < today)
    return {
        "community": community,
        "balance": wallet.credits - wallet.debits - over if wallet else 0,
        "held": wallet.held if wallet else 0,
        "available": wallet.available - over if wallet else 0,
        "shortfall": wallet.shortfall if wallet else 0,
        "expiring": [
            {"expires_on": day, "points": points} for day, points in losses if day >= today
        ],
    }


class MyWalletListView(ListAPIView[Community]):
    """My points in each community where I volunteer or did: ``GET /api/v1/me/wallets``."""

    serializer_class = WalletSerializer
    queryset = Community.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = signed_in(request)
        page = self.paginate_queryset(communities_known_to(user)) or []
        opened = wallets_of([community.pk for community in page], user.pk)
        losses = losses_to_come(opened.values())
        rows = []
        for community in page:
            wallet = opened.get(community.pk)
            rows.append(_row(community, wallet, losses[wallet.pk] if wallet else []))
        return self.get_paginated_response(WalletSerializer(rows, many=True).data)


class MyWalletView(APIView):
    """My points in one community: ``GET /api/v1/me/wallets/{code}``."""

    @extend_schema(responses=WalletInFullSerializer)
    def get(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = community_among(communities_known_to(user), code)
        wallet = wallet_of(community.pk, user.pk)
        losses = losses_to_come([wallet])[wallet.pk] if wallet else []
        row = _row(community, wallet, losses)
        return Response(WalletInFullSerializer(row).data)


class MyWallet(OfAccount):
    """The wallet that an address under ``me/wallets/{code}`` is about."""

    @cached_property
    def community(self) -> Community:
        return community_among(communities_known_to(signed_in(self.request)), self.kwargs["code"])

    @cached_property
    def account(self) -> Account:
        wallet = wallet_of(self.community.pk, signed_in(self.request).pk)
        # Who never earned anything there has the statement of one that was never opened.
        return wallet or Account(
            community=self.community, kind=AccountKind.WALLET, unit=Unit.POINTS
        )


class MyStatementView(MyWallet, StatementView):
    """Lists what came into my wallet and left it: ``GET /api/v1/me/wallets/{code}/transfers``.

    Each line says what it is ``about`` in words: the shop and the item, the activity.
    """

    serializer_class = WalletTransferSerializer

    def about(self, page: Sequence[Transfer]) -> dict[str, sources.Told]:
        return sources.told(self.community.pk, [transfer.source for transfer in page])


class MyStatementExportView(MyWallet, StatementExportView):
    """My statement as a file, all of it: ``GET /api/v1/me/wallets/{code}/transfers.{format}``.

    ``csv`` or ``xlsx``, in the language asked for, times by the community's clock; each line with
    the balance after it unless filters leave some out. Above 500 lines a task makes it: 202 until
    it is there, with ``Retry-After`` and, as ``Location``, where it will be for a day. Refused with
    ``export_too_large`` above 1,000,000 lines, or with ``too_many_documents``.
    """


class MyTransferView(APIView):
    """One line of my statement, explained: ``GET /api/v1/me/transfers/{transfer_id}``."""

    @extend_schema(responses=ExplainedTransferSerializer)
    def get(self, request: Request, transfer_id: UUID) -> Response:
        transfer, wallet = transfer_of(signed_in(request).pk, transfer_id)
        context = {
            "wallet": wallet,
            "why": selectors.explain(transfer),
            "about": sources.told(transfer.community_id, [transfer.source]),
        }
        return Response(ExplainedTransferSerializer(transfer, context=context).data)


class MyProofView(APIView):
    """That it is in the sealed books: ``GET /api/v1/me/transfers/{transfer_id}/proof``.

    A receipt that ``points/verify_receipt.py`` checks against the published seals, without us.
    Refused with ``not_sealed_yet``, a few minutes long.
    """

    @extend_schema(responses=ReceiptSerializer)
    def get(self, request: Request, transfer_id: UUID) -> Response:
        transfer, _ = transfer_of(signed_in(request).pk, transfer_id)
        return Response(ReceiptSerializer(sealing.receipt(transfer)).data)
