"""Shapes of an explained transfer: why it was made, and what was taken back of it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.api.serializers import ReadSerializer
from points.awards import reckoning
from points.awards.models import Award
from points.awards.selectors import explain
from points.ledger.models import Reversal, Transfer
from points.rules.models import Rule, RuleVersion


class AwardInBriefSerializer(ReadSerializer[Award]):
    """An award in brief. It counts for the daily cap of ``local_day``, by the community's clock."""

    class Meta:
        model = Award
        fields = ("source", "local_day", "unit", "amount", "awarded_at")


class RulePlaceSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)


class AppliedVersionSerializer(ReadSerializer[RuleVersion]):
    """The version of the rule that was applied, and the place that published it."""

    subject = serializers.ChoiceField(choices=Rule.Subject.choices, read_only=True)
    category = serializers.CharField(read_only=True)
    parameters = serializers.DictField(read_only=True)
    place = RulePlaceSerializer(read_only=True)

    class Meta:
        model = RuleVersion
        fields = ("rule_id", "number", "valid_from", "valid_to")


class ReversalSerializer(ReadSerializer[Reversal]):
    """A reversal of ``amount``: ``recovered`` so far, ``outstanding`` was spent before."""

    outstanding = serializers.IntegerField(read_only=True)

    class Meta:
        model = Reversal
        fields = ("id", "amount", "recovered", "reason", "requested_at")


class ReversedSerializer(ReadSerializer[Transfer]):
    """The transfer that was taken back, with its ``amount``."""

    class Meta:
        model = Transfer
        fields = ("id", "amount", "reason", "source", "occurred_at", "posted_at")


class WhySerializer(serializers.Serializer[Any]):
    """The explanation beside a transfer."""

    explanation = serializers.DictField(
        read_only=True, help_text="For an award its rule, inputs and arithmetic."
    )
    reckoning = serializers.SerializerMethodField(
        help_text="The arithmetic of an award in sentences, a step each."
    )
    award = AwardInBriefSerializer(
        source="why.award", read_only=True, allow_null=True, help_text="Null: it is none."
    )
    rule_version = AppliedVersionSerializer(
        source="why.rule_version",
        read_only=True,
        allow_null=True,
        help_text="Of an award, as published.",
    )
    reversals = ReversalSerializer(
        source="why.reversals", many=True, read_only=True, help_text="Of it, oldest first."
    )
    reverses = ReversedSerializer(
        source="why.reverses",
        read_only=True,
        allow_null=True,
        help_text="What it takes back itself.",
    )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_reckoning(self, transfer: Any) -> list[str]:
        return reckoning.in_words(transfer.why["arithmetic"])

    def to_representation(self, transfer: Any) -> Any:
        transfer.why = explain(transfer)
        return super().to_representation(transfer)
