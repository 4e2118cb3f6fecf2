"""Reports: submitted by volunteers, handled by staff, followed by the public."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.api.callers import signed_in
from backend.api.fields import CharField, TextField
from backend.api.filters import CharFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.parsers import JSONParser, PhotoFormParser
from backend.api.permissions import SecondFactorToWrite
from backend.api.renderers import JPEGRenderer
from backend.api.views import seen
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.models import CoordType
from backend.communities.selectors import community_among, tenants
from volunteers.attendance.api.earnings import (
    AwardSerializer,
    EarningListView,
    PointsEarnedField,
    earnings,
    told,
    told_with_award,
)
from volunteers.people.selectors import estate_in
from volunteers.reports import selectors
from volunteers.reports.models import Report
from volunteers.reports.services import reports, viewing

PUBLIC_DECIMALS = 2  # of a degree: about one kilometre
PHOTO = {(200, JPEGRenderer.media_type): OpenApiTypes.BINARY}


# --- shapes -----------------------------------------------------------------------------------
class RoundedField(serializers.FloatField):
    """A coordinate to about a kilometre; null where none was told, or it is old."""

    def __init__(self) -> None:
        super().__init__(read_only=True, allow_null=True, help_text="Rounded to about a kilometre.")

    def to_representation(self, value: float) -> Any:
        return round(value, PUBLIC_DECIMALS)


class PublicReportSerializer(serializers.ModelSerializer[Report]):
    """The progress of a report, and about where it is.

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


class ReportSerializer(serializers.ModelSerializer[Report]):
    """A report as its reporter sees it. The photo has an address of its own.

    The staff of its ``estate`` handle it as well; null for none.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    has_photo = serializers.SerializerMethodField()
    points = PointsEarnedField()

    class Meta:
        model = Report
        fields: tuple[str, ...] = (
            "id",
            "community",
            "estate",
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
    """A report as staff and auditors see it."""

    reporter = PersonSerializer(read_only=True)

    class Meta(ReportSerializer.Meta):
        fields = (*ReportSerializer.Meta.fields, "reporter")
        read_only_fields = fields


class ClosedReportSerializer(WatchedReportSerializer):
    """A closed report with the award that it has just earned; null if it was rejected."""

    award = serializers.SerializerMethodField()

    class Meta(WatchedReportSerializer.Meta):
        fields = (*WatchedReportSerializer.Meta.fields, "award")
        read_only_fields = fields

    @extend_schema_field(AwardSerializer(allow_null=True))
    def get_award(self, report: Report) -> object:
        award = self.context["award"]
        return AwardSerializer(award).data if award else None


class SubmitReportSerializer(serializers.Serializer[Any]):
    """A new report. Coordinates, both or neither, are kept with the consent ``location`` only."""

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
    """How a report is closed. The public reads ``answer``; a rejection needs one."""

    outcome = serializers.ChoiceField(choices=[Report.Status.VERIFIED, Report.Status.REJECTED])
    answer = TextField(max_length=500, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["outcome"] == Report.Status.REJECTED and not attrs["answer"]:
            raise serializers.ValidationError(
                {"answer": [_("Say why the report is rejected.")]}, code="required"
            )
        return attrs


class MyReportFilter(PeriodFilter):
    moment = "submitted_at"
    status = filters.ChoiceFilter(choices=Report.Status.choices)
    category = filters.ChoiceFilter(choices=Report.Category.choices)


class ReportFilter(MyReportFilter):
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    person = PersonFilter("reporter")
    text = TextFilter(
        "text", "place", "reporter__name", help_text="Part of text, place or the reporter's name."
    )


def _noted(tells: Callable[[Request, Any], Any]) -> Callable[[Request, Any], Any]:
    """Render by ``tells`` after writing down that the report is shown; see viewing.py."""

    def tell(request: Request, report: Report) -> Any:
        viewing.note(viewer=signed_in(request), reports=[report])
        return tells(request, report)

    return tell


# --- everybody --------------------------------------------------------------------------------
class CommunityReportsView(ListAPIView[Report]):
    """List a community's reports and their progress: ``GET /api/v1/communities/{code}/reports``.

    Public. Disputes and calls for help are left out.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    parser_classes = (JSONParser, PhotoFormParser)
    serializer_class = PublicReportSerializer
    queryset = Report.objects.none()

    def get_queryset(self) -> QuerySet[Report]:
        return selectors.public_reports(community_among(tenants(), self.kwargs["code"]))

    @extend_schema(
        request={
            JSONParser.media_type: SubmitReportSerializer,
            PhotoFormParser.media_type: SubmitReportFormSerializer,
        },
        responses={201: ReportSerializer},
    )
    @idempotent(seen(selectors.reports_of), told(ReportSerializer))
    def post(self, request: Request, code: str) -> Response:
        """Report something seen in the community: ``POST /api/v1/communities/{code}/reports``.

        For its volunteers, as JSON or, with a photo, as a form. Refused with
        ``not_a_volunteer_here``, ``guardian_consent_required``, ``estate_unknown``,
        ``photo_invalid``, ``photo_too_large`` (in pixels: ``megapixels`` of that ``format`` can be
        taken), ``body_too_large`` (in bytes), ``photos_busy`` (send it again).
        """
        community = community_among(tenants(), code)
        body = SubmitReportFormSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        facts: dict[str, Any] = dict(body.validated_data)
        if estate_id := facts.pop("estate_id", None):
            facts["estate"] = estate_in(community, estate_id)
        report = reports.submit(community=community, reporter=signed_in(request), **facts)
        return Response(
            ReportSerializer(report, context=earnings(report)).data,
            status=status.HTTP_201_CREATED,
        )


