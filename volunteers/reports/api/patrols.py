"""Patrols: walked and recorded by volunteers, read by staff and auditors."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, IntegerField, TextField
from backend.api.filters import BooleanFilter, CharFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.parsers import PhotoFormParser
from backend.api.renderers import JPEGRenderer
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.api.shown import managed_community, tenant
from backend.communities.models import Community
from volunteers.reports import rounds
from volunteers.reports.models.patrols import Patrol, PatrolCount, PatrolOutcome, PatrolPhoto
from volunteers.reports.selectors import reports_of
from volunteers.reports.services import patrolling


# --- shapes -----------------------------------------------------------------------------------
class PatrolOutcomeSerializer(ReadSerializer[PatrolOutcome]):
    """A kind of outcome that is counted on patrols."""

    class Meta:
        model = PatrolOutcome
        fields = ("code", "name")


class PatrolOutcomesSerializer(ReadSerializer[Community]):
    """The kinds of outcomes that a community counts on patrols."""

    outcomes = serializers.SerializerMethodField()

    class Meta:
        model = Community
        fields = ("code",)

    @extend_schema_field(PatrolOutcomeSerializer(many=True))
    def get_outcomes(self, community: Community) -> object:
        return PatrolOutcomeSerializer(rounds.patrol_outcomes_of(community), many=True).data


class SetPatrolOutcomeSerializer(serializers.Serializer[Any]):
    code = serializers.SlugField(max_length=40)
    name = CharField(max_length=40)


class SetPatrolOutcomesSerializer(serializers.Serializer[Any]):
    """All kinds of outcomes; one that is left out is counted no more, and old counts stay."""

    outcomes = serializers.ListField(child=SetPatrolOutcomeSerializer(), max_length=50)


class PatrolCountSerializer(ReadSerializer[PatrolCount]):
    """The number of one kind of outcome."""

    code = serializers.CharField(source="outcome.code", read_only=True)
    name = serializers.CharField(source="outcome.name", read_only=True)

    class Meta:
        model = PatrolCount
        fields = ("count",)


class PatrolPhotoSerializer(ReadSerializer[PatrolPhoto]):
    """A photo of a patrol, shown at an address of its own."""

    class Meta:
        model = PatrolPhoto
        fields = ("id", "taken_in_at")


class PatrolSerializer(ReadSerializer[Patrol]):
    """A patrol of a community or an ``estate``, recorded by one who walked.

    ``people`` walked it. ``attendance_id`` is the walker's place in the shift in which it was
    walked, or null. ``report_ids`` leave out confidential reports.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    walker = PersonSerializer(read_only=True)
    attendance_id = serializers.UUIDField(read_only=True, allow_null=True)
    counts = PatrolCountSerializer(many=True, read_only=True)
    photos = PatrolPhotoSerializer(many=True, read_only=True)
    report_ids = serializers.SerializerMethodField()

    class Meta:
        model = Patrol
        fields = ("id", "started_at", "ended_at", "people", "note")

    rows_for = staticmethod(rounds.with_what_was_found)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_report_ids(self, patrol: Patrol) -> list[str]:
        return [str(one.report_id) for one in patrol.reports.all()]


class BeginPatrolSerializer(serializers.Serializer[Any]):
    estate_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="An estate of the community; null: all of it."
    )


class CountSerializer(serializers.Serializer[Any]):
    code = serializers.SlugField(max_length=40, help_text="Of a kind that the community counts.")
    count = IntegerField(min_value=0)


class EndPatrolSerializer(serializers.Serializer[Any]):
    """The end of a patrol. ``people`` walked, the walker included."""

    counts = serializers.ListField(child=CountSerializer(), max_length=50)
    people = IntegerField(min_value=1, max_value=1_000, default=1)
    note = TextField(max_length=500, allow_blank=True, default="")

    def validate_counts(self, told: list[dict[str, Any]]) -> dict[str, int]:
        return {one["code"]: one["count"] for one in told}


class LinkReportSerializer(serializers.Serializer[Any]):
    report_id = serializers.UUIDField(help_text="A report of mine that was made on the patrol.")


class PatrolPhotoFormSerializer(serializers.Serializer[Any]):
    photo = serializers.FileField(help_text="A JPEG, PNG or WebP image.")


