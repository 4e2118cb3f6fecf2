"""Signing up, checking in and out, and verifying hours."""

from typing import Any

from django.db.models import Exists, OuterRef
from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api import files
from backend.api.callers import signed_in
from backend.api.exceptions import title_of
from backend.api.fields import MarkField
from backend.api.filters import CharFilter, MarkFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.idempotency import tell
from backend.api.paging import CursorPagination
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import where_known
from backend.replica import from_replica
from volunteers.activities.api.shifts import ShiftInBriefSerializer
from volunteers.activities.models import Shift
from volunteers.activities.selectors import shifts_for, shifts_watched_by
from volunteers.attendance import selectors, sheets
from volunteers.attendance.api.earnings import AwardedSerializer, EarningSerializer
from volunteers.attendance.api.evidence import (
    ArrivedSerializer,
    ArriveSerializer,
    CheckInSerializer,
    CheckOutSerializer,
    arrived,
)
from volunteers.attendance.api.waiting import AS_WAITING, WaitingPlaceSerializer
from volunteers.attendance.models.attendances import Attendance, PositionMark, RefusedClaim
from volunteers.attendance.models.places import WaitingPlace
from volunteers.attendance.services import gates, hours, presence, sign_ups
from volunteers.attendance.services.presence import Evidence


# --- shapes -----------------------------------------------------------------------------------
class RefusedClaimSerializer(ReadSerializer[RefusedClaim]):
    """A refused check-in or check-out that a phone reported later, with the refusal's code.

    ``refused_because`` is its title.
    """

    refused_because = serializers.SerializerMethodField()

    class Meta:
        model = RefusedClaim
        fields = ("id", "act", "claimed_at", "nonce", "refused_as", "told_at")

    def get_refused_because(self, claim: RefusedClaim) -> str:
        return title_of(claim.refused_as)


class WatchedClaimSerializer(RefusedClaimSerializer):
    """A refused claim as staff and auditors see it; null is what could not be made out."""

    community = CommunityInBriefSerializer(read_only=True)
    attendance_id = serializers.UUIDField(read_only=True, allow_null=True)
    shift = ShiftInBriefSerializer(read_only=True, allow_null=True)
    volunteer = PersonSerializer(read_only=True, allow_null=True)
    told_by = PersonSerializer(read_only=True)

    @classmethod
    def shown_to(cls, reader: User, *claims: RefusedClaim) -> None:
        selectors.hide_phones(reader, claims)


class AttendanceSerializer(EarningSerializer[Attendance]):
    """An attendance. ``points`` were earned; ``reason`` says why its hours do not count."""

    community = CommunityInBriefSerializer(read_only=True)
    shift = ShiftInBriefSerializer(read_only=True)
    volunteer = PersonSerializer(read_only=True)
    refused_claims = RefusedClaimSerializer(many=True, read_only=True)
    cut_by = MarkField(choices=Attendance.Cut.choices)
    position_mark = MarkField(choices=PositionMark.choices)

    class Meta:
        model = Attendance
        fields: tuple[str, ...] = (
            "id",
            "status",
            "signed_up_at",
            "checked_in_at",
            "checked_out_at",
            "worked_minutes",
            "counts_until",
            "proof",
            "is_walk_in",
            "distance_metres",
            "accuracy_metres",
            "was_offline",
            "is_backfilled",
            "check_out_was_forgotten",
            "check_in_claimed_at",
            "check_in_mark",
            "check_out_claimed_at",
            "check_out_mark",
            "verified_at",
            "published_until",
            "voided_at",
            "reason",
        )

    @classmethod
    def context_of(cls, *attendances: Attendance) -> dict[str, Any]:
        selectors.prefetch_refused_claims(attendances)
        # Nothing is earned before somebody has decided, so nothing is asked for.
        return super().context_of(*(one for one in attendances if one.verified_at))

    @classmethod
    def shown_to(cls, reader: User, *attendances: Attendance) -> None:
        selectors.hide_phones(reader, attendances)