class PublicReportView(APIView):
    """Show a report's progress: ``GET /api/v1/communities/{code}/reports/{report_id}``. Public."""

    permission_classes = (AllowAny,)

    @extend_schema(responses=PublicReportSerializer)
    def get(self, request: Request, code: str, report_id: UUID) -> Response:
        public = selectors.public_reports(community_among(tenants(), code))
        return Response(PublicReportSerializer(get_object_or_404(public, pk=report_id)).data)


# --- the reporter's own -----------------------------------------------------------------------
class MyReportListView(EarningListView[Report]):
    """List my reports, newest first: ``GET /api/v1/me/reports``."""

    serializer_class = ReportSerializer
    filterset_class = MyReportFilter
    queryset = Report.objects.none()

    def get_queryset(self) -> QuerySet[Report]:
        return selectors.reports_of(signed_in(self.request))


class MyReportView(APIView):
    """Open one of my reports: ``GET /api/v1/me/reports/{report_id}``."""

    @extend_schema(responses=ReportSerializer)
    def get(self, request: Request, report_id: UUID) -> Response:
        report = get_object_or_404(selectors.reports_of(signed_in(request)), pk=report_id)
        return Response(ReportSerializer(report, context=earnings(report)).data)


class MyPhotoView(APIView):
    """Show the photo of one of my reports: ``GET /api/v1/me/reports/{report_id}/photo``."""

    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses=PHOTO)
    def get(self, request: Request, report_id: UUID) -> FileResponse:
        return photo_of(_with_photo(selectors.reports_of(signed_in(request)), report_id))


# --- staff ------------------------------------------------------------------------------------
# Reading somebody else's dispute or call for help is written down (viewing.py).
class ReportListView(EarningListView[Report]):
    """List reports where I am staff or auditor, newest first: ``GET /api/v1/reports``."""

    serializer_class = WatchedReportSerializer
    filterset_class = ReportFilter
    queryset = Report.objects.none()

    def get_queryset(self) -> QuerySet[Report]:
        return selectors.reports_watched_by(signed_in(self.request))

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        page = super().paginate_queryset(queryset)
        viewing.note(viewer=signed_in(self.request), reports=page or [])
        return page


class ReportView(APIView):
    """Open one report, as staff or auditor: ``GET /api/v1/reports/{report_id}``."""

    @extend_schema(responses=WatchedReportSerializer)
    def get(self, request: Request, report_id: UUID) -> Response:
        user = signed_in(request)
        report = get_object_or_404(selectors.reports_watched_by(user), pk=report_id)
        viewing.note(viewer=user, reports=[report])
        return Response(WatchedReportSerializer(report, context=earnings(report)).data)


class PhotoView(APIView):
    """Show a report's photo, as staff or auditor: ``GET /api/v1/reports/{report_id}/photo``."""

    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses=PHOTO)
    def get(self, request: Request, report_id: UUID) -> FileResponse:
        user = signed_in(request)
        report = _with_photo(selectors.reports_watched_by(user), report_id)
        viewing.note(viewer=user, reports=[report])
        return photo_of(report)


class AcceptView(APIView):
    """Accept a report: ``POST /api/v1/reports/{report_id}/accept``.

    For staff and managers. Idempotent. Refused with ``own_report``, ``report_status_wrong``.
    """

    @extend_schema(request=None, responses=WatchedReportSerializer)
    @idempotent(
        seen(selectors.reports_handled_by, "report_id"),
        _noted(told(WatchedReportSerializer)),
        is_required=False,
    )
    def post(self, request: Request, report_id: UUID) -> Response:
        user = signed_in(request)
        handled = get_object_or_404(selectors.reports_handled_by(user), pk=report_id)
        report = reports.accept(report=handled, handler=user)
        viewing.note(viewer=user, reports=[report])
        return Response(WatchedReportSerializer(report, context=earnings(report)).data)


class CloseView(APIView):
    """Close a report, which earns if it is verified: ``POST /api/v1/reports/{report_id}/close``.

    For staff and managers. Idempotent: answers with the first award. Refused with ``own_report``,
    ``report_status_wrong``, ``rule_missing``.
    """

    @extend_schema(request=CloseReportSerializer, responses=ClosedReportSerializer)
    @idempotent(
        seen(selectors.reports_handled_by, "report_id"),
        _noted(told_with_award(ClosedReportSerializer)),
    )
    def post(self, request: Request, report_id: UUID) -> Response:
        user = signed_in(request)
        report = get_object_or_404(selectors.reports_handled_by(user), pk=report_id)
        body = CloseReportSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        answer = body.validated_data["answer"]
        award = None
        if body.validated_data["outcome"] == Report.Status.VERIFIED:
            report, award = reports.close_verified(report=report, handler=user, answer=answer)
        else:
            report = reports.close_rejected(report=report, handler=user, answer=answer)
        viewing.note(viewer=user, reports=[report])
        context = earnings(report) | {"award": award}
        return Response(ClosedReportSerializer(report, context=context).data)


def _with_photo(visible: QuerySet[Report], report_id: UUID) -> Report:
    """Return the report if it has a photo, or raise Http404."""
    report = get_object_or_404(visible, pk=report_id)
    if not report.photo:
        raise Http404
    return report


def photo_of(report: Report) -> FileResponse:
    """Send the photo of ``report``, which a shared cache must not keep."""
    return FileResponse(
        report.photo.open(),
        content_type=JPEGRenderer.media_type,
        headers={"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"},
    )
