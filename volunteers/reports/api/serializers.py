"""Shapes of activities, shifts, attendances and reports."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.api.serializers import PersonSerializer
from backend.api.fields import CharField, TextField
from backend.communities.api.serializers import CommunityInBriefSerializer, CommunitySerializer
from backend.communities.models import Community, CoordType
from volunteers.attendance.api.serializers import AwardSerializer, PointsEarnedField
from volunteers.reports.models import Report

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
