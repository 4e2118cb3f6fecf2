"""Reports: submitted by volunteers, handled by staff, followed by the public."""

from collections import defaultdict
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import days
from backend.accounts.api.serializers import ColleagueSerializer, PersonSerializer
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import CharField, TextField
from backend.api.filters import (
    BooleanFilter,
    CharFilter,
    DayFilter,
    PeriodFilter,
    PersonFilter,
    TextFilter,
)
from backend.api.paging import CursorPagination
from backend.api.parsers import JSONParser, PhotoFormParser, read_json
from backend.api.permissions import SecondFactorToWrite
from backend.api.renderers import JPEGRenderer
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.api.shown import tenant
from backend.communities.models import Community, CoordType
from backend.replica import from_replica
from points.kinds import Unit
from volunteers.attendance.api.earnings import AwardedSerializer, EarningSerializer
from volunteers.people.selectors import estate_in
from volunteers.reports import selectors
from volunteers.reports.api.public import (
    ConfirmationsField,
    ProgressSerializer,
    PublicReportSerializer,
)
from volunteers.reports.categories import names_in
from volunteers.reports.models.categories import Colour
from volunteers.reports.models.photos import ReportPhoto
from volunteers.reports.models.reports import Report, Source
from volunteers.reports.near import Offset, around, near_report
from volunteers.reports.reward_states import Reward, RewardState, rewards_of
from volunteers.reports.services import correcting, reading, submitting


# --- shapes -----------------------------------------------------------------------------------
class PhotoSerializer(ReadSerializer[ReportPhoto]):
    """A photo of a report, shown at an address of its own."""

    class Meta:
        model = ReportPhoto
        fields = ("id", "shows", "taken_in_at")


class RewardSerializer(serializers.Serializer[Any]):
    """The reward of a report for its reporter, and how far it has come."""

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    amount = serializers.IntegerField(read_only=True)
    state = serializers.ChoiceField(choices=RewardState.choices, read_only=True)


