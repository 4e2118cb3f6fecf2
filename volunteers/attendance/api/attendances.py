"""Signing up, checking in and out, and verifying hours."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.api.callers import signed_in
from backend.api.fields import CharField, DateTimeField
from backend.api.filters import CharFilter, MarkFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.paging import CursorPagination
from backend.api.views import seen
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from volunteers.activities.api.shifts import ShiftInBriefSerializer
from volunteers.activities.selectors import shifts_for, shifts_watched_by
from volunteers.attendance import selectors
from volunteers.attendance.api.earnings import (
    AwardSerializer,
    EarningListView,
    PointsEarnedField,
    earnings,
    told,
    told_with_award,
)
from volunteers.attendance.models import Attendance, RefusedClaim
from volunteers.attendance.services import hours, sign_ups


# --- shapes -----------------------------------------------------------------------------------
class RefusedClaimSerializer(serializers.ModelSerializer[RefusedClaim]):
    """A check-in or check-out that a phone told later and that was refused, with the code why."""

    class Meta:
        model = RefusedClaim
        fields: tuple[str, ...] = ("id", "act", "claimed_at", "nonce", "refused_as", "told_at")
        read_only_fields = fields


class WatchedClaimSerializer(RefusedClaimSerializer):
    """A refused claim as staff and auditors see it."""

    community = CommunityInBriefSerializer(read_only=True)
    attendance_id = serializers.UUIDField(read_only=True)
    shift = ShiftInBriefSerializer(source="attendance.shift", read_only=True)
    volunteer = PersonSerializer(source="attendance.volunteer", read_only=True)

    class Meta(RefusedClaimSerializer.Meta):
        fields = (
            "community",
            "attendance_id",
            "shift",
            "volunteer",
            *RefusedClaimSerializer.Meta.fields,
        )
        read_only_fields = fields


class AttendanceSerializer(serializers.ModelSerializer[Attendance]):
    """An attendance. ``reason`` says why its hours were rejected, ``points`` what they earned."""

    community = CommunityInBriefSerializer(read_only=True)
    shift = ShiftInBriefSerializer(read_only=True)
    points = PointsEarnedField()
    refused_claims = serializers.SerializerMethodField()

    class Meta:
        model = Attendance
        fields: tuple[str, ...] = (
            "id",
            "community",
            "shift",
            "status",
            "signed_up_at",
            "checked_in_at",
            "checked_out_at",
            "worked_minutes",
            "was_offline",
            "check_out_was_forgotten",
            "check_in_claimed_at",
            "check_in_mark",
            "check_out_claimed_at",
            "check_out_mark",
            "refused_claims",
            "verified_at",
            "reason",
            "points",
        )
        read_only_fields = fields

    @extend_schema_field(RefusedClaimSerializer(many=True))
    def get_refused_claims(self, attendance: Attendance) -> object:
        claims = self.context["refused_claims"][attendance.pk]
        return RefusedClaimSerializer(claims, many=True).data


class WatchedAttendanceSerializer(AttendanceSerializer):
    """An attendance as staff and auditors see it."""

    volunteer = PersonSerializer(read_only=True)

    class Meta(AttendanceSerializer.Meta):
        fields = (*AttendanceSerializer.Meta.fields, "volunteer")
        read_only_fields = fields


class VerifiedAttendanceSerializer(WatchedAttendanceSerializer):
    """An attendance with the award that it has just earned."""

    award = serializers.SerializerMethodField()

    class Meta(WatchedAttendanceSerializer.Meta):
        fields = (*WatchedAttendanceSerializer.Meta.fields, "award")
        read_only_fields = fields

    @extend_schema_field(AwardSerializer)
    def get_award(self, attendance: Attendance) -> object:
        return AwardSerializer(self.context["award"]).data


class CheckInSerializer(serializers.Serializer[Any]):
    nonce = CharField(
        max_length=64,
        required=False,
        allow_null=True,
        help_text="One a tap, made by the phone.",
    )
    at = DateTimeField(
        required=False,
        allow_null=True,
        help_text="The time that a phone noted offline.",
    )


class CheckOutSerializer(serializers.Serializer[Any]):
    at = DateTimeField(
        required=False,
        allow_null=True,
        help_text="The time that a phone noted offline.",
    )


class MyAttendanceFilter(PeriodFilter):
    moment, ends = "shift__starts_at", "shift__ends_at"
    status = filters.ChoiceFilter(choices=Attendance.Status.choices)


class AttendanceFilter(MyAttendanceFilter):
    estate = CharFilter(field_name="shift__activity__estate__code", help_text="An estate's code.")
    person = PersonFilter("volunteer")
    shift = filters.UUIDFilter(help_text="A shift's id.")
    activity = filters.UUIDFilter(field_name="shift__activity", help_text="An activity's id.")
    text = TextFilter(
        "volunteer__name",
        "shift__activity__title",
        "shift__activity__place",
        help_text="Part of the volunteer's name, or of the activity's title or place.",
    )
    marked = MarkFilter(
        "check_in_mark",
        "check_out_mark",
        refused=Exists(
            RefusedClaim.objects.filter(community=OuterRef("community"), attendance=OuterRef("pk"))
        ),
    )


class RosterFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Attendance.Status.choices)
    text = TextFilter("volunteer__name", help_text="Part of the volunteer's name.")


class RefusedClaimFilter(PeriodFilter):
    moment = "told_at"
    person = PersonFilter("attendance__volunteer")
    shift = filters.UUIDFilter(field_name="attendance__shift", help_text="A shift's id.")
    text = TextFilter("attendance__volunteer__name", help_text="Part of the volunteer's name.")


class InOrderOfSigningUp(CursorPagination):
    ordering = ("signed_up_at", "id")  # type: ignore[assignment]


# --- the volunteer's own ----------------------------------------------------------------------
class ShiftAttendancesView(EarningListView[Attendance]):
    """Read the roster of a shift: ``GET /api/v1/shifts/{shift_id}/attendances``.

    In the order of signing up, for staff, managers and auditors.
    """

    serializer_class = WatchedAttendanceSerializer
    pagination_class = InOrderOfSigningUp
    filterset_class = RosterFilter
    queryset = Attendance.objects.none()

    def get_queryset(self) -> QuerySet[Attendance]:
        user = signed_in(self.request)
        shift = get_object_or_404(shifts_watched_by(user), pk=self.kwargs["shift_id"])
        return selectors.attendances_watched_by(user).filter(shift=shift)

    @extend_schema(request=None, responses={200: AttendanceSerializer, 201: AttendanceSerializer})
    @idempotent(
        seen(selectors.attendances_of),
        told(AttendanceSerializer),
        address=seen(shifts_for, "shift_id"),
        is_required=False,
    )
    def post(self, request: Request, shift_id: UUID) -> Response:
        """Sign up for a shift: ``POST /api/v1/shifts/{shift_id}/attendances``.

        201 with my attendance, 200 if I have signed up already. Refused with ``shift_full``,
        ``shift_over``, ``shift_cancelled``, ``guardian_consent_required``.
        """
        user = signed_in(request)
        shift = get_object_or_404(shifts_for(user), pk=shift_id)
        mine = selectors.attendances_of(user).filter(shift=shift)
        is_repeated = mine.exclude(status=Attendance.Status.CANCELLED).exists()
        attendance = sign_ups.sign_up(shift=shift, volunteer=user)
        return Response(
            told(AttendanceSerializer)(request, attendance),
            status=status.HTTP_200_OK if is_repeated else status.HTTP_201_CREATED,
        )


class MyAttendanceListView(EarningListView[Attendance]):
    """List what I signed up for, newest first: ``GET /api/v1/me/attendances``."""

    serializer_class = AttendanceSerializer
    filterset_class = MyAttendanceFilter
    queryset = Attendance.objects.none()

    def get_queryset(self) -> QuerySet[Attendance]:
        return selectors.attendances_of(signed_in(self.request))


class MyAttendanceView(APIView):
    """Open one of my attendances: ``GET /api/v1/me/attendances/{attendance_id}``."""

    @extend_schema(responses=AttendanceSerializer)
    def get(self, request: Request, attendance_id: UUID) -> Response:
        return mine_answered(mine(request, attendance_id))


class CheckInView(APIView):
    """Check in: ``POST /api/v1/me/attendances/{attendance_id}/check-in``.

    Idempotent: with the same ``nonce``, or while checked in, it answers with the first check-in. A
    time that cannot be right counts as the nearest that can, and ``check_in_mark`` says so. Refused
    with ``check_in_too_early``, ``check_in_too_late``, ``already_elsewhere``, ``nonce_reused``,
    ``attendance_status_wrong``, ``not_a_volunteer_here``, ``guardian_consent_required``.
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
    """Check out: ``POST /api/v1/me/attendances/{attendance_id}/check-out``.

    Idempotent. Refused with ``checked_out_before_in``, ``check_in_too_late``,
    ``attendance_status_wrong``.
    """

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
    """Give my place back: ``POST /api/v1/me/attendances/{attendance_id}/cancel``.

    Idempotent. Refused with ``attendance_status_wrong`` once I checked in.
    """

    @extend_schema(request=None, responses=AttendanceSerializer)
    @idempotent(
        seen(selectors.attendances_of, "attendance_id"),
        told(AttendanceSerializer),
        is_required=False,
    )
    def post(self, request: Request, attendance_id: UUID) -> Response:
        attendance = mine(request, attendance_id)
        return mine_answered(sign_ups.cancel(attendance=attendance))