class VerifiedAttendanceSerializer(AwardedSerializer[Attendance], AttendanceSerializer):
    """An attendance with the award that it has just earned."""


class SignUpSerializer(serializers.Serializer[Any]):
    waits = serializers.BooleanField(
        required=False, help_text="Whether to wait for a place if the shift is full."
    )


class AttendanceFilter(PeriodFilter):
    moment, ends = "shift__starts_at", "shift__ends_at"
    status = filters.ChoiceFilter(choices=Attendance.Status.choices)
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


class RefusedClaimFilter(PeriodFilter):
    moment = "told_at"
    person = PersonFilter("volunteer")
    shift = filters.UUIDFilter(help_text="A shift's id.")
    text = TextFilter("volunteer__name", help_text="Part of the volunteer's name.")


class InOrderOfSigningUp(CursorPagination):
    ordering = ("signed_up_at", "id")  # type: ignore[assignment]


# --- reading ----------------------------------------------------------------------------------
class AttendanceListView(ListView[Attendance]):
    """List attendances where I am staff or auditor, or lead the team: ``GET /api/v1/attendances``.

    Newest first. Leaders see names, and no phone numbers.
    """

    serializer_class = AttendanceSerializer
    filterset_class = AttendanceFilter
    finds = seen(selectors.attendances_watched_by)


@from_replica
class MyAttendanceListView(AttendanceListView):
    """List my attendances, newest first: ``GET /api/v1/me/attendances``."""

    finds = seen(selectors.attendances_of)

    # No key is kept, because the nonce is one.
    @writes(arrived, body=ArriveSerializer(), shape=ArrivedSerializer, keeps=False)
    def post(self, user: User, nonce: str, evidence: Evidence) -> Attendance:
        """Check in by the venue's code: ``POST /api/v1/me/attendances``.

        Finds the shift by the code. Where the activity allows walk-ins, whoever has not signed up
        is signed up as well. Idempotent, as a check-in is.
        """
        return gates.arrive(volunteer=user, nonce=nonce, evidence=evidence)


class RefusedClaimListView(ListView[RefusedClaim]):
    """List refused claims where I am staff, auditor or leader: ``GET /api/v1/refused-claims``.

    Newest first. These are acts that phones reported later and that were refused.
    """

    serializer_class = WatchedClaimSerializer
    filterset_class = RefusedClaimFilter
    finds = seen(selectors.refused_claims_watched_by)


class RefusedClaimView(OpenView[RefusedClaim]):
    """Open a refused claim: ``GET /api/v1/refused-claims/{claim_id}``."""

    serializer_class = WatchedClaimSerializer
    finds = seen(selectors.refused_claims_watched_by, "claim_id")


# --- the volunteer's own ----------------------------------------------------------------------
class ShiftAttendancesView(AttendanceListView):
    """Read the roster of a shift: ``GET /api/v1/shifts/{shift_id}/attendances``.

    In the order of signing up, for staff, managers, auditors and the leaders of the team.
    """

    pagination_class = InOrderOfSigningUp
    finds = below(seen(shifts_watched_by, "shift_id"), selectors.attendances_at)

    @extend_schema(
        responses={
            200: AttendanceSerializer,
            201: AttendanceSerializer,
            202: WaitingPlaceSerializer,
        }
    )
    @writes(
        AttendanceSerializer,
        seen(shifts_for, "shift_id"),
        within=where_known,
        body=SignUpSerializer,
        shows=seen(selectors.attendances_of),
        status=201,
        waiting=AS_WAITING,
    )
    def post(
        self, user: User, shift: Shift, *, waits: bool = False
    ) -> Attendance | WaitingPlace | Response:
        """Sign up for a shift: ``POST /api/v1/shifts/{shift_id}/attendances``.

        201 with my attendance, 200 if I have signed up already. If the shift is full, 202 with my
        place on its waiting list, provided that I said ``waits``.
        """
        mine = selectors.attendances_at(shift).filter(volunteer=user)
        is_repeated = mine.exclude(status=Attendance.Status.CANCELLED).exists()
        sign_up = sign_ups.sign_up_or_wait if waits else sign_ups.sign_up
        attendance = sign_up(shift=shift, volunteer=user)
        if is_repeated:
            return Response(tell(AttendanceSerializer, self.request, attendance))
        return attendance


