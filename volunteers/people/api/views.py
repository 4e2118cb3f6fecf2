"""Joining a community and leaving it."""

from typing import Any
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
from backend.api.idempotency import idempotent, seen
from backend.communities.selectors import HANDLES, communities_where, community_among, tenants
from volunteers.attendance.api.serializers import RejectSerializer
from volunteers.people import selectors
from volunteers.people.api.filters import JoinRequestFilter
from volunteers.people.api.serializers import (
    AskToJoinSerializer,
    HandledJoinRequestSerializer,
    JoinRequestSerializer,
    VolunteeringSerializer,
)
from volunteers.people.models import JoinRequest, Volunteer
from volunteers.people.services import joining, people


def _volunteering(request: Request, code: str) -> Volunteer:
    """What the caller is or was in that community, or 404."""
    return get_object_or_404(selectors.volunteering_of(signed_in(request)), community__code=code)


# --- the volunteer's own ----------------------------------------------------------------------
class JoinView(APIView):
    """I want to volunteer there: ``POST /api/v1/communities/{code}/join``.

    201 with my request: ``approved`` where the code on the posters came with it, and I am a
    volunteer; ``pending`` until staff have answered it otherwise. 200 with the same one if I have
    asked already. ``estate_id`` is one of those the community's contact names.
    """

    @extend_schema(
        request=AskToJoinSerializer,
        responses={200: JoinRequestSerializer, 201: JoinRequestSerializer},
    )
    @idempotent(seen(selectors.join_requests_of), JoinRequestSerializer, is_required=False)
    def post(self, request: Request, code: str) -> Response:
        community = community_among(tenants(), code)
        body = AskToJoinSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wishes: dict[str, Any] = dict(body.validated_data)
        if estate_id := wishes.pop("estate_id", None):
            wishes["estate"] = selectors.estate_in(community, estate_id)
        asked, is_new = joining.join(user=signed_in(request), community=community, **wishes)
        return Response(
            JoinRequestSerializer(asked).data,
            status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK,
        )


class LeaveView(APIView):
    """I have moved away: ``POST /api/v1/communities/{code}/leave``.

    What I signed up for and has not begun is cancelled, where I am checked in I am checked out, and
    what I hold is given back: nothing can be redeemed. Hours, points and reports stay mine to see.
    Repeating changes nothing.
    """

    @extend_schema(request=None, responses=VolunteeringSerializer)
    @idempotent(_volunteering, VolunteeringSerializer, is_required=False)
    def post(self, request: Request, code: str) -> Response:
        volunteer = _volunteering(request, code)
        return Response(VolunteeringSerializer(people.leave(volunteer=volunteer)).data)


class MyJoinRequestListView(ListAPIView[JoinRequest]):
    """Where I asked to join, newest first: ``GET /api/v1/me/join-requests``."""

    serializer_class = JoinRequestSerializer
    queryset = JoinRequest.objects.none()

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return selectors.join_requests_of(signed_in(self.request))


class WithdrawJoinRequestView(APIView):
    """I no longer want to: ``POST /api/v1/me/join-requests/{join_request_id}/withdraw``."""

    @extend_schema(request=None, responses=JoinRequestSerializer)
    @idempotent(
        seen(selectors.join_requests_of, "join_request_id"),
        JoinRequestSerializer,
        is_required=False,
    )
    def post(self, request: Request, join_request_id: UUID) -> Response:
        mine = selectors.join_requests_of(signed_in(request))
        asked = joining.withdraw(join_request=get_object_or_404(mine, pk=join_request_id))
        return Response(JoinRequestSerializer(asked).data)


# --- staff ------------------------------------------------------------------------------------
class JoinRequestListView(ListAPIView[JoinRequest]):
    """Who asked to join, newest first: ``GET /api/v1/communities/{code}/join-requests``."""

    serializer_class = HandledJoinRequestSerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_class = JoinRequestFilter
    queryset = JoinRequest.objects.none()

    def get_queryset(self) -> QuerySet[JoinRequest]:
        handled = communities_where(signed_in(self.request), HANDLES)
        return selectors.join_requests_in(community_among(handled, self.kwargs["code"]))


class ApproveJoinRequestView(APIView):
    """Staff take them in: ``POST /api/v1/join-requests/{join_request_id}/approve``."""

    @extend_schema(request=None, responses=HandledJoinRequestSerializer)
    @idempotent(
        seen(selectors.join_requests_handled_by, "join_request_id"),
        HandledJoinRequestSerializer,
        is_required=False,
    )
    def post(self, request: Request, join_request_id: UUID) -> Response:
        user = signed_in(request)
        asked = joining.approve(join_request=handled(request, join_request_id), decided_by=user)
        return Response(HandledJoinRequestSerializer(asked).data)


class RejectJoinRequestView(APIView):
    """Staff do not, and say why: ``POST /api/v1/join-requests/{join_request_id}/reject``."""

    @extend_schema(request=RejectSerializer, responses=HandledJoinRequestSerializer)
    @idempotent(
        seen(selectors.join_requests_handled_by, "join_request_id"),
        HandledJoinRequestSerializer,
        is_required=False,
    )
    def post(self, request: Request, join_request_id: UUID) -> Response:
        user = signed_in(request)
        asked = handled(request, join_request_id)
        body = RejectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = joining.reject(join_request=asked, decided_by=user, **body.validated_data)
        return Response(HandledJoinRequestSerializer(asked).data)


def handled(request: Request, join_request_id: UUID) -> JoinRequest:
    """One the caller may answer, or 404."""
    return get_object_or_404(
        selectors.join_requests_handled_by(signed_in(request)), pk=join_request_id
    )
