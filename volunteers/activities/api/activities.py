"""Activities: read by volunteers and the public, planned, changed and cancelled by staff."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.filters import CharFilter, PeriodFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.permissions import SecondFactorToWrite
from backend.api.views import below, seen
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import reached_place
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, community_among
from volunteers.activities import selectors, services
from volunteers.activities.api.shifts import PlacesSerializer
from volunteers.activities.models import Activity, Shift, Status
from volunteers.attendance.selectors import with_places
from volunteers.attendance.services import planning


class ActivitySerializer(serializers.ModelSerializer[Activity]):
    """An activity of a community, or of an ``estate``. ``reason`` says why it was cancelled."""

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Activity
        fields = (
            "id",
            "community",
            "estate",
            "title",
            "category",
            "place",
            "is_public",
            "status",
            "reason",
            "cancelled_at",
        )
        read_only_fields = fields


class PublicActivitySerializer(serializers.ModelSerializer[Activity]):
    """A public activity and its shifts to come, soonest first."""

    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    shifts = PlacesSerializer(source="to_come", many=True, read_only=True)

    class Meta:
        model = Activity
        fields = ("id", "estate", "title", "category", "place", "shifts")
        read_only_fields = fields


class ChangeActivitySerializer(serializers.Serializer[Any]):
    """Fields that are left out stay as they are."""

    title = CharField(max_length=80, required=False)
    category = CharField(
        max_length=40, required=False, help_text="Decides what the hours of the activity earn."
    )
    place = CharField(max_length=120, required=False, allow_blank=True)
    is_public = serializers.BooleanField(
        required=False, help_text="Whether everybody reads of it, before joining the community."
    )


class PlanActivitySerializer(ChangeActivitySerializer):
    """A new activity. It is not public unless ``is_public`` says so."""

    title = CharField(max_length=80)
    category = CharField(max_length=40, help_text="Decides what the hours of the activity earn.")


class ActivityFilter(PeriodFilter):
    moment, ends = "starts_at", "ends_at"  # of its shifts
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    status = filters.ChoiceFilter(choices=Status.choices)
    text = TextFilter("title", "category", "place", help_text="Part of title, category or place.")

    def in_period(self, found: QuerySet[Activity], name: str, day: date) -> QuerySet[Activity]:
        return found  # one shift has to meet all of them: below

    def filter_queryset(self, found: QuerySet[Activity]) -> QuerySet[Activity]:
        narrowed: QuerySet[Activity] = super().filter_queryset(found)
        asked = [
            self.condition(name, day)
            for name in ("day", "since", "until")
            if (day := self.form.cleaned_data[name])
        ]
        of_activity = Shift.objects.filter(
            *asked, community=OuterRef("community"), activity=OuterRef("pk")
        )
        return narrowed.filter(Exists(of_activity)) if asked else narrowed


class CommunityActivitiesView(ListAPIView[Activity]):
    """List the public activities of a community or estate, newest first, with shifts to come.

    ``GET /api/v1/communities/{code}/activities``. Public.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = PublicActivitySerializer
    queryset = Activity.objects.none()

    def get_queryset(self) -> QuerySet[Activity]:
        places = Community.objects.exclude(kind=Community.Kind.STREET)
        place = community_among(places, self.kwargs["code"])
        to_come = Shift.objects.filter(
            selectors.IS_TO_COME, community=place.whose["community_id"]
        ).order_by("starts_at", "id")
        return selectors.public_activities(place).prefetch_related(
            Prefetch("shifts", with_places(to_come), to_attr="to_come")
        )

    @extend_schema(request=PlanActivitySerializer, responses={201: ActivitySerializer})
    @idempotent(below(reached_place(HANDLES), selectors.activities_in), ActivitySerializer)
    def post(self, request: Request, code: str) -> Response:
        """Plan an activity: ``POST /api/v1/communities/{code}/activities``.

        It belongs to the community or estate that ``code`` names. For its staff and managers.
        """
        place = reached_place(HANDLES)(request, code=code)
        body = PlanActivitySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        activity = services.plan_activity(community=place, **body.validated_data)
        return Response(ActivitySerializer(activity).data, status=status.HTTP_201_CREATED)


class ActivityListView(ListAPIView[Activity]):
    """List activities where I volunteer, am staff or audit: ``GET /api/v1/activities``.

    Newest first. ``day``, ``since`` and ``until`` find activities with a shift then.
    """

    serializer_class = ActivitySerializer
    filterset_class = ActivityFilter
    queryset = Activity.objects.none()

    def get_queryset(self) -> QuerySet[Activity]:
        return selectors.activities_seen_by(signed_in(self.request))


class ActivityView(APIView):
    """Open an activity: ``GET /api/v1/activities/{activity_id}``."""

    @extend_schema(responses=ActivitySerializer)
    def get(self, request: Request, activity_id: UUID) -> Response:
        visible = selectors.activities_seen_by(signed_in(request))
        return Response(ActivitySerializer(get_object_or_404(visible, pk=activity_id)).data)

    @extend_schema(request=ChangeActivitySerializer, responses=ActivitySerializer)
    @idempotent(
        seen(selectors.activities_handled_by, "activity_id"),
        ActivitySerializer,
        is_required=False,
        edits=True,
    )
    def patch(self, request: Request, activity_id: UUID) -> Response:
        """Change an activity: ``PATCH /api/v1/activities/{activity_id}``.

        For staff and managers. Refused with ``activity_cancelled``, and with ``activity_attended``
        if the category would change after somebody checked in.
        """
        activity = get_object_or_404(
            selectors.activities_handled_by(signed_in(request)), pk=activity_id
        )
        body = ChangeActivitySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        activity = planning.change_activity(
            activity=activity, changed_by=signed_in(request), changes=body.validated_data
        )
        return Response(ActivitySerializer(activity).data)


class CancelActivityView(APIView):
    """Cancel an activity and its shifts: ``POST /api/v1/activities/{activity_id}/cancel``.

    For staff and managers. Shifts that are over stay. Whoever signed up for the others is told the
    ``reason``. Idempotent. Refused with ``activity_over``, ``shift_verified``.
    """

    @extend_schema(request=ReasonSerializer, responses=ActivitySerializer)
    @idempotent(
        seen(selectors.activities_handled_by, "activity_id"),
        ActivitySerializer,
        is_required=False,
    )
    def post(self, request: Request, activity_id: UUID) -> Response:
        activity = get_object_or_404(
            selectors.activities_handled_by(signed_in(request)), pk=activity_id
        )
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        activity = planning.cancel_activity(
            activity=activity, cancelled_by=signed_in(request), **body.validated_data
        )
        return Response(ActivitySerializer(activity).data)
