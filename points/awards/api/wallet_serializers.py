"""Shapes of wallets and their statements."""

from typing import Any, ClassVar

from rest_framework import serializers

from backend.communities.api.serializers import CommunityInBriefSerializer
from points.awards.api.serializers import WhySerializer
from points.ledger.models import Transfer


class WalletSerializer(serializers.Serializer[Any]):
    """One person's points in one community: ``available`` is ``balance`` less ``held``.

    ``shortfall`` was taken back after it was spent: what is earned next repays it first.
    """

    community = CommunityInBriefSerializer(read_only=True)
    balance = serializers.IntegerField(read_only=True)
    held = serializers.IntegerField(read_only=True)
    available = serializers.IntegerField(read_only=True)
    shortfall = serializers.IntegerField(read_only=True)


class ExpiringSerializer(serializers.Serializer[Any]):
    """Points that can be spent until the end of a day, the community's own."""

    expires_on = serializers.DateField(read_only=True)
    points = serializers.IntegerField(read_only=True)


class WalletInFullSerializer(WalletSerializer):
    """The same with what will expire when, if nothing is spent before; the nearest day first."""

    expiring = ExpiringSerializer(many=True, read_only=True)


class WalletTransferSerializer(serializers.ModelSerializer[Transfer]):
    """A transfer as the owner of a wallet sees it."""

    amount = serializers.SerializerMethodField(
        help_text="Whole points: above zero they came in, below zero they went out."
    )

    class Meta:
        model = Transfer
        fields: tuple[str, ...] = (
            "id",
            "amount",
            "reason",
            "source",
            "occurred_at",
            "posted_at",
            "expires_on",
        )
        read_only_fields = fields
        extra_kwargs: ClassVar = {
            "expires_on": {
                "help_text": "The last day on which what came in can be spent; null: for good."
            }
        }

    def get_amount(self, transfer: Transfer) -> int:
        # The context says whose wallet it is.
        came_in = transfer.credit_id == self.context["wallet"].pk
        return transfer.amount if came_in else -transfer.amount


class ExplainedTransferSerializer(WhySerializer, WalletTransferSerializer):
    """The same with its reasons, and what was taken back of it."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta(WalletTransferSerializer.Meta):
        fields = (*WalletTransferSerializer.Meta.fields, "community", *WhySerializer.FIELDS)
        read_only_fields = fields