def mine(request: Request, attendance_id: UUID) -> Attendance:
    """Return an attendance of the caller, or raise Http404."""
    return get_object_or_404(selectors.attendances_of(signed_in(request)), pk=attendance_id)


def mine_answered(attendance: Attendance) -> Response:
    return Response(AttendanceSerializer(attendance, context=earnings(attendance)).data)


# --- staff ------------------------------------------------------------------------------------
class AttendanceListView(EarningListView[Attendance]):
    """List attendances where I am staff or auditor, newest first: ``GET /api/v1/attendances``."""

    serializer_class = WatchedAttendanceSerializer
    filterset_class = AttendanceFilter
    queryset = Attendance.objects.none()

    def get_queryset(self) -> QuerySet[Attendance]:
        return selectors.attendances_watched_by(signed_in(self.request))


class AttendanceView(APIView):
    """Open one attendance, as staff or auditor: ``GET /api/v1/attendances/{attendance_id}``."""

    @extend_schema(responses=WatchedAttendanceSerializer)
    def get(self, request: Request, attendance_id: UUID) -> Response:
        watched = selectors.attendances_watched_by(signed_in(request))
        attendance = get_object_or_404(watched, pk=attendance_id)
        return Response(WatchedAttendanceSerializer(attendance, context=earnings(attendance)).data)


