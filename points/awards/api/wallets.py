"""Wallets and statements, for their owners."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.serializers import ReadSerializer
from backend.api.views import OpenView
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.models import Community
from backend.communities.selectors import communities_known_to, community_among
from backend.registries.events import Told, told
from backend.replica import from_replica
from points.awards.api.serializers import WhySerializer
from points.awards.api.statements import ExportView, StatementView
from points.expiry.selectors import losses_to_come
from points.kinds import AccountKind, Unit
from points.ledger.models import Account, Transfer
from points.ledger.selectors import transfer_of, wallet_of, wallets_of
from points.seals.api.serializers import ReceiptSerializer
from points.seals.api.views import receipt_of


class WalletSerializer(serializers.Serializer[Any]):
    """One person's points in one community: ``available`` is ``balance`` less ``held``.

    ``shortfall`` was taken back after it was spent; what is earned next repays it first.
    """

    community = CommunityInBriefSerializer(read_only=True)
    balance = serializers.IntegerField(read_only=True)
    held = serializers.IntegerField(read_only=True)
    available = serializers.IntegerField(read_only=True)
    shortfall = serializers.IntegerField(read_only=True)


class ExpiringSerializer(serializers.Serializer[Any]):
    """Points that can be spent until the end of ``expires_on``, by the community's clock."""

    expires_on = serializers.DateField(read_only=True)
    points = serializers.IntegerField(read_only=True)


class WalletInFullSerializer(WalletSerializer):
    """A wallet with the points that will expire if nothing is spent, the nearest day first."""

    expiring = ExpiringSerializer(many=True, read_only=True)


class AboutSerializer(serializers.Serializer[Told]):
    """The event behind a transfer, in ``words``, with the ``ids`` of what can be opened."""

    words = serializers.CharField(read_only=True)
    ids = serializers.DictField(child=serializers.UUIDField(), read_only=True)


class WalletTransferSerializer(ReadSerializer[Transfer]):
    """A transfer as the owner of a wallet sees it; ``about`` is null if its event is not known."""

    about = serializers.SerializerMethodField()
    amount = serializers.IntegerField(
        source="brought",
        read_only=True,
        help_text="Whole points: above zero they came in, below zero they went out.",
    )
    expires_on = serializers.DateField(
        read_only=True,
        allow_null=True,
        help_text="The last day on which what came in can be spent; null: for good.",
    )

    class Meta:
        model = Transfer
        fields: tuple[str, ...] = ("id", "reason", "source", "occurred_at", "posted_at")

    @staticmethod
    def context_of(*lines: Transfer) -> dict[str, Any]:
        sources = [line.source for line in lines]
        return {"about": told(lines[0].community_id, sources) if lines else {}}

    @extend_schema_field(AboutSerializer(allow_null=True))
    def get_about(self, transfer: Transfer) -> object:
        about = self.context["about"].get(transfer.source)
        return about and AboutSerializer(about).data


class ExplainedTransferSerializer(WhySerializer, WalletTransferSerializer):
    """A transfer with its explanation and the reversals of it."""

    community = CommunityInBriefSerializer(read_only=True)


# --- what an address is about -----------------------------------------------------------------
def known_community(request: Request, **names: Any) -> Community:
    """Return the community ``code`` if the caller is or was a volunteer there."""
    return community_among(communities_known_to(signed_in(request)), names["code"])


def my_wallet(request: Request, **names: Any) -> Account:
    """Return the caller's wallet in the community, unsaved if they never earned anything there."""
    community = known_community(request, **names)
    wallet = wallet_of(community.pk, signed_in(request).pk)
    wallet = wallet or Account(kind=AccountKind.WALLET, unit=Unit.POINTS)
    wallet.community = community
    return wallet


def my_transfer(request: Request, **names: Any) -> Transfer:
    """Return a transfer of the caller's wallets. Raises TransferUnknown."""
    return transfer_of(signed_in(request).pk, names["transfer_id"])


def _wallets(user: User, communities: Sequence[Community]) -> list[dict[str, Any]]:
    """Return the points that ``user`` has in each community; 0 where nothing was earned.

    Points that are over by the community's clock are left out, whether or not that was posted.
    """
    opened = wallets_of([community.pk for community in communities], user.pk)
    losses = losses_to_come(opened.values())
    rows = []
    for community in communities:
        today, wallet = community.today, opened.get(community.pk) or Account()
        lost = losses.get(wallet.pk, [])
        over = sum(points for day, points in lost if day < today)
        rows.append(
            {
                "community": community,
                "balance": wallet.credits - wallet.debits - over,
                "held": wallet.held,
                "available": wallet.available - over,
                "shortfall": wallet.shortfall,
                "expiring": [
                    {"expires_on": day, "points": points} for day, points in lost if day >= today
                ],
            }
        )
    return rows


# --- views ------------------------------------------------------------------------------------
@from_replica
class MyWalletListView(ListAPIView[Community]):
    """List my points in each community where I volunteer or did: ``GET /api/v1/me/wallets``."""

    serializer_class = WalletSerializer
    queryset = Community.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = signed_in(request)
        page = self.paginate_queryset(communities_known_to(user)) or []
        rows = _wallets(user, page)
        return self.get_paginated_response(WalletSerializer(rows, many=True).data)


@from_replica
class MyWalletView(APIView):
    """Show my points in one community: ``GET /api/v1/me/wallets/{code}``."""

    @extend_schema(responses=WalletInFullSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        (row,) = _wallets(signed_in(request), [known_community(request, **named)])
        return Response(WalletInFullSerializer(row).data)


@from_replica
class MyStatementView(StatementView):
    """List what came into my wallet and left it: ``GET /api/v1/me/wallets/{code}/transfers``.

    Each line says what it is ``about`` in words: the shop and the item, the activity.
    """

    serializer_class = WalletTransferSerializer
    finds = my_wallet


@from_replica
class MyStatementExportView(ExportView):
    """Export my statement as a file: ``GET /api/v1/me/wallets/{code}/transfers.{format}``.

    The format is ``csv`` or ``xlsx``, in the language asked for, with times by the community's
    clock. Each line has the balance after it unless filters leave some out. Above 500 lines a task
    makes the file: 202 until it is there, with ``Retry-After`` and, as ``Location``, where it will
    be for a day. ``export_too_large`` above 1,000,000 lines.
    """

    serializer_class = WalletTransferSerializer
    finds = my_wallet


@from_replica
class MyTransferView(OpenView[Transfer]):
    """Open a line of my statement, explained: ``GET /api/v1/me/transfers/{transfer_id}``."""

    serializer_class = ExplainedTransferSerializer
    finds = my_transfer


@from_replica
class MyProofView(OpenView[Transfer]):
    """Prove a transfer to be sealed: ``GET /api/v1/me/transfers/{transfer_id}/proof``.

    ``points/verify_receipt.py`` checks the receipt against the published seals, without our help.
    ``not_sealed_yet`` for a few minutes after the transfer.
    """

    serializer_class = ReceiptSerializer
    finds = receipt_of(my_transfer)