class ReportSerializer(EarningSerializer[Report]):
    """A report as its reporter, staff and auditors see it. The photo has an address of its own.

    The staff of its ``estate`` (or null) handle it as well, and whom it is ``assigned_to``.
    ``due_at`` is when its next step is due, null while no clock runs; an overdue step climbs to
    ``escalated_to``. ``reason`` says why it was voided.
    ``reporter`` is null if they are not a user: staff relayed it, or it was imported.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    reporter = PersonSerializer(read_only=True, allow_null=True)
    assigned_to = ColleagueSerializer(read_only=True, allow_null=True)
    photos = PhotoSerializer(many=True, read_only=True)
    confirmations = ConfirmationsField()
    category_name = serializers.SerializerMethodField(help_text="What the community calls it.")
    reward = serializers.SerializerMethodField(help_text="Null until the report is closed.")

    class Meta:
        model = Report
        fields = (
            *PublicReportSerializer.Meta.fields,
            *("source", "colour", "text", "answers", "place", "latitude", "longitude"),
            *(
                "is_confidential",
                "is_screened",
                "voided_at",
                "reason",
                "made_safe_at",
                "fixed_at",
                "reopened_at",
                "due_at",
            ),
            *("escalated_to", "duplicate_of_id"),
        )

    @classmethod
    def context_of(cls, *records: Any) -> dict[str, Any]:
        of_community: dict[UUID, list[Report]] = defaultdict(list)
        decided = [report for report in records if report.closed_at or report.reopened_at]
        for report in decided:
            of_community[report.community_id].append(report)
        rewards: dict[UUID, Reward] = {}
        for community_id, reports in of_community.items():
            rewards |= rewards_of(community_id, reports)
        return super().context_of(*decided) | {
            "rewards": rewards,
            "confirmations": selectors.confirmation_counts(*records),
            "names": names_in({report.community_id for report in records}),
        }

    def get_category_name(self, report: Report) -> str:
        names: dict[str, str] = self.context["names"][report.community_id]
        return names.get(report.category, report.category)

    @extend_schema_field(RewardSerializer(allow_null=True))
    def get_reward(self, report: Report) -> object:
        reward = self.context["rewards"].get(report.pk)
        return reward and RewardSerializer(reward).data

    @classmethod
    def shown_to(cls, reader: User, *shown: Report) -> None:
        reading.note_reading(reader=reader, reports=shown)


class SubmittedReportSerializer(ReportSerializer):
    """A report that was just made; ``near`` are open ones of its category, nearest first."""

    near = serializers.SerializerMethodField()

    @classmethod
    def context_of(cls, *reports: Report) -> dict[str, Any]:
        unnamed = {report.community_id for report in reports if report.category_name is None}
        # None has any of the others yet.
        return {
            "names": names_in(unnamed) if unnamed else {},
            "confirmations": {},
            "rewards": {},
            "points": {},
        }

    def get_category_name(self, report: Report) -> str:
        return report.category_name or super().get_category_name(report)

    def get_near(self, report: Report) -> list[UUID]:
        return list(near_report(report))


class ClosedReportSerializer(AwardedSerializer[Report], ReportSerializer):
    """A report that was just moved on, with its award; null if it has earned none."""


class ReportAroundSerializer(ReportSerializer):
    """A report near another one: ``metres`` away, so many of them to the east and to the north."""

    metres = serializers.SerializerMethodField()
    metres_east = serializers.SerializerMethodField(help_text="Below zero: to the west.")
    metres_north = serializers.SerializerMethodField(help_text="Below zero: to the south.")

    def _offset(self, report: Report) -> Offset:
        offset: Offset = self.context["offsets"][report.pk]
        return offset

    def get_metres(self, report: Report) -> int:
        return self._offset(report).metres

    def get_metres_east(self, report: Report) -> int:
        return self._offset(report).east

    def get_metres_north(self, report: Report) -> int:
        return self._offset(report).north


@extend_schema_field(OpenApiTypes.OBJECT)
class AnswersField(serializers.Field[Any, Any, Any, Any]):
    """Answers by the codes of their questions: an object, or in a form its JSON.

    The service compares each with its question.
    """

    def to_internal_value(self, data: Any) -> Any:
        return read_json(data.encode()) if isinstance(data, str) else data


class SubmitReportSerializer(serializers.Serializer[Any]):
    """A new report. Coordinates, both or neither, are kept only with the consent ``location``.

    ``answers`` are those to the category's questions, by their codes.
    """

    category = serializers.SlugField(max_length=40, help_text="Code of a category.")
    text = TextField(max_length=1000)
    place = CharField(max_length=120, required=False, allow_blank=True)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False)
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False)
    coord_type = serializers.ChoiceField(choices=CoordType.choices, required=False)
    answers = AnswersField(required=False)
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
    """A new report with photos, which JSON cannot carry."""

    photos = serializers.ListField(
        child=serializers.FileField(),
        required=False,
        help_text="JPEG, PNG or WebP images, nine at most.",
    )


class CorrectReportSerializer(SubmitReportSerializer):
    """Fields that are left out stay as they are; coordinates come together."""

    estate_id = serializers.UUIDField(required=False)


class ReportFilter(PeriodFilter):
    moment = "submitted_at"
    status = filters.ChoiceFilter(choices=Report.Status.choices)
    category = CharFilter(help_text="A category's code.")
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    person = PersonFilter("reporter")
    colour = filters.ChoiceFilter(choices=Colour.choices)
    source = filters.ChoiceFilter(choices=Source.choices)
    assigned_to = PersonFilter("assigned_to", help_text="The id of whom it is assigned to.")
    due_before = DayFilter(
        method="due", help_text="Open ones, a step of which is due before this day there."
    )
    open = BooleanFilter(method="open_ones", label="Whether it is still to be handled.")
    is_screened = BooleanFilter(label="Whether it passed the safety check; else it is held back.")
    is_overdue = BooleanFilter(method="overdue", label="Whether a step of it is overdue.")
    is_due_soon = BooleanFilter(
        method="due_soon", label="Whether a step of it is due within a day and not overdue."
    )
    text = TextFilter(
        "text", "place", "reporter__name", help_text="Part of text, place or the reporter's name."
    )

    def due(self, found: QuerySet[Report], name: str, day: date) -> QuerySet[Report]:
        return found.filter(status__in=Report.OPEN, due_at__lt=days.first_moment(day))

    def open_ones(self, found: QuerySet[Report], name: str, is_it: bool) -> QuerySet[Report]:
        return found.filter(status__in=Report.OPEN if is_it else Report.ENDED)

    def overdue(self, found: QuerySet[Report], name: str, is_it: bool) -> QuerySet[Report]:
        late = selectors.overdue()
        return found.filter(late) if is_it else found.exclude(late)

    def due_soon(self, found: QuerySet[Report], name: str, is_it: bool) -> QuerySet[Report]:
        soon = selectors.due_soon()
        return found.filter(soon) if is_it else found.exclude(soon)


# --- everybody --------------------------------------------------------------------------------
class PublicReportFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Report.Status.choices)
    category = CharFilter(help_text="A category's code.")


@from_replica
class CommunityReportsView(ListView[Report]):
    """List a community's reports and their progress: ``GET /api/v1/communities/{code}/reports``.

    Public. Leaves out disputes, calls for help and reports of children.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    parser_classes = (JSONParser, PhotoFormParser)
    serializer_class = ProgressSerializer
    filterset_class = PublicReportFilter
    finds = below(tenant, selectors.public_reports)

    @extend_schema(
        request={
            JSONParser.media_type: SubmitReportSerializer,
            PhotoFormParser.media_type: SubmitReportFormSerializer,
        }
    )
    @writes(
        SubmittedReportSerializer,
        tenant,
        body=SubmitReportFormSerializer,
        shows=seen(selectors.reports_of),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, community: Community, **facts: Any) -> Report:
        """Report something seen in the community: ``POST /api/v1/communities/{code}/reports``.

        For its volunteers, as JSON or, with up to nine ``photos``, as a form.
        ``photo_too_large`` tells how many ``megapixels`` a photo of that ``format`` may have,
        ``photo_format_unsupported`` a ``format`` that is not taken; ``body_too_large`` is about the
        bytes of all. If one photo is refused, there is no report. After ``photos_busy`` send it
        again.
        """
        if estate_id := facts.pop("estate_id", None):
            facts["estate"] = estate_in(community, estate_id)
        return submitting.submit(community=community, reporter=user, **facts)


