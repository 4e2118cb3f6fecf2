"""Shifts: read by volunteers, planned, changed and cancelled by staff."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api import files
from backend.api.callers import signed_in
from backend.api.fields import DateTimeField, IntegerField
from backend.api.filters import BooleanFilter, CharFilter, PeriodFilter, TextFilter
from backend.api.paging import CursorPagination
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import reached_place
from backend.communities.selectors import WATCHES_OVER
from backend.events.models import Status
from backend.tables import none_of
from volunteers.activities import selectors, services, sheets
from volunteers.activities.api.near import NearFilter
from volunteers.activities.models import Activity, Shift
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.selectors import still_wants_people, with_places
from volunteers.attendance.services import planning


class ActivityInBriefSerializer(ReadSerializer[Activity]):
    class Meta:
        model = Activity
        fields = ("id", "title", "category", "place")


class ShiftInBriefSerializer(ReadSerializer[Shift]):
    activity = ActivityInBriefSerializer(read_only=True)

    class Meta:
        model = Shift
        fields = ("id", "starts_at", "ends_at", "activity")


class PlacesSerializer(ReadSerializer[Shift]):
    """A shift and its places. ``capacity`` is null if there is no limit.

    ``wanted`` is how many people are needed, null if nobody said; ``waiting`` how many wait.
    """

    places_taken = serializers.IntegerField(read_only=True)
    waiting = serializers.IntegerField(read_only=True)

    class Meta:
        model = Shift
        fields: tuple[str, ...] = ("id", "starts_at", "ends_at", "capacity", "wanted")


class MyAttendanceSerializer(serializers.Serializer[Any]):
    """The caller's own attendance at a shift."""

    id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=Attendance.Status.choices, read_only=True)


