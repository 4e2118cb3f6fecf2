"""Joining a community and leaving it, and its volunteers."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.fields import CodeField
from backend.accounts.api.serializers import PersonSerializer
from backend.api.callers import signed_in
from backend.api.filters import BooleanFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.views import seen
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import reached_place
from backend.communities.selectors import HANDLES, WATCHES_OVER, community_among, tenants
from backend.communities.services.places import JOIN_CODE_LENGTH
from volunteers.people import selectors
from volunteers.people.models import JoinRequest, Volunteer
from volunteers.people.services import joining, people


# --- shapes -----------------------------------------------------------------------------------
class AskToJoinSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Volunteer.Kind.choices)
    estate_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The estate where the person lives or rides."
    )
    join_code = CodeField(
        length=JOIN_CODE_LENGTH,
        required=False,
        allow_blank=True,
        help_text="The code on the community's posters.",
    )


class JoinRequestSerializer(serializers.ModelSerializer[JoinRequest]):
    """A request to join. ``reason`` says why it was rejected."""

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = JoinRequest
        fields: tuple[str, ...] = (
            "id",
            "community",
            "kind",
            "estate",
            "status",
            "asked_at",
            "decided_at",
            "reason",
        )
        read_only_fields = fields


class HandledJoinRequestSerializer(JoinRequestSerializer):
    """A request to join as staff see it."""

    user = PersonSerializer(read_only=True)
    decided_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta(JoinRequestSerializer.Meta):
        fields = (*JoinRequestSerializer.Meta.fields, "user", "decided_by")
        read_only_fields = fields


class VolunteeringSerializer(serializers.ModelSerializer[Volunteer]):
    """What somebody is in a community. ``left_at`` is null while they belong to it."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Volunteer
        fields: tuple[str, ...] = ("community", "kind", "enrolled_at", "left_at")
        read_only_fields = fields


class WatchedVolunteerSerializer(VolunteeringSerializer):
    """A volunteer as staff and auditors see them."""

    user = PersonSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)

    class Meta(VolunteeringSerializer.Meta):
        fields = ("id", *VolunteeringSerializer.Meta.fields, "user", "estate")
        read_only_fields = fields


class JoinRequestFilter(PeriodFilter):
    moment = "asked_at"
    status = filters.ChoiceFilter(choices=JoinRequest.Status.choices)


class HandledJoinRequestFilter(JoinRequestFilter):
    person = PersonFilter("user")
    text = TextFilter("user__name", help_text="Part of the person's name.")


class VolunteerFilter(PeriodFilter):
    moment = "enrolled_at"
    kind = filters.ChoiceFilter(choices=Volunteer.Kind.choices)
    has_left = BooleanFilter(
        field_name="left_at", lookup_expr="isnull", exclude=True, label="Whether they left."
    )
    person = PersonFilter("user")
    text = TextFilter("user__name", help_text="Part of the person's name.")


# --- the caller's own -------------------------------------------------------------------------
def _volunteering(request: Request, code: str) -> Volunteer:
    """Return what the caller is or was in that community, or raise Http404."""
    return get_object_or_404(selectors.volunteering_of(signed_in(request)), community__code=code)


