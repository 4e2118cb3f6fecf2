"""Activities: read by volunteers and the public, planned, changed and cancelled by staff."""

from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import CharField, IntegerField, TimeOfDayField
from backend.api.filters import CharFilter, PeriodFilter, TextFilter
from backend.api.permissions import SecondFactorToWrite
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import community, managed_community
from backend.communities.models import Community
from backend.communities.selectors import (
    BELONGS,
    HANDLES,
    community_among,
    working_places_where,
)
from backend.events.api import SeriesInBriefSerializer, VenueInBriefSerializer
from backend.events.models import Status
from volunteers.activities import selectors, services
from volunteers.activities.api.near import NearFilter
from volunteers.activities.api.shifts import MineFilter, PlacesSerializer, PlacesWantedSerializer
from volunteers.activities.models import (
    Activity,
    CheckInMode,
    ServicePolicy,
    Shift,
    ShiftPattern,
)
from volunteers.attendance.selectors import with_places
from volunteers.attendance.services import planning
from volunteers.teams.api import TeamInBriefSerializer
from volunteers.teams.selectors import led_by


class ActivitySerializer(ReadSerializer[Activity]):
    """An activity of a community or an ``estate``. ``reason`` says why it was cancelled.

    ``serves_id`` is the person who is helped; only staff are told. ``longest_minutes`` count at
    most of one shift, ``most_minutes`` of all shifts of one volunteer.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    team = TeamInBriefSerializer(read_only=True, allow_null=True)
    series = SeriesInBriefSerializer(read_only=True, allow_null=True)
    venue = VenueInBriefSerializer(read_only=True, allow_null=True)
    serves_id = serializers.UUIDField(source="serves_told", read_only=True, allow_null=True)

    class Meta:
        model = Activity
        fields = (
            "id",
            "title",
            "category",
            "description",
            "place",
            "is_public",
            "check_in_mode",
            "geofence_metres",
            "walk_ins",
            "min_age",
            "skills",
            "longest_minutes",
            "most_minutes",
            "status",
            "reason",
            "cancelled_at",
        )

    rows_for = staticmethod(selectors.with_serves)


class PublicActivitySerializer(ReadSerializer[Activity]):
    """A public activity and its coming shifts, soonest first."""

    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    venue = VenueInBriefSerializer(read_only=True, allow_null=True)
    shifts = PlacesSerializer(source="to_come", many=True, read_only=True)

    class Meta:
        model = Activity
        fields = ("id", "title", "category", "description", "place", "min_age", "skills")


class ChangeActivitySerializer(serializers.Serializer[Any]):
    """An activity. A change keeps the fields that it leaves out."""

    title = CharField(max_length=80)
    category = CharField(
        max_length=40,
        help_text="Decides what the hours of the activity earn. One of the community's list, if it"
        " has one.",
    )
    description = CharField(max_length=500, required=False, allow_blank=True)
    team_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="A team, whose leaders handle it; its estate becomes the activity's. Null: none.",
    )
    venue_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="A venue's id. Null: none."
    )
    place = CharField(max_length=120, required=False, allow_blank=True)
    is_public = serializers.BooleanField(
        required=False, help_text="Whether everybody reads of it, before joining the community."
    )
    check_in_mode = serializers.ChoiceField(choices=CheckInMode.choices, required=False)
    geofence_metres = IntegerField(
        min_value=10,
        max_value=100_000,
        required=False,
        allow_null=True,
        help_text="How far from the venue one may check in; others are looked at. Null: anywhere.",
    )
    walk_ins = serializers.BooleanField(
        required=False, help_text="Whether one may check in without having signed up."
    )
    min_age = IntegerField(min_value=1, max_value=120, required=False, allow_null=True)
    skills = serializers.ListField(
        child=CharField(max_length=20),
        max_length=10,
        required=False,
        help_text="Skills that are wanted, not required.",
    )
    longest_minutes = IntegerField(min_value=1, max_value=1_440, required=False, allow_null=True)
    most_minutes = IntegerField(min_value=1, required=False, allow_null=True)
    serves_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The id of a person who is enrolled there and is helped. Null: nobody in person.",
    )


class PlanActivitySerializer(ChangeActivitySerializer):
    series_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="A series, whose occurrences have its shifts, and whose venue it takes.",
    )


class SlotSerializer(ReadSerializer[ShiftPattern]):
    from_time = TimeOfDayField(read_only=True)
    until_time = TimeOfDayField(read_only=True)

    class Meta:
        model = ShiftPattern
        fields = ("capacity", "wanted")


class SetSlotSerializer(PlacesWantedSerializer):
    """A shift on each occurrence, by the community's clock; it may end on the next day."""

    from_time = TimeOfDayField()
    until_time = TimeOfDayField()


class SetSlotsSerializer(serializers.Serializer[Any]):
    """All shifts that an activity is to have on each occurrence of its series."""

    patterns = serializers.ListField(child=SetSlotSerializer(), max_length=24)