class PatrolFilter(PeriodFilter):
    moment = "started_at"
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    person = PersonFilter("walker")
    text = TextFilter("walker__name", "note", help_text="Part of the walker's name or the note.")
    ended = BooleanFilter(
        field_name="ended_at", lookup_expr="isnull", exclude=True, help_text="Ended, or under way."
    )


# --- views ------------------------------------------------------------------------------------
MINE = seen(rounds.patrols_of, "patrol_id")


class PatrolOutcomesView(OpenView[Community]):
    """Show what is counted on patrols: ``GET /api/v1/communities/{code}/patrol-outcomes``."""

    serializer_class = PatrolOutcomesSerializer
    finds = tenant

    @writes(PatrolOutcomesSerializer, managed_community, body=SetPatrolOutcomesSerializer)
    def put(self, user: User, community: Community, outcomes: list[Any]) -> None:
        """Set what is counted on patrols: ``PUT /api/v1/communities/{code}/patrol-outcomes``.

        For managers. Idempotent.
        """
        patrolling.set_outcomes(community=community, by=user, outcomes=outcomes)


class BeginPatrolView(APIView):
    """Begin a patrol: ``POST /api/v1/communities/{code}/patrols``.

    For volunteers of the community and its staff, one at a time. Begun while checked in to a
    shift, it belongs to that shift.
    """

    @writes(
        PatrolSerializer,
        tenant,
        body=BeginPatrolSerializer,
        shows=seen(rounds.patrols_of),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, community: Community, **facts: Any) -> Patrol:
        return patrolling.begin(community=community, walker=user, **facts)


class PatrolListView(ListView[Patrol]):
    """List patrols, mine and those where I am staff or auditor: ``GET /api/v1/patrols``.

    Newest first.
    """

    serializer_class = PatrolSerializer
    filterset_class = PatrolFilter
    finds = seen(rounds.patrols_seen_by)


class PatrolView(OpenView[Patrol]):
    """Open a patrol, mine or as staff or auditor: ``GET /api/v1/patrols/{patrol_id}``."""

    serializer_class = PatrolSerializer
    finds = seen(rounds.patrols_seen_by, "patrol_id")


class EndPatrolView(APIView):
    """End a patrol of mine with its counts: ``POST /api/v1/patrols/{patrol_id}/end``.

    Idempotent; other figures are ``patrol_ended``.
    """

    @writes(PatrolSerializer, MINE, body=EndPatrolSerializer)
    def post(self, user: User, patrol: Patrol, **facts: Any) -> Patrol:
        return patrolling.end(patrol=patrol, **facts)


class PatrolReportsView(APIView):
    """Link a report of mine to a patrol of mine: ``POST /api/v1/patrols/{patrol_id}/reports``.

    It was made on the patrol and has not ended. On a patrol within a shift it earns as one made
    during the shift. Idempotent.
    """

    @writes(PatrolSerializer, MINE, body=LinkReportSerializer)
    def post(self, user: User, patrol: Patrol, report_id: Any) -> Patrol:
        theirs = reports_of(user).filter(community=patrol.community_id)
        return patrolling.link(patrol=patrol, report=get_object_or_404(theirs, pk=report_id))


class PatrolPhotosView(APIView):
    """Add a photo to a patrol of mine, by a form: ``POST /api/v1/patrols/{patrol_id}/photos``.

    At most nine (``patrol_photos_full``).
    """

    parser_classes = (PhotoFormParser,)

    @writes(PatrolSerializer, MINE, body=PatrolPhotoFormSerializer, needs_key=True, status=201)
    def post(self, user: User, patrol: Patrol, photo: "UploadedFile[Any]") -> Patrol:
        return patrolling.add_photo(patrol=patrol, photo=photo)


class PatrolPhotoView(APIView):
    """Show a patrol's photo: ``GET /api/v1/patrols/{patrol_id}/photos/{patrol_photo_id}``.

    For its walker, staff and auditors; shared caches must not keep it.
    """

    renderer_classes = (JPEGRenderer,)

    @extend_schema(responses={(200, JPEGRenderer.media_type): OpenApiTypes.BINARY})
    def get(self, request: Request, **named: Any) -> FileResponse:
        patrol: Any = seen(rounds.patrols_seen_by, "patrol_id")(request, **named)
        photo = get_object_or_404(patrol.photos.exclude(image=""), pk=named["patrol_photo_id"])
        return FileResponse(
            photo.image.open(),
            content_type=JPEGRenderer.media_type,
            headers={"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"},
        )
