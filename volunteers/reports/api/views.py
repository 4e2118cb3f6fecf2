"""Reports: submitted by volunteers, handled by staff, followed by everybody."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent, seen
from backend.api.parsers import JSONParser, PhotoFormParser
from backend.api.permissions import SecondFactorToWrite
from backend.api.renderers import JPEGRenderer
from backend.communities.selectors import community_among, tenants
from volunteers.attendance.api.earnings import EarningListView, earnings, told, told_with_award
from volunteers.reports import selectors
from volunteers.reports.api.filters import ReportFilter
from volunteers.reports.api.serializers import (
    ClosedReportSerializer,
    CloseReportSerializer,
    PublicReportSerializer,
    ReportSerializer,
    SubmitReportFormSerializer,
    SubmitReportSerializer,
    WatchedReportSerializer,
)
from volunteers.reports.models import Report
from volunteers.reports.services import reports, viewing

PHOTO = {(200, JPEGRenderer.media_type): OpenApiTypes.BINARY}


def _noted(tells: Callable[[Request, Any], Any]) -> Callable[[Request, Any], Any]:
    """As ``tells``, after writing down that it is shown; see viewing.py."""

    def tell(request: Request, report: Report) -> Any:
        viewing.note(viewer=signed_in(request), reports=[report])
        return tells(request, report)

    return tell


# --- everybody --------------------------------------------------------------------------------
class CommunityReportsView(ListAPIView[Report]):
    """A community's reports, and how each is getting on.

    ``GET /api/v1/communities/{code}/reports``. Public. Disputes and calls for help are not among
    them.
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
        """A volunteer reports what they saw: ``POST /api/v1/communities/{code}/reports``.

        As JSON or, with a photo, as a form. Refused with ``photo_invalid``, ``photo_too_large`` (of
        pixels: ``megapixels`` of that ``format`` can be taken), ``body_too_large`` (of bytes),
        ``photos_busy`` (send it again).
        """
        community = community_among(tenants(), code)
        body = SubmitReportFormSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        report = reports.submit(
            community=community, reporter=signed_in(request), **body.validated_data
        )
        return Response(
            ReportSerializer(report, context=earnings(report)).data,
            status=status.HTTP_201_CREATED,
        )


class PublicReportView(APIView):
    """How one report is getting on: ``GET /api/v1/communities/{code}/reports/{report_id}``.

    Public.
    """

    permission_classes = (AllowAny,)

    @extend_schema(responses=PublicReportSerializer)
    def get(self, request: Request, code: str, report_id: UUID) -> Response:
        public = selectors.public_reports(community_among(tenants(), code))
        return Response(PublicReportSerializer(get_object_or_404(public, pk=report_id)).data)


# --- the reporter's own -----------------------------------------------------------------------
class MyReportListView(EarningListView[Report]):
    """What I reported, newest first: ``GET /api/v1/me/reports``."""

    serializer_class = ReportSerializer
    queryset = Report.objects.none()

    def get_queryset(self) -> QuerySet[Report]:
        return selectors.reports_of(signed_in(self.request))


class MyReportView(APIView):
    """One of them: ``GET /api/v1/me/reports/{report_id}``."""

    @extend_schema(responses=ReportSerializer)
    def get(self, request: Request, report_id: UUID) -> Response:
        report = get_object_or_404(selectors.reports_of(signed_in(request)), pk=report_id)
        return Response(ReportSerializer(report, context=earnings(report)).data)


class MyPhotoView(APIView):
    """Its photo: ``GET /api/v1/me/reports/{report_id}/photo``."""

    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses=PHOTO)
    def get(self, request: Request, report_id: UUID) -> FileResponse:
        return photo_of(_with_photo(selectors.reports_of(signed_in(request)), report_id))


# --- staff ------------------------------------------------------------------------------------
# Whoever is shown a dispute or a call for help of somebody else's is written down (viewing.py).
class ReportListView(EarningListView[Report]):
    """All reports where I am staff or auditor, newest first: ``GET /api/v1/reports``."""

    serializer_class = WatchedReportSerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_class = ReportFilter
    queryset = Report.objects.none()

    def get_queryset(self) -> QuerySet[Report]:
        return selectors.reports_watched_by(signed_in(self.request))

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        page = super().paginate_queryset(queryset)
        viewing.note(viewer=signed_in(self.request), reports=page or [])
        return page


class ReportView(APIView):
    """One of them: ``GET /api/v1/reports/{report_id}``."""

    @extend_schema(responses=WatchedReportSerializer)
    def get(self, request: Request, report_id: UUID) -> Response:
        user = signed_in(request)
        report = get_object_or_404(selectors.reports_watched_by(user), pk=report_id)
        viewing.note(viewer=user, reports=[report])
        return Response(WatchedReportSerializer(report, context=earnings(report)).data)


class PhotoView(APIView):
    """Its photo: ``GET /api/v1/reports/{report_id}/photo``."""

    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses=PHOTO)
    def get(self, request: Request, report_id: UUID) -> FileResponse:
        user = signed_in(request)
        report = _with_photo(selectors.reports_watched_by(user), report_id)
        viewing.note(viewer=user, reports=[report])
        return photo_of(report)


class AcceptView(APIView):
    """Staff look after it: ``POST /api/v1/reports/{report_id}/accept``."""

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
    """Staff close it, and if it was so, it earns: ``POST /api/v1/reports/{report_id}/close``."""

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
    """One of ``visible`` that has a photo, or 404."""
    report = get_object_or_404(visible, pk=report_id)
    if not report.photo:
        raise Http404
    return report


def photo_of(report: Report) -> FileResponse:
    """The photo of ``report``. A shared cache must not keep it."""
    return FileResponse(
        report.photo.open(),
        content_type=JPEGRenderer.media_type,
        headers={"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"},
    )