class PatternsSerializer(ReadSerializer[Activity]):
    """The shifts that an activity has on each occurrence of its series, by the local clock."""

    patterns = SlotSerializer(source="current_patterns", many=True, read_only=True)

    class Meta:
        model = Activity
        fields = ("id",)


class ServicePolicySerializer(ReadSerializer[ServicePolicy]):
    """Decisions of a community about its volunteering.

    With ``categories``, activities are planned as one of them; without, as whatever has a rule.
    ``leaders_verify``: leaders verify the hours of their own teams' activities.
    ``publicity_days`` pass before hours become final. ``longest_day_minutes`` count at most of one
    volunteer's day, null: all.
    """

    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = ServicePolicy
        fields = ("categories", "leaders_verify", "publicity_days", "longest_day_minutes")


class ChangePolicySerializer(serializers.Serializer[Any]):
    """Fields that are left out stay as they are."""

    categories = serializers.ListField(child=CharField(max_length=40), max_length=100)
    leaders_verify = serializers.BooleanField()
    publicity_days = IntegerField(min_value=0, max_value=60)
    longest_day_minutes = IntegerField(min_value=1, max_value=1_440, allow_null=True)


class ActivityFilter(PeriodFilter):
    moment, ends = "starts_at", "ends_at"  # of its shifts
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    status = filters.ChoiceFilter(choices=Status.choices)
    category = CharFilter(help_text="Exactly this category.")
    team = filters.UUIDFilter(help_text="A team's id.")
    series = filters.UUIDFilter(help_text="A series' id.")
    venue = filters.UUIDFilter(help_text="A venue's id.")
    near = NearFilter("venue")
    mine = MineFilter("shift__activity", help_text="Whether I am in one of its shifts.")
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


def _planned_place(request: Request, **names: Any) -> Community:
    """Find the place ``code`` for its staff, and for leaders of a team that is there."""
    user = signed_in(request)
    led = led_by(user)
    of_leaders = Q(pk__in=led.values("community")) | Q(pk__in=led.values("estate"))
    handled = working_places_where(user, HANDLES).values("pk")
    places = Community.objects.exclude(kind=Community.Kind.STREET)
    return community_among(places.filter(of_leaders | Q(pk__in=handled)), names["code"])


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
        _planned_place,
        body=PlanActivitySerializer,
        creates=selectors.planned_in,
    )
    def post(self, user: User, place: Community, /, **facts: Any) -> Activity:
        """Plan an activity: ``POST /api/v1/communities/{code}/activities``.

        It belongs to the community or estate that ``code`` names. For its staff and managers, and
        for leaders of a team there, who plan for their own team (``own_team_only``).
        """
        return services.plan_activity(community=place, planned_by=user, **facts)


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
        body=ChangeActivitySerializer,
        edits=True,
    )
    def patch(self, user: User, activity: Activity, **changes: Any) -> Activity:
        """Change an activity: ``PATCH /api/v1/activities/{activity_id}``.

        For staff and managers, and leaders of its team. People who signed up for coming shifts are
        told another venue or place. The category stays once somebody has checked in
        (``activity_attended``).
        """
        return planning.change_activity(activity=activity, changed_by=user, changes=changes)


class PatternsView(OpenView[Activity]):
    """List the recurring shifts of an activity: ``GET /api/v1/activities/{activity_id}/patterns``.

    Empty for an activity without a series.
    """

    serializer_class = PatternsSerializer
    finds = seen(selectors.activities_seen_by, "activity_id")

    @writes(
        PatternsSerializer,
        seen(selectors.activities_handled_by, "activity_id"),
        body=SetSlotsSerializer,
        edits=True,
    )
    def put(self, user: User, activity: Activity, patterns: list[dict[str, Any]]) -> Activity:
        """Set the recurring shifts: ``PUT /api/v1/activities/{activity_id}/patterns``.

        For staff and managers, and leaders of its team. Occurrences to come get the shifts that are
        new here; shifts that were planned already stay as they are.
        """
        slots = [services.Slot(**pattern) for pattern in patterns]
        return services.set_patterns(activity=activity, slots=slots, by=user)


def _policy(request: Request, **names: Any) -> ServicePolicy:
    return selectors.policy_of(community(BELONGS)(request, **names))


def _managed_policy(request: Request, **names: Any) -> ServicePolicy:
    place: Any = managed_community(request, **names)
    return selectors.policy_of(place)


class ServicePolicyView(OpenView[ServicePolicy]):
    """Show what a community decides: ``GET /api/v1/communities/{code}/service-policy``.

    For everybody who has a role there.
    """

    serializer_class = ServicePolicySerializer
    finds = _policy

    @writes(
        ServicePolicySerializer,
        managed_community,
        body=ChangePolicySerializer,
        shows=_managed_policy,
    )
    def patch(self, user: User, place: Community, **changes: Any) -> ServicePolicy:
        """Change it: ``PATCH /api/v1/communities/{code}/service-policy``. For managers.

        What is planned already keeps its category.
        """
        return services.change_policy(community=place, by=user, changes=changes)


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
