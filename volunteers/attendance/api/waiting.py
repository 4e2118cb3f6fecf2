"""Waiting lists: my place in line, and the list of a shift."""

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.filters import CommunityFilter, PersonFilter
from backend.api.idempotency import Waiting
from backend.api.paging import CursorPagination
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from volunteers.activities.api.shifts import ShiftInBriefSerializer
from volunteers.activities.selectors import shifts_watched_by
from volunteers.attendance import selectors
from volunteers.attendance.models.places import WaitingPlace
from volunteers.attendance.services import sign_ups


class WaitingPlaceSerializer(ReadSerializer[WaitingPlace]):
    """A place on the waiting list of a shift. ``position`` 1 is first; null once it has ended."""

    community = CommunityInBriefSerializer(read_only=True)
    shift = ShiftInBriefSerializer(read_only=True)
    volunteer = PersonSerializer(read_only=True)
    position = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = WaitingPlace
        fields = ("id", "status", "since_at", "ended_at")

    rows_for = staticmethod(selectors.with_position)

    @classmethod
    def shown_to(cls, reader: User, *places: WaitingPlace) -> None:
        selectors.hide_phones(reader, places)


AS_WAITING = Waiting(
    row=WaitingPlace, finds=seen(selectors.waiting_places_of), tells=WaitingPlaceSerializer
)


class WaitingPlaceFilter(CommunityFilter):
    status = filters.ChoiceFilter(choices=WaitingPlace.Status.choices)
    shift = filters.UUIDFilter(help_text="A shift's id.")
    person = PersonFilter("volunteer")


class InLine(CursorPagination):
    ordering = ("since_at", "id")  # type: ignore[assignment]


class ShiftWaitingPlacesView(ListView[WaitingPlace]):
    """Read the waiting list of a shift: ``GET /api/v1/shifts/{shift_id}/waiting-places``.

    In line, places that have ended too, for staff, managers and auditors.
    """

    serializer_class = WaitingPlaceSerializer
    filterset_class = WaitingPlaceFilter
    pagination_class = InLine
    finds = below(seen(shifts_watched_by, "shift_id"), selectors.waiting_places_at)


class MyWaitingPlaceListView(ListView[WaitingPlace]):
    """List my places on waiting lists, newest first: ``GET /api/v1/me/waiting-places``."""

    serializer_class = WaitingPlaceSerializer
    filterset_class = WaitingPlaceFilter
    finds = seen(selectors.waiting_places_of)


class WaitingPlaceView(OpenView[WaitingPlace]):
    """Open a place, mine or as staff: ``GET /api/v1/waiting-places/{waiting_place_id}``."""

    serializer_class = WaitingPlaceSerializer
    finds = seen(selectors.waiting_places_seen_by, "waiting_place_id")


class LeaveWaitingPlaceView(APIView):
    """Leave a waiting list: ``POST /api/v1/waiting-places/{waiting_place_id}/leave``.

    Idempotent; changes nothing once I am off it.
    """

    @writes(WaitingPlaceSerializer, seen(selectors.waiting_places_of, "waiting_place_id"))
    def post(self, user: User, waiting_place: WaitingPlace) -> WaitingPlace:
        return sign_ups.stop_waiting(waiting_place=waiting_place)
