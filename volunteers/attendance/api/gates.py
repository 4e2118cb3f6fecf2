"""Codes for checking in: the venue's, the page at its door that shows it, and my own."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.code_pictures import CodePictureView
from backend.api.serializers import ReadSerializer
from backend.api.views import OpenView, below, nothing, seen, writes
from volunteers.activities.models import Shift
from volunteers.activities.selectors import shifts_handled_by
from volunteers.attendance import codes, selectors
from volunteers.attendance.models.gates import Gate
from volunteers.attendance.services import gates

_HANDLED = seen(shifts_handled_by, "shift_id")


class PresenceCodeSerializer(serializers.Serializer[Any]):
    """A code to be shown now. The next one replaces it in ``seconds_left``."""

    code = serializers.CharField(read_only=True)
    seconds_left = serializers.IntegerField(read_only=True)


def _shown(kind: codes.Kind, row: Any) -> Response:
    now = timezone.now()
    told = {
        "code": codes.code_of(kind, row, at=now),
        "seconds_left": codes.seconds_left(now),
    }
    answer = Response(PresenceCodeSerializer(told).data)
    answer["Cache-Control"] = "no-store"
    return answer


class GateSerializer(ReadSerializer[Gate]):
    """A page at the door, ``path`` below our address; whoever has the link sees the code."""

    shift_id = serializers.UUIDField(read_only=True)
    path = serializers.SerializerMethodField()

    class Meta:
        model = Gate
        fields = ("id", "opened_at", "closed_at")

    def get_path(self, gate: Gate) -> str:
        return f"/gate/{selectors.link_of(gate)}"


class VenueCodeView(APIView):
    """Show the venue's code of a shift, for who handles it.

    ``GET /api/v1/shifts/{shift_id}/venue-code``. It changes every 30 seconds and is good for 30
    more.
    """

    @extend_schema(responses=PresenceCodeSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        return _shown(codes.Kind.VENUE, _HANDLED(request, **named))


class VenueCodePictureView(CodePictureView):
    """Show the venue's code of a shift as a QR code.

    ``GET /api/v1/shifts/{shift_id}/venue-code/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        shift: Any = _HANDLED(request, **named)
        return codes.code_of(codes.Kind.VENUE, shift, at=timezone.now())


class GateView(OpenView[Gate]):
    """Open the link of the page at a shift's door: ``GET /api/v1/shifts/{shift_id}/gate``.

    404 if there is none. For who handles the shift.
    """

    serializer_class = GateSerializer
    finds = below(_HANDLED, selectors.open_gates_of, "shift_id", by="shift")

    @writes(GateSerializer, _HANDLED, shows=finds, status=201)
    def post(self, user: User, shift: Shift) -> Gate:
        """Make the link: ``POST /api/v1/shifts/{shift_id}/gate``.

        The page needs no log-in, shows the code full-screen, renews it, and ends with the shift.
        Idempotent: returns the open one.
        """
        return gates.open_gate(shift=shift, by=user)

    @writes(nothing, finds)
    def delete(self, user: User, gate: Gate) -> None:
        """End the link, say if it got out: ``DELETE /api/v1/shifts/{shift_id}/gate``."""
        gates.close_gate(gate=gate, by=user)


class MyPresenceCodeView(APIView):
    """Show my own code, for who leads the shift to scan.

    ``GET /api/v1/me/presence-codes/{code}``, the code of a community where I volunteer. It names
    nobody, changes every 30 seconds and is good for 30 more.
    """

    @extend_schema(responses=PresenceCodeSerializer)
    def get(self, request: Request, code: str) -> Response:
        return _shown(codes.Kind.OWN, _mine(request, code))


class MyPresenceCodePictureView(CodePictureView):
    """Show my own code as a QR code.

    ``GET /api/v1/me/presence-codes/{code}/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        mine = _mine(request, named["code"])
        return codes.code_of(codes.Kind.OWN, mine, at=timezone.now())


def _mine(request: Request, code: str) -> Any:
    mine = selectors.volunteer_record(signed_in(request), code)
    if mine is None:
        raise Http404
    return mine
