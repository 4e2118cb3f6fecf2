"""Activities: read by volunteers and the public, planned, changed and cancelled by staff."""

from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField
from backend.api.filters import CharFilter, PeriodFilter, TextFilter
from backend.api.permissions import SecondFactorToWrite
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import reached_place
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, community_among
from backend.events.models import Status
from volunteers.activities import selectors, services
from volunteers.activities.api.shifts import PlacesSerializer
from volunteers.activities.models import Activity, Shift
from volunteers.attendance.selectors import with_places
from volunteers.attendance.services import planning


class ActivitySerializer(ReadSerializer[Activity]):
    """An activity of a community or an ``estate``. ``reason`` says why it was cancelled."""

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Activity
        fields = (
            "id",
            "title",
            "category",
            "place",
            "is_public",
            "status",
            "reason",
            "cancelled_at",
        )


class PublicActivitySerializer(ReadSerializer[Activity]):
    """A public activity and its coming shifts, soonest first."""

    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    shifts = PlacesSerializer(source="to_come", many=True, read_only=True)

    class Meta:
        model = Activity
        fields = ("id", "title", "category", "place")


class PlanActivitySerializer(serializers.Serializer[Any]):
    """An activity. A change keeps the fields that it leaves out."""

    title = CharField(max_length=80)
    category = CharField(max_length=40, help_text="Decides what the hours of the activity earn.")
    place = CharField(max_length=120, required=False, allow_blank=True)
    is_public = serializers.BooleanField(
        required=False, help_text="Whether everybody reads of it, before joining the community."
    )


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


def _place(request: Request, **names: Any) -> Community:
    """Return the community or estate that the address calls ``code``."""
    places = Community.objects.exclude(kind=Community.Kind.STREET)
    return community_among(places, names["code"])


def _public(place: Community) -> QuerySet[Activity]:
    to_come = Shift.objects.filter(selectors.IS_TO_COME, community=place.whose["community_id"])
    shifts = with_places(to_come.order_by("starts_at", "id"))
    return selectors.public_activities(place).prefetch_related(
        Prefetch("shifts", shifts, to_attr="to_come")
    )


class CommunityActivitiesView(ListView[Activity]):
    """List the public activities of a community or estate, newest first, with coming shifts.

    ``GET /api/v1/communities/{code}/activities``. Public.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = PublicActivitySerializer
    finds = below(_place, _public)

    @writes(
        ActivitySerializer,
        reached_place(HANDLES),
        body=PlanActivitySerializer,
        creates=selectors.activities_in,
    )
    def post(self, user: User, place: Community, /, **facts: Any) -> Activity:
        """Plan an activity: ``POST /api/v1/communities/{code}/activities``.

        It belongs to the community or estate that ``code`` names. For its staff and managers.
        """
        return services.plan_activity(community=place, **facts)


class PublicActivityView(OpenView[Activity]):
    """Open a public activity: ``GET /api/v1/communities/{code}/activities/{activity_id}``.

    Public, as long as it has coming shifts.
    """

    permission_classes = (AllowAny,)
    serializer_class = PublicActivitySerializer
    finds = below(_place, _public, "activity_id")


class ActivityListView(ListView[Activity]):
    """List activities where I volunteer, am staff or audit: ``GET /api/v1/activities``.

    Newest first. ``day``, ``since`` and ``until`` find activities with a shift on those days.
    """

    serializer_class = ActivitySerializer
    filterset_class = ActivityFilter
    finds = seen(selectors.activities_seen_by)


class ActivityView(OpenView[Activity]):
    """Open an activity: ``GET /api/v1/activities/{activity_id}``."""

    serializer_class = ActivitySerializer
    finds = seen(selectors.activities_seen_by, "activity_id")

    @writes(
        ActivitySerializer,
        seen(selectors.activities_handled_by, "activity_id"),
        body=PlanActivitySerializer,
        edits=True,
    )
    def patch(self, user: User, activity: Activity, **changes: Any) -> Activity:
        """Change an activity: ``PATCH /api/v1/activities/{activity_id}``.

        For staff and managers. The category stays once somebody has checked in
        (``activity_attended``).
        """
        return planning.change_activity(activity=activity, changed_by=user, changes=changes)


class CancelActivityView(APIView):
    """Cancel an activity and its shifts: ``POST /api/v1/activities/{activity_id}/cancel``.

    For staff and managers. Shifts that are over stay. People who signed up for the others are told
    the ``reason``. Idempotent.
    """

    @writes(
        ActivitySerializer,
        seen(selectors.activities_handled_by, "activity_id"),
        body=ReasonSerializer,
    )
    def post(self, user: User, activity: Activity, **facts: Any) -> Activity:
        return planning.cancel_activity(activity=activity, cancelled_by=user, **facts)
