"""Checking in and out, and what staff make of the hours."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent, seen
from volunteers.activities import services as activities
from volunteers.attendance import selectors
from volunteers.attendance.api.earnings import EarningListView, earnings, told, told_with_award
from volunteers.attendance.api.filters import AttendanceFilter, MyAttendanceFilter
from volunteers.attendance.api.serializers import (
    AttendanceSerializer,
    CheckInSerializer,
    CheckOutSerializer,
    RejectSerializer,
    VerifiedAttendanceSerializer,
    WatchedAttendanceSerializer,
)
from volunteers.attendance.models import Attendance
from volunteers.attendance.services import hours


# --- the volunteer's own ----------------------------------------------------------------------
class MyAttendanceListView(EarningListView[Attendance]):
    """What I signed up for, newest first: ``GET /api/v1/me/attendances``."""

    serializer_class = AttendanceSerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_class = MyAttendanceFilter
    queryset = Attendance.objects.none()

    def get_queryset(self) -> QuerySet[Attendance]:
        return selectors.attendances_of(signed_in(self.request))


class MyAttendanceView(APIView):
    """One of them: ``GET /api/v1/me/attendances/{attendance_id}``."""

    @extend_schema(responses=AttendanceSerializer)
    def get(self, request: Request, attendance_id: UUID) -> Response:
        return mine_answered(mine(request, attendance_id))


class CheckInView(APIView):
    """I am here: ``POST /api/v1/me/attendances/{attendance_id}/check-in``.

    Sent again, with the same nonce or while checked in, it answers the first check-in. A time that
    could not have been counts as the nearest that could, marked in ``check_in_mark``.
    """

    @extend_schema(request=CheckInSerializer, responses=AttendanceSerializer)
    @idempotent(
        seen(selectors.attendances_of, "attendance_id"),
        told(AttendanceSerializer),
        is_required=False,
    )
    def post(self, request: Request, attendance_id: UUID) -> Response:
        attendance = mine(request, attendance_id)
        body = CheckInSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return mine_answered(hours.check_in(attendance=attendance, **body.validated_data))


class CheckOutView(APIView):
    """I am leaving: ``POST /api/v1/me/attendances/{attendance_id}/check-out``."""

    @extend_schema(request=CheckOutSerializer, responses=AttendanceSerializer)
    @idempotent(
        seen(selectors.attendances_of, "attendance_id"),
        told(AttendanceSerializer),
        is_required=False,
    )
    def post(self, request: Request, attendance_id: UUID) -> Response:
        attendance = mine(request, attendance_id)
        body = CheckOutSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return mine_answered(hours.check_out(attendance=attendance, **body.validated_data))


class CancelView(APIView):
    """I will not come: ``POST /api/v1/me/attendances/{attendance_id}/cancel``."""

    @extend_schema(request=None, responses=AttendanceSerializer)
    @idempotent(
        seen(selectors.attendances_of, "attendance_id"),
        told(AttendanceSerializer),
        is_required=False,
    )
    def post(self, request: Request, attendance_id: UUID) -> Response:
        attendance = mine(request, attendance_id)
        return mine_answered(activities.cancel_sign_up(attendance=attendance))


def mine(request: Request, attendance_id: UUID) -> Attendance:
    """The caller's own attendance, or 404."""
    return get_object_or_404(selectors.attendances_of(signed_in(request)), pk=attendance_id)


def mine_answered(attendance: Attendance) -> Response:
    return Response(AttendanceSerializer(attendance, context=earnings(attendance)).data)


# --- staff ------------------------------------------------------------------------------------
class AttendanceListView(EarningListView[Attendance]):
    """All attendances where I am staff or auditor, newest first: ``GET /api/v1/attendances``."""

    serializer_class = WatchedAttendanceSerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_class = AttendanceFilter
    queryset = Attendance.objects.none()

    def get_queryset(self) -> QuerySet[Attendance]:
        return selectors.attendances_watched_by(signed_in(self.request))


class AttendanceView(APIView):
    """One of them: ``GET /api/v1/attendances/{attendance_id}``."""

    @extend_schema(responses=WatchedAttendanceSerializer)
    def get(self, request: Request, attendance_id: UUID) -> Response:
        watched = selectors.attendances_watched_by(signed_in(request))
        attendance = get_object_or_404(watched, pk=attendance_id)
        return Response(WatchedAttendanceSerializer(attendance, context=earnings(attendance)).data)


class VerifyView(APIView):
    """Staff confirm the hours, and they earn: ``POST /api/v1/attendances/{attendance_id}/verify``.

    Of hours that are verified already it answers the first award.
    """

    @extend_schema(request=None, responses=VerifiedAttendanceSerializer)
    @idempotent(
        seen(selectors.attendances_handled_by, "attendance_id"),
        told_with_award(VerifiedAttendanceSerializer),
    )
    def post(self, request: Request, attendance_id: UUID) -> Response:
        user = signed_in(request)
        handled = selectors.attendances_handled_by(user)
        attendance, award = hours.verify(
            attendance=get_object_or_404(handled, pk=attendance_id), verifier=user
        )
        context = earnings(attendance) | {"award": award}
        return Response(VerifiedAttendanceSerializer(attendance, context=context).data)


class RejectView(APIView):
    """Staff find the hours not served: ``POST /api/v1/attendances/{attendance_id}/reject``."""

    @extend_schema(request=RejectSerializer, responses=WatchedAttendanceSerializer)
    @idempotent(
        seen(selectors.attendances_handled_by, "attendance_id"),
        told(WatchedAttendanceSerializer),
        is_required=False,
    )
    def post(self, request: Request, attendance_id: UUID) -> Response:
        user = signed_in(request)
        attendance = get_object_or_404(selectors.attendances_handled_by(user), pk=attendance_id)
        body = RejectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        attendance = hours.reject(attendance=attendance, verifier=user, **body.validated_data)
        return Response(WatchedAttendanceSerializer(attendance, context=earnings(attendance)).data)
