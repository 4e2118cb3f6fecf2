"""Shapes of activities, shifts, attendances and reports."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.api.serializers import PersonSerializer
from backend.api.fields import CharField, DateTimeField, TextField
from backend.communities.api.serializers import CommunityInBriefSerializer
from volunteers.activities.api.serializers import ShiftInBriefSerializer
from volunteers.attendance.models import Attendance, RefusedClaim


# --- attendances ------------------------------------------------------------------------------
class AwardSerializer(serializers.Serializer[Any]):
    """What a record earned, and why: the rule, its version, the inputs and the arithmetic."""

    points = serializers.IntegerField(read_only=True)
    explanation = serializers.DictField(read_only=True)


class PointsEarnedField(serializers.IntegerField):
    """What the record earned, null until it was verified; earnings.py puts it in the context."""

    def __init__(self) -> None:
        super().__init__(source="award_source", read_only=True, allow_null=True)

    def to_representation(self, value: Any) -> Any:
        return self.context["points"].get(value)


class RefusedClaimSerializer(serializers.ModelSerializer[RefusedClaim]):
    """What a phone told later and was not believed."""

    class Meta:
        model = RefusedClaim
        fields = ("act", "claimed_at", "nonce", "refused_as", "told_at")
        read_only_fields = fields


class AttendanceSerializer(serializers.ModelSerializer[Attendance]):
    community = CommunityInBriefSerializer(read_only=True)
    shift = ShiftInBriefSerializer(read_only=True)
    points = PointsEarnedField()
    refused_claims = serializers.SerializerMethodField()

    class Meta:
        model = Attendance
        fields: tuple[str, ...] = (
            "id",
            "community",
            "shift",
            "status",
            "checked_in_at",
            "checked_out_at",
            "worked_minutes",
            "was_offline",
            "check_out_was_forgotten",
            "check_in_claimed_at",
            "check_in_mark",
            "check_out_claimed_at",
            "check_out_mark",
            "refused_claims",
            "verified_at",
            "rejected_because",
            "points",
        )
        read_only_fields = fields

    @extend_schema_field(RefusedClaimSerializer(many=True))
    def get_refused_claims(self, attendance: Attendance) -> object:
        claims = self.context["refused_claims"][attendance.pk]
        return RefusedClaimSerializer(claims, many=True).data


class WatchedAttendanceSerializer(AttendanceSerializer):
    """As staff and auditors see it."""

    volunteer = PersonSerializer(read_only=True)

    class Meta(AttendanceSerializer.Meta):
        fields = (*AttendanceSerializer.Meta.fields, "volunteer")
        read_only_fields = fields


class VerifiedAttendanceSerializer(WatchedAttendanceSerializer):
    """The same with what it has just earned."""

    award = serializers.SerializerMethodField()

    class Meta(WatchedAttendanceSerializer.Meta):
        fields = (*WatchedAttendanceSerializer.Meta.fields, "award")
        read_only_fields = fields

    @extend_schema_field(AwardSerializer)
    def get_award(self, attendance: Attendance) -> object:
        return AwardSerializer(self.context["award"]).data


class CheckInSerializer(serializers.Serializer[Any]):
    nonce = CharField(
        max_length=64, required=False, allow_null=True, help_text="One per tap, the phone's own."
    )
    at = DateTimeField(
        required=False, allow_null=True, help_text="When it was, if the phone was offline."
    )


class CheckOutSerializer(serializers.Serializer[Any]):
    at = DateTimeField(
        required=False, allow_null=True, help_text="When it was, if the phone was offline."
    )


class RejectSerializer(serializers.Serializer[Any]):
    because = TextField(max_length=200)
