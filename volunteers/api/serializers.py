"""Shapes of activities, shifts, attendances and reports."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.api.fields import CodeField
from backend.accounts.api.serializers import PersonSerializer
from backend.api.fields import CharField, DateTimeField, IntegerField, TextField
from backend.communities.api.serializers import CommunityInBriefSerializer, CommunitySerializer
from backend.communities.models import Community, CoordType
from backend.communities.services.places import JOIN_CODE_LENGTH
from volunteers.models import (
    Activity,
    Attendance,
    JoinRequest,
    RefusedClaim,
    Report,
    Shift,
    Volunteer,
)

PUBLIC_DECIMALS = 2  # of a degree: about one kilometre


# --- what everybody may see -------------------------------------------------------------------
class PointsFiguresSerializer(serializers.Serializer[Any]):
    """Whole points since the beginning; ``outstanding`` are those in volunteers' wallets."""

    issued = serializers.IntegerField(read_only=True)
    redeemed = serializers.IntegerField(read_only=True)
    outstanding = serializers.IntegerField(read_only=True)


class CommunityFiguresSerializer(CommunitySerializer):
    """A community and its public figures."""

    # The context's "volunteers" and "points".
    volunteers = serializers.SerializerMethodField()
    points = serializers.SerializerMethodField()

    class Meta(CommunitySerializer.Meta):
        fields = (*CommunitySerializer.Meta.fields, "volunteers", "points")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_volunteers(self, community: Community) -> int:
        return int(self.context["volunteers"])

    @extend_schema_field(PointsFiguresSerializer)
    def get_points(self, community: Community) -> object:
        return PointsFiguresSerializer(self.context["points"]).data


class RoundedField(serializers.FloatField):
    """A coordinate, to about a kilometre; null where the reporter told none, or it is old."""

    def __init__(self) -> None:
        super().__init__(read_only=True, allow_null=True, help_text="Rounded to about a kilometre.")

    def to_representation(self, value: float) -> Any:
        return round(value, PUBLIC_DECIMALS)


class PublicReportSerializer(serializers.ModelSerializer[Report]):
    """How a report is getting on, and about where.

    ``text`` and ``place`` are typed by the reporter and may name a person or a door, so neither
    is public, nor is the photo; ``answer`` is written by staff to be read.
    """

    latitude = RoundedField()
    longitude = RoundedField()

    class Meta:
        model = Report
        fields = (
            "id",
            "category",
            "latitude",
            "longitude",
            "coord_type",
            "status",
            "submitted_at",
            "accepted_at",
            "closed_at",
            "answer",
        )
        read_only_fields = fields


# --- joining and leaving ----------------------------------------------------------------------
class AskToJoinSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Volunteer.Kind.choices)
    estate_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Where they live or ride."
    )
    join_code = CodeField(
        length=JOIN_CODE_LENGTH, required=False, allow_blank=True, help_text="As on the posters."
    )


class JoinRequestSerializer(serializers.ModelSerializer[JoinRequest]):
    """``because`` says why it was rejected."""

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = JoinRequest
        fields: tuple[str, ...] = (
            "id",
            "community",
            "kind",
            "estate",
            "status",
            "asked_at",
            "decided_at",
            "because",
        )
        read_only_fields = fields


class HandledJoinRequestSerializer(JoinRequestSerializer):
    """As staff see it."""

    user = PersonSerializer(read_only=True)
    decided_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta(JoinRequestSerializer.Meta):
        fields = (*JoinRequestSerializer.Meta.fields, "user", "decided_by")
        read_only_fields = fields


