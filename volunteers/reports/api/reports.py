"""Reports: submitted by volunteers, handled by staff, followed by the public."""

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import CharField, TextField
from backend.api.filters import CharFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.parsers import JSONParser, PhotoFormParser
from backend.api.permissions import SecondFactorToWrite
from backend.api.renderers import JPEGRenderer
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import tenant
from backend.communities.models import Community, CoordType
from volunteers.attendance.api.earnings import AwardedSerializer, EarningSerializer
from volunteers.people.selectors import estate_in
from volunteers.reports import selectors
from volunteers.reports.models import Report
from volunteers.reports.services import reports

PUBLIC_DECIMALS = 2  # of a degree: about one kilometre


# --- shapes -----------------------------------------------------------------------------------
class RoundedField(serializers.FloatField):
    """A coordinate rounded to about a kilometre; null if none was given or it is too old."""

    def __init__(self) -> None:
        super().__init__(read_only=True, allow_null=True, help_text="Rounded to about a kilometre.")

    def to_representation(self, value: float) -> Any:
        return round(value, PUBLIC_DECIMALS)


class PublicReportSerializer(ReadSerializer[Report]):
    """A report as the public sees it: its progress and its rough location.

    ``text`` and ``place`` come from the reporter and may name a person or a door, so neither is
    public, nor is the photo. ``answer`` is written by staff for the public.
    """

    latitude = RoundedField()
    longitude = RoundedField()

    class Meta:
        model = Report
        fields = (
            "id",
            "category",
            "coord_type",
            "status",
            "submitted_at",
            "accepted_at",
            "closed_at",
            "answer",
        )


class ReportSerializer(EarningSerializer[Report]):
    """A report as its reporter, staff and auditors see it. The photo has an address of its own.

    The staff of its ``estate`` (or null) handle it as well. ``reason`` says why it was voided.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    reporter = PersonSerializer(read_only=True)
    has_photo = serializers.BooleanField(source="photo", read_only=True)

    class Meta:
        model = Report
        fields = (
            *PublicReportSerializer.Meta.fields,
            *("text", "place", "latitude", "longitude", "voided_at", "reason"),
        )

    @classmethod
    def shown_to(cls, reader: User, *shown: Report) -> None:
        reports.note_reading(reader=reader, reports=shown)


class ClosedReportSerializer(AwardedSerializer[Report], ReportSerializer):
    """A closed report with the award that it has just earned; null if it was rejected."""


class SubmitReportSerializer(serializers.Serializer[Any]):
    """A new report. Coordinates, both or neither, are kept only with the consent ``location``."""

    category = serializers.ChoiceField(choices=Report.Category.choices)
    text = TextField(max_length=1000)
    place = CharField(max_length=120, required=False, allow_blank=True)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False)
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False)
    coord_type = serializers.ChoiceField(choices=CoordType.choices, required=False)
    estate_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The reporter's own estate, if left out or null."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("latitude" in attrs) != ("longitude" in attrs):
            missing = "longitude" if "latitude" in attrs else "latitude"
            raise serializers.ValidationError(
                {missing: [self.fields[missing].error_messages["required"]]}, code="required"
            )
        return attrs


class SubmitReportFormSerializer(SubmitReportSerializer):
    """A new report with a photo, which JSON cannot carry."""

    photo = serializers.FileField(required=False, help_text="A JPEG, PNG or WebP image.")


class CloseReportSerializer(serializers.Serializer[Any]):
    """The closing of a report. ``answer`` is public; a rejection needs one."""

    outcome = serializers.ChoiceField(choices=[Report.Status.VERIFIED, Report.Status.REJECTED])
    answer = TextField(max_length=500, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["outcome"] == Report.Status.REJECTED and not attrs["answer"]:
            raise serializers.ValidationError(
                {"answer": [_("Say why the report is rejected.")]}, code="required"
            )
        return attrs


class ReportFilter(PeriodFilter):
    moment = "submitted_at"
    status = filters.ChoiceFilter(choices=Report.Status.choices)
    category = filters.ChoiceFilter(choices=Report.Category.choices)
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    person = PersonFilter("reporter")
    text = TextFilter(
        "text", "place", "reporter__name", help_text="Part of text, place or the reporter's name."
    )


# --- everybody --------------------------------------------------------------------------------
class CommunityReportsView(ListView[Report]):
    """List a community's reports and their progress: ``GET /api/v1/communities/{code}/reports``.

    Public. Leaves out disputes, calls for help and reports of children.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    parser_classes = (JSONParser, PhotoFormParser)
    serializer_class = PublicReportSerializer
    finds = below(tenant, selectors.public_reports)

    @extend_schema(
        request={
            JSONParser.media_type: SubmitReportSerializer,
            PhotoFormParser.media_type: SubmitReportFormSerializer,
        }
    )
    @writes(
        ReportSerializer,
        tenant,
        body=SubmitReportFormSerializer,
        shows=seen(selectors.reports_of),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, community: Community, **facts: Any) -> Report:
        """Report something seen in the community: ``POST /api/v1/communities/{code}/reports``.

        For its volunteers, as JSON or, with a photo, as a form. ``photo_too_large`` tells how many
        ``megapixels`` a photo of that ``format`` may have; ``body_too_large`` is about bytes. After
        ``photos_busy`` send it again.
        """
        if estate_id := facts.pop("estate_id", None):
            facts["estate"] = estate_in(community, estate_id)
        return reports.submit(community=community, reporter=user, **facts)


