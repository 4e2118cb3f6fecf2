"""Shapes of wallets and their statements."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.registries.sources import Told
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
    """A wallet with what will expire when, if nothing is spent before; the nearest day first."""

    expiring = ExpiringSerializer(many=True, read_only=True)


class AboutSerializer(serializers.Serializer[Told]):
    """What a transfer is about, in ``words``, and the ``ids`` of what can be opened."""

    words = serializers.CharField(read_only=True)
    ids = serializers.DictField(child=serializers.UUIDField(), read_only=True)


class WalletTransferSerializer(serializers.ModelSerializer[Transfer]):
    """A transfer as the owner of a wallet sees it; ``about`` is null where nobody can tell."""

    about = serializers.SerializerMethodField()

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
            "about",
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

    @extend_schema_field(AboutSerializer(allow_null=True))
    def get_about(self, transfer: Transfer) -> object:
        # The context's "about": what is told of each source.
        told = self.context["about"].get(transfer.source)
        return told and AboutSerializer(told).data

    def get_amount(self, transfer: Transfer) -> int:
        # The context says whose wallet it is.
        came_in = transfer.credit_id == self.context["wallet"].pk
        return transfer.amount if came_in else -transfer.amount


class ExplainedTransferSerializer(WhySerializer, WalletTransferSerializer):
    """A transfer with its reasons, and what was taken back of it."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta(WalletTransferSerializer.Meta):
        fields = (*WalletTransferSerializer.Meta.fields, "community", *WhySerializer.FIELDS)
        read_only_fields = fields