class JoinView(APIView):
    """Ask to be a volunteer of a community: ``POST /api/v1/communities/{code}/join``.

    201 with a request that is ``approved`` where the code on the posters came with it, so that I
    am a volunteer now, and ``pending`` until staff answer it otherwise. 200 with the first request
    if I have asked already. ``estate_id`` is one of those that the community's contact lists.
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
    """Leave a community: ``POST /api/v1/communities/{code}/leave``.

    Sign-ups for shifts that have not begun are cancelled, where I am checked in I am checked out,
    and what I hold is given back: nothing can be redeemed. Hours, points and reports stay mine to
    see. Idempotent.
    """

    @extend_schema(request=None, responses=VolunteeringSerializer)
    @idempotent(_volunteering, VolunteeringSerializer, is_required=False)
    def post(self, request: Request, code: str) -> Response:
        volunteer = _volunteering(request, code)
        return Response(VolunteeringSerializer(people.leave(volunteer=volunteer)).data)


class MyJoinRequestListView(ListAPIView[JoinRequest]):
    """List my requests to join, newest first: ``GET /api/v1/me/join-requests``."""

    serializer_class = JoinRequestSerializer
    filterset_class = JoinRequestFilter
    queryset = JoinRequest.objects.none()

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return selectors.join_requests_of(signed_in(self.request))


class MyJoinRequestView(APIView):
    """Open one of my requests to join: ``GET /api/v1/me/join-requests/{join_request_id}``."""

    @extend_schema(responses=JoinRequestSerializer)
    def get(self, request: Request, join_request_id: UUID) -> Response:
        mine = selectors.join_requests_of(signed_in(request))
        return Response(JoinRequestSerializer(get_object_or_404(mine, pk=join_request_id)).data)


class WithdrawJoinRequestView(APIView):
    """Withdraw my request: ``POST /api/v1/me/join-requests/{join_request_id}/withdraw``.

    Idempotent. Refused with ``join_request_status_wrong`` once it was answered.
    """

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
class VolunteerListView(ListAPIView[Volunteer]):
    """List volunteers, newest first: ``GET /api/v1/communities/{code}/volunteers``.

    Those of a community, or of the estate that ``code`` names. For its staff, managers and
    auditors. Former volunteers are among them: ``has_left`` tells them apart.
    """

    serializer_class = WatchedVolunteerSerializer
    filterset_class = VolunteerFilter
    queryset = Volunteer.objects.none()

    def get_queryset(self) -> QuerySet[Volunteer]:
        place = reached_place(WATCHES_OVER)(self.request, **self.kwargs)
        return selectors.volunteers_watched_by(signed_in(self.request)).filter(**place.whose)


class VolunteerView(APIView):
    """Open one volunteer: ``GET /api/v1/volunteers/{volunteer_id}``."""

    @extend_schema(responses=WatchedVolunteerSerializer)
    def get(self, request: Request, volunteer_id: UUID) -> Response:
        watched = selectors.volunteers_watched_by(signed_in(request))
        return Response(
            WatchedVolunteerSerializer(get_object_or_404(watched, pk=volunteer_id)).data
        )


class JoinRequestListView(ListAPIView[JoinRequest]):
    """List requests to join, newest first: ``GET /api/v1/communities/{code}/join-requests``.

    Those to a community, or for the estate that ``code`` names. For its staff and managers.
    """

    serializer_class = HandledJoinRequestSerializer
    filterset_class = HandledJoinRequestFilter
    queryset = JoinRequest.objects.none()

    def get_queryset(self) -> QuerySet[JoinRequest]:
        place = reached_place(HANDLES)(self.request, **self.kwargs)
        return selectors.join_requests_handled_by(signed_in(self.request)).filter(**place.whose)


class JoinRequestView(APIView):
    """Open one request to join, as staff: ``GET /api/v1/join-requests/{join_request_id}``."""

    @extend_schema(responses=HandledJoinRequestSerializer)
    def get(self, request: Request, join_request_id: UUID) -> Response:
        return Response(HandledJoinRequestSerializer(_handled(request, join_request_id)).data)


class ApproveJoinRequestView(APIView):
    """Enrol the person who asked: ``POST /api/v1/join-requests/{join_request_id}/approve``.

    Refused with ``own_join_request``, ``join_request_status_wrong``.
    """

    @extend_schema(request=None, responses=HandledJoinRequestSerializer)
    @idempotent(
        seen(selectors.join_requests_handled_by, "join_request_id"),
        HandledJoinRequestSerializer,
        is_required=False,
    )
    def post(self, request: Request, join_request_id: UUID) -> Response:
        asked = joining.approve(
            join_request=_handled(request, join_request_id), decided_by=signed_in(request)
        )
        return Response(HandledJoinRequestSerializer(asked).data)


class RejectJoinRequestView(APIView):
    """Reject a request and tell why: ``POST /api/v1/join-requests/{join_request_id}/reject``.

    Refused with ``own_join_request``, ``join_request_status_wrong``.
    """

    @extend_schema(request=ReasonSerializer, responses=HandledJoinRequestSerializer)
    @idempotent(
        seen(selectors.join_requests_handled_by, "join_request_id"),
        HandledJoinRequestSerializer,
        is_required=False,
    )
    def post(self, request: Request, join_request_id: UUID) -> Response:
        asked = _handled(request, join_request_id)
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = joining.reject(
            join_request=asked, decided_by=signed_in(request), **body.validated_data
        )
        return Response(HandledJoinRequestSerializer(asked).data)


def _handled(request: Request, join_request_id: UUID) -> JoinRequest:
    """Return a request that the caller may answer, or raise Http404."""
    return get_object_or_404(
        selectors.join_requests_handled_by(signed_in(request)), pk=join_request_id
    )


urlpatterns = [
    path("communities/<str:code>/join", JoinView.as_view()),
    path("communities/<str:code>/leave", LeaveView.as_view()),
    path("me/join-requests", MyJoinRequestListView.as_view()),
    path("me/join-requests/<uuid:join_request_id>", MyJoinRequestView.as_view()),
    path("me/join-requests/<uuid:join_request_id>/withdraw", WithdrawJoinRequestView.as_view()),
    path("communities/<str:code>/volunteers", VolunteerListView.as_view()),
    path("volunteers/<uuid:volunteer_id>", VolunteerView.as_view()),
    path("communities/<str:code>/join-requests", JoinRequestListView.as_view()),
    path("join-requests/<uuid:join_request_id>", JoinRequestView.as_view()),
    path("join-requests/<uuid:join_request_id>/approve", ApproveJoinRequestView.as_view()),
    path("join-requests/<uuid:join_request_id>/reject", RejectJoinRequestView.as_view()),
]
