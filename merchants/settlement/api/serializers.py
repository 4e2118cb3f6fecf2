"""Shapes of offers, vouchers and statements."""

from typing import Any

from rest_framework import serializers

from backend.api.fields import CharField, DateField
from merchants.partners.api.serializers import (
    ColleagueSerializer,
    PartnerCommunitySerializer,
    PartnerSerializer,
)
from merchants.settlement.models.statements import Statement


class ServiceSerializer(serializers.Serializer[Any]):
    """What volunteers did for the merchant in one activity: never worth money."""

    activity_id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(read_only=True)
    volunteers = serializers.IntegerField(read_only=True)
    minutes = serializers.IntegerField(read_only=True)


class StatementSerializer(serializers.ModelSerializer[Statement]):
    """What the merchant sees. The end of the period is not part of it.

    ``points`` and ``amount_fen`` are of its lines, refunds taken off; ``carried_fen``, 0 or less,
    is left over from the statement before, and ``due_fen`` is what is paid. From approval on there
    are a ``number`` and a ``digest`` (SHA-256) of all of it.
    """

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    number = serializers.CharField(read_only=True)
    due_fen = serializers.IntegerField(read_only=True)
    services = ServiceSerializer(many=True, read_only=True)

    class Meta:
        model = Statement
        fields: tuple[str, ...] = (
            "id",
            "merchant",
            "community",
            "period_start",
            "period_end",
            "status",
            "number",
            "redemptions_count",
            "refunds_count",
            "points",
            "amount_fen",
            "carried_fen",
            "due_fen",
            "services",
            "digest",
            "drafted_at",
            "approved_at",
            "paid_at",
            "payment_reference",
        )
        read_only_fields = fields


class HandledStatementSerializer(StatementSerializer):
    """What staff and auditors see: also who did what; nobody drafted it if it was the night."""

    drafted_by = ColleagueSerializer(read_only=True, allow_null=True)
    approved_by = ColleagueSerializer(read_only=True, allow_null=True)
    paid_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(StatementSerializer.Meta):
        fields = (*StatementSerializer.Meta.fields, "drafted_by", "approved_by", "paid_by")
        read_only_fields = fields


class PeriodSerializer(serializers.Serializer[Any]):
    """The community's days; the end is not part of the period."""

    period_start = DateField()
    period_end = DateField()


class PaymentSerializer(serializers.Serializer[Any]):
    """``reference`` is the bank's, for instance; nothing is paid to who donates."""

    reference = CharField(max_length=64, allow_blank=True, default="")