class VolunteeringSerializer(serializers.ModelSerializer[Volunteer]):
    """``left_at`` is null while they belong there."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Volunteer
        fields = ("community", "kind", "enrolled_at", "left_at")
        read_only_fields = fields


# --- activities and shifts --------------------------------------------------------------------
class ActivityInBriefSerializer(serializers.ModelSerializer[Activity]):
    class Meta:
        model = Activity
        fields = ("title", "category", "place")
        read_only_fields = fields


class ActivitySerializer(serializers.ModelSerializer[Activity]):
    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Activity
        fields = ("id", "community", "title", "category", "place")
        read_only_fields = fields


class ShiftInBriefSerializer(serializers.ModelSerializer[Shift]):
    activity = ActivityInBriefSerializer(read_only=True)

    class Meta:
        model = Shift
        fields = ("id", "starts_at", "ends_at", "activity")
        read_only_fields = fields


class ShiftSerializer(serializers.ModelSerializer[Shift]):
    """``capacity`` is null where any number may come."""

    community = CommunityInBriefSerializer(read_only=True)
    activity = ActivityInBriefSerializer(read_only=True)
    places_taken = serializers.IntegerField(read_only=True)

    class Meta:
        model = Shift
        fields = (
            "id",
            "community",
            "activity",
            "starts_at",
            "ends_at",
            "capacity",
            "places_taken",
        )
        read_only_fields = fields


class PlanActivitySerializer(serializers.Serializer[Any]):
    title = CharField(max_length=80)
    category = CharField(max_length=40, help_text="Decides what its hours earn.")
    place = CharField(max_length=120, required=False, allow_blank=True)


class PlanShiftSerializer(serializers.Serializer[Any]):
    starts_at = DateTimeField()
    ends_at = DateTimeField()
    capacity = IntegerField(
        min_value=1,
        max_value=10_000,
        required=False,
        allow_null=True,
        help_text="Null: any number.",
    )


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


# --- reports ----------------------------------------------------------------------------------
class ReportSerializer(serializers.ModelSerializer[Report]):
    """As its reporter sees it; the photo has an address of its own."""

    community = CommunityInBriefSerializer(read_only=True)
    has_photo = serializers.SerializerMethodField()
    points = PointsEarnedField()

    class Meta:
        model = Report
        fields: tuple[str, ...] = (
            "id",
            "community",
            "category",
            "text",
            "place",
            "latitude",
            "longitude",
            "coord_type",
            "has_photo",
            "status",
            "submitted_at",
            "accepted_at",
            "closed_at",
            "answer",
            "points",
        )
        read_only_fields = fields

    def get_has_photo(self, report: Report) -> bool:
        return bool(report.photo)


class WatchedReportSerializer(ReportSerializer):
    """As staff and auditors see it."""

    reporter = PersonSerializer(read_only=True)

    class Meta(ReportSerializer.Meta):
        fields = (*ReportSerializer.Meta.fields, "reporter")
        read_only_fields = fields


class ClosedReportSerializer(WatchedReportSerializer):
    """The same with what it has just earned: null if it was rejected."""

    award = serializers.SerializerMethodField()

    class Meta(WatchedReportSerializer.Meta):
        fields = (*WatchedReportSerializer.Meta.fields, "award")
        read_only_fields = fields

    @extend_schema_field(AwardSerializer(allow_null=True))
    def get_award(self, report: Report) -> object:
        award = self.context["award"]
        return AwardSerializer(award).data if award else None


class SubmitReportSerializer(serializers.Serializer[Any]):
    """Where it was is kept with the reporter's consent ``location`` alone; both, or neither."""

    category = serializers.ChoiceField(choices=Report.Category.choices)
    text = TextField(max_length=1000)
    place = CharField(max_length=120, required=False, allow_blank=True)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False)
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False)
    coord_type = serializers.ChoiceField(choices=CoordType.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("latitude" in attrs) != ("longitude" in attrs):
            missing = "longitude" if "latitude" in attrs else "latitude"
            raise serializers.ValidationError(
                {missing: [self.fields[missing].error_messages["required"]]}, code="required"
            )
        return attrs


class SubmitReportFormSerializer(SubmitReportSerializer):
    """JSON can not carry the photo."""

    photo = serializers.FileField(required=False, help_text="A JPEG, PNG or WebP image.")


class CloseReportSerializer(serializers.Serializer[Any]):
    """``answer`` is what the public reads; whoever rejects must give one."""

    outcome = serializers.ChoiceField(choices=[Report.Status.VERIFIED, Report.Status.REJECTED])
    answer = TextField(max_length=500, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["outcome"] == Report.Status.REJECTED and not attrs["answer"]:
            raise serializers.ValidationError(
                {"answer": [_("Say why the report is rejected.")]}, code="required"
            )
        return attrs
