"""Points that attendances and reports earned, read once for all records of an answer."""

from typing import Any, TypeVar

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.api.serializers import ReadSerializer
from points.awards.selectors import award_of, points_by_source
from points.kinds import Unit

Record = TypeVar("Record", bound=Model)


class AwardSerializer(serializers.Serializer[Any]):
    """An award and its explanation: the rule, its version, the inputs and the arithmetic."""

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    amount = serializers.IntegerField(read_only=True)
    explanation = serializers.DictField(read_only=True)


class PointsEarnedField(serializers.IntegerField):
    """Points that the record earned; null until it is verified, 0 once it is voided."""

    def to_representation(self, value: Any) -> Any:
        return self.context["points"].get(value)


class EarningSerializer(ReadSerializer[Record]):
    """A record that earns points once it is verified."""

    points = PointsEarnedField(source="award_source", read_only=True, allow_null=True)

    @classmethod
    def context_of(cls, *records: Any) -> dict[str, Any]:
        return {
            "points": points_by_source(
                {record.community_id for record in records},
                [record.award_source for record in records],
            )
        }


class AwardedSerializer(EarningSerializer[Record]):
    """A record that was just decided on, with its award; null if it earns none."""

    award = serializers.SerializerMethodField()

    @classmethod
    def context_of(cls, *records: Any) -> dict[str, Any]:
        (record,) = records
        award = award_of(record.community_id, record.award_source)
        return super().context_of(record) | {"award": award}

    @extend_schema_field(AwardSerializer(allow_null=True))
    def get_award(self, record: Any) -> object:
        return self.context["award"] and AwardSerializer(self.context["award"]).data