@from_replica
class PublicReportView(OpenView[Report]):
    """Show a report's progress: ``GET /api/v1/communities/{code}/reports/{report_id}``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = ProgressSerializer
    finds = below(tenant, selectors.public_reports, "report_id")


# --- the reporter and staff -------------------------------------------------------------------
class ReportListView(ListView[Report]):
    """List reports where I am staff or auditor, newest first: ``GET /api/v1/reports``."""

    serializer_class = ReportSerializer
    filterset_class = ReportFilter
    finds = seen(selectors.reports_watched_by)


class FirstDueFirst(CursorPagination):
    ordering = ("due_at", "id")  # type: ignore[assignment]


class DueReportListView(ReportListView):
    """List open reports whose clock runs, the first due first: ``GET /api/v1/reports/due``.

    Where I am staff or auditor.
    """

    pagination_class = FirstDueFirst
    finds = seen(selectors.reports_due_watched_by)


class ReportsAroundView(APIView):
    """List what was reported near a report, nearest first: ``GET …/reports/{report_id}/near``.

    For who may look at it as staff or auditor or of its cell: 20 at most, within the community's
    ``near_metres``, of any category, open or ended in the last 30 days. Empty for a report without
    coordinates.
    """

    @extend_schema(responses=ReportAroundSerializer(many=True))
    def get(self, request: Request, **named: Any) -> Response:
        user = signed_in(request)
        report: Any = seen(selectors.reports_watched_by, "report_id")(request, **named)
        offsets = around(report, selectors.reports_watched_by(user))
        rows = selectors.reports_watched_by(user).in_bulk(list(offsets))
        found = [rows[pk] for pk in offsets]
        reading.note_reading(reader=user, reports=[report, *found])
        context = ReportAroundSerializer.context_of(*found) | {"offsets": offsets}
        return Response(ReportAroundSerializer(found, many=True, context=context).data)


class MyReportListView(ReportListView):
    """List my reports, newest first: ``GET /api/v1/me/reports``."""

    finds = seen(selectors.reports_of)


class ReportView(OpenView[Report]):
    """Open a report, mine or as staff or auditor: ``GET /api/v1/reports/{report_id}``."""

    serializer_class = ReportSerializer
    finds = seen(selectors.reports_seen_by, "report_id")

    @writes(
        ReportSerializer,
        seen(selectors.reports_of, "report_id"),
        body=CorrectReportSerializer,
        edits=True,
    )
    def patch(self, user: User, report: Report, **changes: Any) -> Report:
        """Correct my report until it is accepted: ``PATCH /api/v1/reports/{report_id}``.

        With another ``category`` come the ``answers`` to its questions.
        """
        if estate_id := changes.pop("estate_id", None):
            changes["estate"] = estate_in(report.community, estate_id)
        return correcting.correct(report=report, reporter=user, changes=changes)


class PhotoView(APIView):
    """Show a report's photo: ``GET /api/v1/reports/{report_id}/photos/{photo_id}``.

    For its reporter and staff; shared caches must not keep it.
    """

    renderer_classes = (JPEGRenderer,)
    size = "image"

    @extend_schema(responses={(200, JPEGRenderer.media_type): OpenApiTypes.BINARY})
    def get(self, request: Request, **named: Any) -> FileResponse:
        report: Any = seen(selectors.reports_seen_by, "report_id")(request, **named)
        photo = get_object_or_404(report.photos.exclude(image=""), pk=named["photo_id"])
        file = getattr(photo, self.size)
        reading.note_reading(reader=signed_in(request), reports=[report])
        return FileResponse(
            file.open(),
            content_type=JPEGRenderer.media_type,
            headers={"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"},
        )


class ThumbnailView(PhotoView):
    """Show it small: ``GET /api/v1/reports/{report_id}/photos/{photo_id}/thumbnail``."""

    size = "thumbnail"
