"""Shifts: read by volunteers, planned, changed and cancelled by staff."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import DateTimeField, IntegerField
from backend.api.filters import CharFilter, PeriodFilter, TextFilter
from backend.api.idempotency import below, idempotent, seen
from backend.api.paging import CursorPagination
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from volunteers.activities import selectors, services
from volunteers.activities.models import Activity, Shift, Status
from volunteers.attendance.models import Attendance
from volunteers.attendance.selectors import with_places
from volunteers.attendance.services import planning


class ActivityInBriefSerializer(serializers.ModelSerializer[Activity]):
    class Meta:
        model = Activity
        fields = ("id", "title", "category", "place")
        read_only_fields = fields


class ShiftInBriefSerializer(serializers.ModelSerializer[Shift]):
    activity = ActivityInBriefSerializer(read_only=True)

    class Meta:
        model = Shift
        fields = ("id", "starts_at", "ends_at", "activity")
        read_only_fields = fields


class PlacesSerializer(serializers.ModelSerializer[Shift]):
    """A shift and its places. ``capacity`` is null where any number may come."""

    places_taken = serializers.IntegerField(read_only=True)

    class Meta:
        model = Shift
        fields: tuple[str, ...] = ("id", "starts_at", "ends_at", "capacity", "places_taken")
        read_only_fields = fields


class MyAttendanceSerializer(serializers.Serializer[Any]):
    """The caller's own attendance at a shift."""

    id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=Attendance.Status.choices, read_only=True)


class ShiftSerializer(PlacesSerializer):
    """A shift. ``my_attendance`` is null if I never signed up; ``capacity`` for any number.

    ``reason`` says why the shift was cancelled.
    """

    community = CommunityInBriefSerializer(read_only=True)
    activity = ActivityInBriefSerializer(read_only=True)
    my_attendance = MyAttendanceSerializer(read_only=True, allow_null=True)

    class Meta(PlacesSerializer.Meta):
        fields = (
            "community",
            "activity",
            *PlacesSerializer.Meta.fields,
            "status",
            "reason",
            "cancelled_at",
            "my_attendance",
        )
        read_only_fields = fields


class ChangeShiftSerializer(serializers.Serializer[Any]):
    """Fields that are left out stay as they are."""

    starts_at = DateTimeField(required=False)
    ends_at = DateTimeField(required=False)
    capacity = IntegerField(
        min_value=1,
        max_value=10_000,
        required=False,
        allow_null=True,
        help_text="Null: any number.",
    )


class PlanShiftSerializer(ChangeShiftSerializer):
    """A new shift."""

    starts_at = DateTimeField()
    ends_at = DateTimeField()


class ShiftFilter(PeriodFilter):
    """Leaves out shifts that are over or cancelled unless a day, a period or a status is given."""

    moment, ends = "starts_at", "ends_at"
    estate = CharFilter(field_name="activity__estate__code", help_text="An estate's code.")
    activity = filters.UUIDFilter(help_text="An activity's id.")
    status = filters.ChoiceFilter(choices=Status.choices)
    text = TextFilter(
        "activity__title",
        "activity__category",
        "activity__place",
        help_text="Part of the activity's title, category or place.",
    )

    def filter_queryset(self, found: QuerySet[Shift]) -> QuerySet[Shift]:
        narrowed: QuerySet[Shift] = super().filter_queryset(found)
        asked = any(self.form.cleaned_data[name] for name in ("day", "since", "until", "status"))
        return narrowed if asked else narrowed.filter(selectors.IS_TO_COME)


class SoonestFirst(CursorPagination):
    ordering = ("starts_at", "id")  # type: ignore[assignment]