class MyWaitingPlaceSerializer(serializers.Serializer[Any]):
    """The caller's own place on a waiting list; ``position`` 1 is first."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True)


class ShiftSerializer(PlacesSerializer):
    """A shift. ``my_attendance`` is null if I never signed up, ``capacity`` if without limit.

    ``my_waiting_place`` is null unless I wait for a place.
    """

    community = CommunityInBriefSerializer(read_only=True)
    activity = ActivityInBriefSerializer(read_only=True)
    check_in_opens_at = serializers.DateTimeField(read_only=True)
    my_attendance = MyAttendanceSerializer(read_only=True, allow_null=True)
    my_waiting_place = MyWaitingPlaceSerializer(read_only=True, allow_null=True)

    class Meta(PlacesSerializer.Meta):
        fields = (*PlacesSerializer.Meta.fields, "status", "reason", "cancelled_at")

    rows_for = staticmethod(with_places)


class PlacesWantedSerializer(serializers.Serializer[Any]):
    """How many a shift takes, and how many it needs."""

    capacity = IntegerField(
        min_value=1,
        max_value=10_000,
        required=False,
        allow_null=True,
        help_text="Null: any number.",
    )
    wanted = IntegerField(
        min_value=1,
        max_value=10_000,
        required=False,
        allow_null=True,
        help_text="How many are needed, say at rush hour. Null: not said.",
    )


class PlanShiftSerializer(PlacesWantedSerializer):
    """A shift. A change keeps the fields that it leaves out."""

    starts_at = DateTimeField()
    ends_at = DateTimeField()


class MineFilter(BooleanFilter):
    """Filter by whether the caller has a place; ``path`` leads from an attendance to the row."""

    def __init__(self, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path

    def filter(self, found: QuerySet[Any], value: bool | None) -> QuerySet[Any]:
        if value is None:
            return found
        user = signed_in(self.parent.request)
        places = Attendance.objects.filter(
            community=OuterRef("community"), volunteer=user, **{self.path: OuterRef("pk")}
        ).exclude(status=Attendance.Status.CANCELLED)
        return found.filter(Exists(places) if value else none_of(places))


class ShiftFilter(PeriodFilter):
    """Filter of shifts; omits past and cancelled ones unless a day, period or status is given."""

    moment, ends = "starts_at", "ends_at"
    estate = CharFilter(field_name="activity__estate__code", help_text="An estate's code.")
    activity = filters.UUIDFilter(help_text="An activity's id.")
    occurrence = filters.UUIDFilter(help_text="An occurrence's id.")
    category = CharFilter(field_name="activity__category", help_text="Exactly this category.")
    team = filters.UUIDFilter(field_name="activity__team", help_text="A team's id.")
    series = filters.UUIDFilter(field_name="activity__series", help_text="A series' id.")
    venue = filters.UUIDFilter(field_name="activity__venue", help_text="A venue's id.")
    near = NearFilter("activity__venue")
    mine = MineFilter("shift", help_text="Whether I am in.")
    status = filters.ChoiceFilter(choices=Status.choices)
    wants_people = BooleanFilter(
        method="wanting",
        label="Whether fewer people have signed up than are wanted, or fit if no number was set.",
    )
    text = TextFilter(
        "activity__title",
        "activity__category",
        "activity__place",
        help_text="Part of the activity's title, category or place.",
    )

    def wanting(self, found: QuerySet[Shift], name: str, is_wanting: bool) -> QuerySet[Shift]:
        condition = still_wants_people()
        return found.filter(condition) if is_wanting else found.exclude(condition)

    def filter_queryset(self, found: QuerySet[Shift]) -> QuerySet[Shift]:
        narrowed: QuerySet[Shift] = super().filter_queryset(found)
        asked = any(self.form.cleaned_data[name] for name in ("day", "since", "until", "status"))
        return narrowed if asked else narrowed.filter(selectors.IS_TO_COME)


class SoonestFirst(CursorPagination):
    ordering = ("starts_at", "id")  # type: ignore[assignment]


class ActivityShiftsView(ListView[Shift]):
    """List the shifts of an activity: ``GET /api/v1/activities/{activity_id}/shifts``.

    Soonest first, past and cancelled ones too.
    """

    serializer_class = ShiftSerializer
    pagination_class = SoonestFirst
    finds = below(seen(selectors.activities_seen_by, "activity_id"), selectors.shifts_of)

    @writes(
        ShiftSerializer,
        seen(selectors.activities_handled_by, "activity_id"),
        body=PlanShiftSerializer,
        creates=selectors.shifts_of,
    )
    def post(self, user: User, activity: Activity, **facts: Any) -> Shift:
        """Plan a shift of an activity: ``POST /api/v1/activities/{activity_id}/shifts``.

        For staff and managers.
        """
        return services.plan_shift(activity=activity, **facts)


@extend_schema(responses=OpenApiTypes.BINARY, filters=True)
class ShiftsFileView(ListView[Shift]):
    """Write shifts as a spreadsheet: ``GET /api/v1/communities/{code}/shifts.{format}``.

    ``csv`` or ``xlsx``, for staff and auditors of the community or estate. Takes the filters of the
    list of shifts; the file can be imported elsewhere.
    """

    serializer_class = ShiftSerializer
    filterset_class = ShiftFilter
    pagination_class = None
    finds = below(reached_place(WATCHES_OVER), selectors.shifts_in)

    def list(self, request: Request, *args: Any, **named: Any) -> Any:
        shifts = self.filter_queryset(self.get_queryset())
        return files.answer(request, sheets.sheet_of(_("Shifts"), shifts))


class ShiftListView(ListView[Shift]):
    """List shifts where I volunteer, am staff or audit, soonest first: ``GET /api/v1/shifts``.

    Shifts that are over or cancelled are listed only if ``day``, ``since``, ``until`` or
    ``status`` is given.
    """

    serializer_class = ShiftSerializer
    pagination_class = SoonestFirst
    filterset_class = ShiftFilter
    finds = seen(selectors.shifts_seen_by)


class ShiftView(OpenView[Shift]):
    """Open a shift: ``GET /api/v1/shifts/{shift_id}``."""

    serializer_class = ShiftSerializer
    finds = seen(selectors.shifts_seen_by, "shift_id")

    @writes(
        ShiftSerializer,
        seen(selectors.shifts_handled_by, "shift_id"),
        body=PlanShiftSerializer,
        edits=True,
    )
    def patch(self, user: User, shift: Shift, **changes: Any) -> Shift:
        """Change a shift: ``PATCH /api/v1/shifts/{shift_id}``.

        For staff and managers. People who signed up are told new times. Times stay once somebody
        has checked in (``shift_attended``). ``already_elsewhere`` says how many ``volunteers``
        would be in two places, ``capacity_too_small`` how many places are taken.
        """
        return planning.change_shift(shift=shift, changed_by=user, changes=changes)


class CancelShiftView(APIView):
    """Cancel a shift: ``POST /api/v1/shifts/{shift_id}/cancel``.

    For staff and managers. People who signed up are told the ``reason``, and their sign-ups are
    cancelled; people who have checked in keep their hours. Idempotent.
    """

    @writes(ShiftSerializer, seen(selectors.shifts_handled_by, "shift_id"), body=ReasonSerializer)
    def post(self, user: User, shift: Shift, **facts: Any) -> Shift:
        return planning.cancel_shift(shift=shift, cancelled_by=user, **facts)