@extend_schema(responses=OpenApiTypes.BINARY)
class RosterFileView(APIView):
    """Export the roster of a shift: ``GET /api/v1/shifts/{shift_id}/roster.{format}``.

    ``csv`` or ``xlsx``. For staff, managers, auditors and the leaders of the team. Phone numbers
    are masked, and left out for leaders.
    """

    def get(self, request: Request, **named: Any) -> FileResponse:
        shift: Any = seen(shifts_watched_by, "shift_id")(request, **named)
        return files.answer(request, sheets.roster(shift, signed_in(request)))


MINE = seen(selectors.attendances_of, "attendance_id")


class CheckInView(APIView):
    """Check in: ``POST /api/v1/attendances/{attendance_id}/check-in``.

    Idempotent: with the same ``nonce``, or while checked in, it returns the first check-in. An
    impossible time counts as the nearest possible one, and sets ``check_in_mark``.
    """

    @writes(AttendanceSerializer, MINE, body=CheckInSerializer)
    def post(self, user: User, attendance: Attendance, **facts: Any) -> Attendance:
        return presence.check_in(attendance=attendance, **facts)


class CheckOutView(APIView):
    """Check out: ``POST /api/v1/attendances/{attendance_id}/check-out``. Idempotent."""

    @writes(AttendanceSerializer, MINE, body=CheckOutSerializer)
    def post(self, user: User, attendance: Attendance, **facts: Any) -> Attendance:
        return presence.check_out(attendance=attendance, **facts)


class CancelView(APIView):
    """Cancel my sign-up: ``POST /api/v1/attendances/{attendance_id}/cancel``. Idempotent.

    Only before checking in.
    """

    @writes(AttendanceSerializer, MINE)
    def post(self, user: User, attendance: Attendance) -> Attendance:
        return sign_ups.cancel(attendance=attendance)


# --- staff ------------------------------------------------------------------------------------
HANDLED = seen(selectors.attendances_handled_by, "attendance_id")
MARKED = seen(selectors.attendances_marked_by, "attendance_id")
STAFFS = seen(selectors.attendances_voided_by, "attendance_id")


class VerifyView(APIView):
    """Verify hours, so that they earn: ``POST /api/v1/attendances/{attendance_id}/verify``.

    Idempotent: returns the first award.
    """

    @writes(VerifiedAttendanceSerializer, HANDLED, needs_key=True)
    def post(self, user: User, attendance: Attendance) -> Attendance:
        verified, _award = hours.verify(attendance=attendance, verifier=user)
        return verified


class RejectView(APIView):
    """Reject hours, with a reason: ``POST /api/v1/attendances/{attendance_id}/reject``.

    Idempotent: keeps the first reason.
    """

    @writes(AttendanceSerializer, HANDLED, body=ReasonSerializer)
    def post(self, user: User, attendance: Attendance, **facts: Any) -> Attendance:
        return hours.reject(attendance=attendance, verifier=user, **facts)


class VoidView(APIView):
    """Void verified hours, with a reason: ``POST /api/v1/attendances/{attendance_id}/void``.

    For staff other than who verified them. Takes back what they earned; what was spent of it is
    repaid by what the volunteer earns next, who gets a notice. Idempotent: keeps the first reason.
    """

    @writes(AttendanceSerializer, STAFFS, body=ReasonSerializer, needs_key=True)
    def post(self, user: User, attendance: Attendance, **facts: Any) -> Attendance:
        return hours.void(attendance=attendance, voider=user, **facts)