class VerifyView(APIView):
    """Verify hours, which earn points then: ``POST /api/v1/attendances/{attendance_id}/verify``.

    Idempotent: answers with the first award. Refused with ``own_hours``, ``rule_missing``,
    ``attendance_status_wrong``.
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
    """Reject hours and tell why: ``POST /api/v1/attendances/{attendance_id}/reject``.

    Idempotent: keeps the first reason. Refused with ``own_hours``, ``attendance_status_wrong``.
    """

    @extend_schema(request=ReasonSerializer, responses=WatchedAttendanceSerializer)
    @idempotent(
        seen(selectors.attendances_handled_by, "attendance_id"),
        told(WatchedAttendanceSerializer),
        is_required=False,
    )
    def post(self, request: Request, attendance_id: UUID) -> Response:
        user = signed_in(request)
        attendance = get_object_or_404(selectors.attendances_handled_by(user), pk=attendance_id)
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        attendance = hours.reject(attendance=attendance, verifier=user, **body.validated_data)
        return Response(WatchedAttendanceSerializer(attendance, context=earnings(attendance)).data)


class RefusedClaimListView(ListAPIView[RefusedClaim]):
    """List refused claims where I am staff or auditor: ``GET /api/v1/refused-claims``.

    Newest first: what phones told later and was not taken, for somebody to look at.
    """

    serializer_class = WatchedClaimSerializer
    filterset_class = RefusedClaimFilter
    queryset = RefusedClaim.objects.none()

    def get_queryset(self) -> QuerySet[RefusedClaim]:
        return selectors.refused_claims_watched_by(signed_in(self.request))


class RefusedClaimView(APIView):
    """Open one refused claim: ``GET /api/v1/refused-claims/{claim_id}``."""

    @extend_schema(responses=WatchedClaimSerializer)
    def get(self, request: Request, claim_id: UUID) -> Response:
        watched = selectors.refused_claims_watched_by(signed_in(request))
        return Response(WatchedClaimSerializer(get_object_or_404(watched, pk=claim_id)).data)
