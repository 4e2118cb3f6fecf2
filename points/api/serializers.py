"""Shapes of wallets and transfers."""

from typing import Any

from rest_framework import serializers

from backend.communities.api.serializers import CommunityInBriefSerializer
from points.models import Account, Transfer, Unit


class WalletSerializer(serializers.Serializer[Any]):
    """One person's points in one community: ``available`` is ``balance`` less ``held``."""

    community = CommunityInBriefSerializer(read_only=True)
    balance = serializers.IntegerField(read_only=True)
    held = serializers.IntegerField(read_only=True)
    available = serializers.IntegerField(read_only=True)


class WalletTransferSerializer(serializers.ModelSerializer[Transfer]):
    """A transfer as the owner of a wallet sees it."""

    amount = serializers.SerializerMethodField(
        help_text="Whole points: above zero they came in, below zero they went out."
    )

    class Meta:
        model = Transfer
        fields = ("id", "amount", "reason", "source", "occurred_at", "posted_at")
        read_only_fields = fields

    def get_amount(self, transfer: Transfer) -> int:
        # The context says whose wallet it is.
        came_in = transfer.credit_id == self.context["wallet"].pk
        return transfer.amount if came_in else -transfer.amount


class ExplainedTransferSerializer(WalletTransferSerializer):
    """The same with its reasons: for an award the rule, its version, inputs and arithmetic."""

    community = CommunityInBriefSerializer(read_only=True)
    explanation = serializers.DictField(read_only=True)

    class Meta(WalletTransferSerializer.Meta):
        fields = (  # type: ignore[assignment]
            "id",
            "community",
            "amount",
            "reason",
            "source",
            "occurred_at",
            "posted_at",
            "explanation",
        )
        read_only_fields = fields  # type: ignore[assignment]


class AccountSerializer(serializers.ModelSerializer[Account]):
    """Whose it is stays opaque: ``person:…`` is an id, not a name."""

    class Meta:
        model = Account
        fields = ("kind", "holder")
        read_only_fields = fields


class TransferSerializer(serializers.ModelSerializer[Transfer]):
    """A transfer as the books have it: ``amount`` left ``debit`` and reached ``credit``."""

    debit = AccountSerializer(read_only=True)
    credit = AccountSerializer(read_only=True)

    class Meta:
        model = Transfer
        fields = (
            "id",
            "debit",
            "credit",
            "amount",
            "reason",
            "source",
            "occurred_at",
            "posted_at",
        )
        read_only_fields = fields


class TotalsSerializer(serializers.Serializer[Any]):
    """All accounts of a community by kind, as credits less debits: together they are zero."""

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    totals = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    sum = serializers.IntegerField(read_only=True)