class PublicReportView(OpenView[Report]):
    """Show a report's progress: ``GET /api/v1/communities/{code}/reports/{report_id}``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = PublicReportSerializer
    finds = below(tenant, selectors.public_reports, "report_id")


# --- the reporter and staff -------------------------------------------------------------------
class ReportListView(ListView[Report]):
    """List reports where I am staff or auditor, newest first: ``GET /api/v1/reports``."""

    serializer_class = ReportSerializer
    filterset_class = ReportFilter
    finds = seen(selectors.reports_watched_by)


class MyReportListView(ReportListView):
    """List my reports, newest first: ``GET /api/v1/me/reports``."""

    finds = seen(selectors.reports_of)


class ReportView(OpenView[Report]):
    """Open a report, mine or as staff or auditor: ``GET /api/v1/reports/{report_id}``."""

    serializer_class = ReportSerializer
    finds = seen(selectors.reports_seen_by, "report_id")


def _with_photo(user: User) -> QuerySet[Report]:
    return selectors.reports_seen_by(user).exclude(photo="")


class PhotoView(APIView):
    """Show a report's photo to its reporter and staff: ``GET /api/v1/reports/{report_id}/photo``.

    Shared caches must not keep it.
    """

    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses={(200, JPEGRenderer.media_type): OpenApiTypes.BINARY})
    def get(self, request: Request, **named: Any) -> FileResponse:
        report: Any = seen(_with_photo, "report_id")(request, **named)
        reports.note_reading(reader=signed_in(request), reports=[report])
        return FileResponse(
            report.photo.open(),
            content_type=JPEGRenderer.media_type,
            headers={"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"},
        )


HANDLED = seen(selectors.reports_handled_by, "report_id")


class AcceptView(APIView):
    """Accept a report: ``POST /api/v1/reports/{report_id}/accept``.

    For staff and managers. Idempotent.
    """

    @writes(ReportSerializer, HANDLED)
    def post(self, user: User, report: Report) -> Report:
        return reports.accept(report=report, handler=user)


class CloseView(APIView):
    """Close a report, so that it may earn: ``POST /api/v1/reports/{report_id}/close``.

    For staff and managers. Idempotent: returns the first award.
    """

    @writes(ClosedReportSerializer, HANDLED, body=CloseReportSerializer, needs_key=True)
    def post(self, user: User, report: Report, outcome: str, answer: str) -> Report:
        if outcome == Report.Status.REJECTED:
            return reports.close_rejected(report=report, handler=user, answer=answer)
        closed, _award = reports.close_verified(report=report, handler=user, answer=answer)
        return closed


class VoidView(APIView):
    """Void a verified report, with a reason: ``POST /api/v1/reports/{report_id}/void``.

    For staff other than who verified it. Takes back what it earned; what was spent of it is repaid
    by what the reporter earns next, who gets a notice. Idempotent: keeps the first reason.
    """

    @writes(ReportSerializer, HANDLED, body=ReasonSerializer, needs_key=True)
    def post(self, user: User, report: Report, **facts: Any) -> Report:
        return reports.void(report=report, voider=user, **facts)