class ActivityShiftsView(ListAPIView[Shift]):
    """List the shifts of an activity: ``GET /api/v1/activities/{activity_id}/shifts``.

    Soonest first, past and cancelled ones too.
    """

    serializer_class = ShiftSerializer
    pagination_class = SoonestFirst
    queryset = Shift.objects.none()

    def get_queryset(self) -> QuerySet[Shift]:
        user = signed_in(self.request)
        visible = selectors.activities_seen_by(user)
        activity = get_object_or_404(visible, pk=self.kwargs["activity_id"])
        return with_places(selectors.shifts_of(activity), user)

    @extend_schema(request=PlanShiftSerializer, responses={201: ShiftSerializer})
    @idempotent(
        below(seen(selectors.activities_handled_by, "activity_id"), selectors.shifts_of),
        lambda request, shift: shift_told(request, shift),
    )
    def post(self, request: Request, activity_id: UUID) -> Response:
        """Plan a shift of an activity: ``POST /api/v1/activities/{activity_id}/shifts``.

        For staff and managers. Refused with ``shift_times_invalid``, ``activity_cancelled``.
        """
        handled = selectors.activities_handled_by(signed_in(request))
        activity = get_object_or_404(handled, pk=activity_id)
        body = PlanShiftSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        shift = services.plan_shift(activity=activity, **body.validated_data)
        return Response(shift_told(request, shift), status=status.HTTP_201_CREATED)


class ShiftListView(ListAPIView[Shift]):
    """List shifts where I volunteer, am staff or audit, soonest first: ``GET /api/v1/shifts``.

    Shifts that are over or cancelled are listed only if ``day``, ``since``, ``until`` or
    ``status`` is given.
    """

    serializer_class = ShiftSerializer
    pagination_class = SoonestFirst
    filter_backends = (filters.DjangoFilterBackend,)
    filterset_class = ShiftFilter
    queryset = Shift.objects.none()

    def get_queryset(self) -> QuerySet[Shift]:
        user = signed_in(self.request)
        return with_places(selectors.shifts_seen_by(user), user)


class ShiftView(APIView):
    """Open a shift: ``GET /api/v1/shifts/{shift_id}``."""

    @extend_schema(responses=ShiftSerializer)
    def get(self, request: Request, shift_id: UUID) -> Response:
        visible = selectors.shifts_seen_by(signed_in(request))
        return Response(shift_told(request, get_object_or_404(visible, pk=shift_id)))

    @extend_schema(request=ChangeShiftSerializer, responses=ShiftSerializer)
    @idempotent(
        seen(selectors.shifts_handled_by, "shift_id"),
        lambda request, shift: shift_told(request, shift),
        is_required=False,
        edits=True,
    )
    def patch(self, request: Request, shift_id: UUID) -> Response:
        """Change a shift: ``PATCH /api/v1/shifts/{shift_id}``.

        For staff and managers. Whoever signed up is told new times. Refused with
        ``shift_cancelled``, ``shift_over``, ``shift_times_invalid``,
        ``shift_attended`` (the times stay once somebody checked in),
        ``already_elsewhere`` (so many ``volunteers`` would be in two places) and
        ``capacity_too_small`` (below ``places_taken``).
        """
        handled = selectors.shifts_handled_by(signed_in(request))
        shift = get_object_or_404(handled, pk=shift_id)
        body = ChangeShiftSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        shift = planning.change_shift(
            shift=shift, changed_by=signed_in(request), changes=body.validated_data
        )
        return Response(shift_told(request, shift))


class CancelShiftView(APIView):
    """Cancel a shift: ``POST /api/v1/shifts/{shift_id}/cancel``.

    For staff and managers. Whoever signed up is told the ``reason`` and their places end as
    cancelled; who has checked in keeps their hours. Idempotent. Refused with ``shift_over``,
    ``shift_verified``.
    """

    @extend_schema(request=ReasonSerializer, responses=ShiftSerializer)
    @idempotent(
        seen(selectors.shifts_handled_by, "shift_id"),
        lambda request, shift: shift_told(request, shift),
        is_required=False,
    )
    def post(self, request: Request, shift_id: UUID) -> Response:
        handled = selectors.shifts_handled_by(signed_in(request))
        shift = get_object_or_404(handled, pk=shift_id)
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        shift = planning.cancel_shift(
            shift=shift, cancelled_by=signed_in(request), **body.validated_data
        )
        return Response(shift_told(request, shift))


def shift_told(request: Request, shift: Shift) -> Any:
    """Render one shift with its places, as the caller sees it."""
    one = selectors.shifts_of(shift.activity).filter(pk=shift.pk)
    return ShiftSerializer(with_places(one, signed_in(request)).get()).data
