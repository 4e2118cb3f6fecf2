"""Why a transfer was made, and what was taken back of it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from points.awards.models import Award
from points.ledger.models import Reversal, Transfer
from points.rules.models import Rule, RuleVersion


class AwardInBriefSerializer(serializers.ModelSerializer[Award]):
    """``local_day`` is the day whose cap it counts for, by the community's clock."""

    class Meta:
        model = Award
        fields = ("source", "local_day", "points", "awarded_at")
        read_only_fields = fields


class PlaceSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)


class AppliedVersionSerializer(serializers.ModelSerializer[RuleVersion]):
    """The wording that was applied, and the place whose it is."""

    subject = serializers.ChoiceField(choices=Rule.Subject.choices, read_only=True)
    category = serializers.CharField(read_only=True)
    parameters = serializers.DictField(read_only=True)
    place = PlaceSerializer(read_only=True)

    class Meta:
        model = RuleVersion
        fields = (
            "rule_id",
            "subject",
            "category",
            "place",
            "number",
            "parameters",
            "valid_from",
            "valid_to",
        )
        read_only_fields = fields


class ReversalSerializer(serializers.ModelSerializer[Reversal]):
    """``amount`` was taken back: ``recovered`` so far, ``outstanding`` was spent before."""

    outstanding = serializers.IntegerField(read_only=True)

    class Meta:
        model = Reversal
        fields = ("id", "amount", "recovered", "outstanding", "reason", "requested_at")
        read_only_fields = fields


class ReversedSerializer(serializers.ModelSerializer[Transfer]):
    """The transfer, of ``amount``, that was taken back."""

    class Meta:
        model = Transfer
        fields = ("id", "amount", "reason", "source", "occurred_at", "posted_at")
        read_only_fields = fields


class WhySerializer(serializers.Serializer[Any]):
    """What stands beside an explained transfer: the context's ``why``, of ``selectors.explain``."""

    FIELDS = ("explanation", "award", "rule_version", "reversals", "reverses")

    explanation = serializers.DictField(
        read_only=True, help_text="For an award its rule, inputs and arithmetic."
    )
    award = serializers.SerializerMethodField(help_text="Null: it is none.")
    rule_version = serializers.SerializerMethodField(help_text="Of an award, as published.")
    reversals = serializers.SerializerMethodField(help_text="Of it, oldest first.")
    reverses = serializers.SerializerMethodField(help_text="What it takes back itself.")

    @extend_schema_field(AwardInBriefSerializer(allow_null=True))
    def get_award(self, _: Transfer) -> object:
        return self._told("award", AwardInBriefSerializer)

    @extend_schema_field(AppliedVersionSerializer(allow_null=True))
    def get_rule_version(self, _: Transfer) -> object:
        return self._told("rule_version", AppliedVersionSerializer)

    @extend_schema_field(ReversalSerializer(many=True))
    def get_reversals(self, _: Transfer) -> object:
        return ReversalSerializer(self.context["why"]["reversals"], many=True).data

    @extend_schema_field(ReversedSerializer(allow_null=True))
    def get_reverses(self, _: Transfer) -> object:
        return self._told("reverses", ReversedSerializer)

    def _told(self, name: str, shape: type[serializers.Serializer[Any]]) -> object:
        told = self.context["why"][name]
        return told and shape(told).data
