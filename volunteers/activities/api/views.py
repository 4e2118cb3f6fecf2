"""Planning activities and shifts, and signing up for them."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.filters import CommunityFilter
from backend.api.idempotency import below, idempotent, seen
from backend.api.paging import CursorPagination
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, communities_where, community_among
from volunteers.activities import selectors
from volunteers.activities import services as activities
from volunteers.activities.api.serializers import (
    ActivitySerializer,
    PlanActivitySerializer,
    PlanShiftSerializer,
    ShiftSerializer,
)
from volunteers.activities.models import Shift
from volunteers.attendance.api.earnings import told
from volunteers.attendance.api.serializers import AttendanceSerializer
from volunteers.attendance.models import Attendance
from volunteers.attendance.selectors import attendances_of


class SoonestFirst(CursorPagination):
    ordering = ("starts_at", "id")  # type: ignore[assignment]


class OpenShiftListView(ListAPIView[Shift]):
    """Shifts I may still go to, soonest first: ``GET /api/v1/shifts``."""

    serializer_class = ShiftSerializer
    pagination_class = SoonestFirst
    filter_backends = (DjangoFilterBackend,)
    filterset_class = CommunityFilter
    queryset = Shift.objects.none()

    def get_queryset(self) -> QuerySet[Shift]:
        return selectors.shifts_open_to(signed_in(self.request))


class SignUpView(APIView):
    """I will come: ``POST /api/v1/shifts/{shift_id}/attendances``.

    201 with my attendance; 200 with the same one if I have signed up already.
    """

    @extend_schema(request=None, responses={200: AttendanceSerializer, 201: AttendanceSerializer})
    @idempotent(
        seen(attendances_of),
        told(AttendanceSerializer),
        address=seen(selectors.shifts_for, "shift_id"),
        is_required=False,
    )
    def post(self, request: Request, shift_id: UUID) -> Response:
        user = signed_in(request)
        shift = get_object_or_404(selectors.shifts_for(user), pk=shift_id)
        mine = attendances_of(user).filter(shift=shift)
        is_repeated = mine.exclude(status=Attendance.Status.CANCELLED).exists()
        attendance = activities.sign_up(shift=shift, volunteer=user)
        return Response(
            told(AttendanceSerializer)(request, attendance),
            status=status.HTTP_200_OK if is_repeated else status.HTTP_201_CREATED,
        )


class ActivityListView(APIView):
    """Staff plan an activity: ``POST /api/v1/communities/{code}/activities``."""

    @extend_schema(request=PlanActivitySerializer, responses={201: ActivitySerializer})
    @idempotent(in_community(HANDLES, selectors.activities_in), ActivitySerializer)
    def post(self, request: Request, code: str) -> Response:
        community = community_among(communities_where(signed_in(request), HANDLES), code)
        body = PlanActivitySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        activity = activities.plan_activity(community=community, **body.validated_data)
        return Response(ActivitySerializer(activity).data, status=status.HTTP_201_CREATED)


class ShiftListView(APIView):
    """Staff plan a shift of an activity: ``POST /api/v1/activities/{activity_id}/shifts``."""

    @extend_schema(request=PlanShiftSerializer, responses={201: ShiftSerializer})
    @idempotent(
        below(seen(selectors.activities_handled_by, "activity_id"), selectors.shifts_of),
        ShiftSerializer,
    )
    def post(self, request: Request, activity_id: UUID) -> Response:
        handled = selectors.activities_handled_by(signed_in(request))
        activity = get_object_or_404(handled, pk=activity_id)
        body = PlanShiftSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        shift = activities.plan_shift(activity=activity, **body.validated_data)
        planned = selectors.shifts_of(activity).get(pk=shift.pk)
        return Response(ShiftSerializer(planned).data, status=status.HTTP_201_CREATED)
