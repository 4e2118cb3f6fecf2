"""A community's public page, joining and leaving it, and its volunteers."""

from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.fields import CodeField
from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.filters import BooleanFilter, CharFilter, PeriodFilter, PersonFilter, TextFilter
from backend.api.idempotency import tell
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import (
    CommunityInBriefSerializer,
    CommunitySerializer,
    ReasonSerializer,
)
from backend.communities.api.shown import community, managed_community, reached_place, tenant
from backend.communities.models import Community
from backend.communities.selectors import (
    HANDLES,
    WATCHES_OVER,
    community_among,
    working_places_touched_by,
)
from backend.communities.services.places import JOIN_CODE_LENGTH
from points.ledger.selectors import public_figures
from volunteers.attendance.selectors import with_turnout
from volunteers.people import selectors
from volunteers.people.models import CellMember, JoinRequest, Volunteer
from volunteers.people.services import cells, joining, people


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


class JoinRequestSerializer(ReadSerializer[JoinRequest]):
    """A request to join. ``reason`` says why it was rejected.

    ``decided_by`` shows staff who answered; it is null for the person who asked.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    user = PersonSerializer(read_only=True)
    decided_by = serializers.SerializerMethodField()

    class Meta:
        model = JoinRequest
        fields = ("id", "kind", "status", "asked_at", "decided_at", "reason")

    @extend_schema_field(PersonSerializer(allow_null=True))
    def get_decided_by(self, asked: JoinRequest) -> object:
        is_told = asked.decided_by and asked.user != self.context["request"].user
        return PersonSerializer(asked.decided_by).data if is_told else None


class VolunteerSerializer(ReadSerializer[Volunteer]):
    """A person as a volunteer of a community. ``left_at`` is null until they leave.

    ``attended`` counts the shifts where they were, ``no_shows`` those that they missed.
    """

    community = CommunityInBriefSerializer(read_only=True)
    user = PersonSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    attended = serializers.IntegerField(read_only=True)
    no_shows = serializers.IntegerField(read_only=True)

    class Meta:
        model = Volunteer
        fields = ("id", "kind", "skills", "enrolled_at", "left_at")

    rows_for = staticmethod(with_turnout)


class SkillsSerializer(serializers.Serializer[Any]):
    skills = serializers.ListField(
        child=CharField(max_length=20), max_length=20, help_text="What the person can help with."
    )


class CellMemberSerializer(ReadSerializer[CellMember]):
    """A volunteer's function in the grid cell of an estate. ``ended_at`` is null until it ends."""

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True)
    user = PersonSerializer(read_only=True)

    class Meta:
        model = CellMember
        fields = ("id", "function", "since_at", "ended_at")


class NameCellMemberSerializer(serializers.Serializer[Any]):
    estate_id = serializers.UUIDField()
    user_id = serializers.UUIDField(help_text="A volunteer of the community.")
    function = serializers.ChoiceField(choices=CellMember.Function.choices)


class CellMemberFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    function = filters.ChoiceFilter(choices=CellMember.Function.choices)
    person = PersonFilter("user")
    has_ended = BooleanFilter(
        field_name="ended_at", lookup_expr="isnull", exclude=True, label="Whether it ended."
    )


class JoinRequestFilter(PeriodFilter):
    moment = "asked_at"
    status = filters.ChoiceFilter(choices=JoinRequest.Status.choices)
    person = PersonFilter("user")
    text = TextFilter("user__name", help_text="Part of the person's name.")


class VolunteerFilter(PeriodFilter):
    moment = "enrolled_at"
    kind = filters.ChoiceFilter(choices=Volunteer.Kind.choices)
    has_left = BooleanFilter(
        field_name="left_at", lookup_expr="isnull", exclude=True, label="Whether they left."
    )
    person = PersonFilter("user")
    has_missed = BooleanFilter(method="missing", label="Whether they missed a shift.")
    skill = CharFilter(field_name="skills", method="with_skill", help_text="A skill they have.")
    text = TextFilter("user__name", help_text="Part of the person's name.")

    def missing(self, found: QuerySet[Volunteer], name: str, has: bool) -> QuerySet[Volunteer]:
        missed = Q(no_shows__gt=0)
        return found.filter(missed) if has else found.exclude(missed)

    def with_skill(self, found: QuerySet[Volunteer], name: str, skill: str) -> QuerySet[Volunteer]:
        return found.filter(skills__contains=[skill])


class PointsFiguresSerializer(serializers.Serializer[Any]):
    """Points of all time. ``outstanding`` points are in volunteers' wallets."""

    issued = serializers.IntegerField(read_only=True)
    redeemed = serializers.IntegerField(read_only=True)
    outstanding = serializers.IntegerField(read_only=True)


class CommunityFiguresSerializer(CommunitySerializer):
    """A community and its public figures."""

    volunteers = serializers.SerializerMethodField()
    points = serializers.SerializerMethodField()

    class Meta(CommunitySerializer.Meta):
        fields = (*CommunitySerializer.Meta.fields, "volunteers", "points")  # type: ignore[assignment]
        read_only_fields = fields

    def get_volunteers(self, community: Community) -> int:
        return selectors.volunteers_in(community).count()

    @extend_schema_field(PointsFiguresSerializer)
    def get_points(self, community: Community) -> object:
        return PointsFiguresSerializer(public_figures(community)).data


# --- joining and leaving ----------------------------------------------------------------------
class CommunityView(OpenView[Community]):
    """Show a community and its public figures: ``GET /api/v1/communities/{code}``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = CommunityFiguresSerializer
    finds = tenant


class JoinView(APIView):
    """Ask to be a volunteer of a community: ``POST /api/v1/communities/{code}/join``.

    201 with a request: ``approved`` with the code on the posters, so that I am a volunteer now,
    otherwise ``pending`` until staff answer. 200 with the first request if I have asked already.
    ``estate_id`` is one of the estates that the community's contact lists.
    """

    @extend_schema(responses={200: JoinRequestSerializer, 201: JoinRequestSerializer})
    @writes(
        JoinRequestSerializer,
        tenant,
        body=AskToJoinSerializer,
        shows=seen(selectors.join_requests_of),
        status=201,
    )
    def post(self, user: User, community: Community, **facts: Any) -> JoinRequest | Response:
        if estate_id := facts.pop("estate_id", None):
            facts["estate"] = selectors.estate_in(community, estate_id)
        asked, is_new = joining.join(user=user, community=community, **facts)
        return asked if is_new else Response(tell(JoinRequestSerializer, self.request, asked))


def _volunteering(request: Request, code: str) -> Volunteer:
    """Return the caller's past or present record as a volunteer there. Raises Http404."""
    return get_object_or_404(selectors.volunteering_of(signed_in(request)), community__code=code)


class LeaveView(APIView):
    """Leave a community: ``POST /api/v1/communities/{code}/leave``.

    Cancels sign-ups for shifts that have not begun, checks me out, and gives back held points:
    nothing can be redeemed any more. I still see my hours, points and reports. Idempotent.
    """

    @writes(VolunteerSerializer, _volunteering, while_suspended=True)
    def post(self, user: User, volunteer: Volunteer) -> Volunteer:
        return people.leave(volunteer=volunteer)


class VolunteerListView(ListView[Volunteer]):
    """List volunteers, newest first: ``GET /api/v1/communities/{code}/volunteers``.

    ``code`` names a community or an estate. For its staff, managers and auditors. Former volunteers
    are included; filter them with ``has_left``.
    """

    serializer_class = VolunteerSerializer
    filterset_class = VolunteerFilter
    finds = below(reached_place(WATCHES_OVER), selectors.volunteers_ever_in)


class MyVolunteerListView(ListView[Volunteer]):
    """List where I am, or was, a volunteer, newest first: ``GET /api/v1/me/volunteers``."""

    serializer_class = VolunteerSerializer
    filterset_class = VolunteerFilter
    finds = seen(selectors.volunteering_of)


class VolunteerView(OpenView[Volunteer]):
    """Open a volunteer, me or as staff: ``GET /api/v1/volunteers/{volunteer_id}``."""

    serializer_class = VolunteerSerializer
    finds = seen(selectors.volunteers_seen_by, "volunteer_id")

    @writes(
        VolunteerSerializer,
        seen(selectors.volunteers_kept_by, "volunteer_id"),
        body=SkillsSerializer,
        edits=True,
    )
    def patch(self, user: User, volunteer: Volunteer, **facts: Any) -> Volunteer | None:
        """Set what a volunteer can help with: ``PATCH /api/v1/volunteers/{volunteer_id}``.

        For the person, and for staff and managers.
        """
        if not facts:
            return None
        return people.set_skills(volunteer=volunteer, changed_by=user, **facts)


# --- requests to join -------------------------------------------------------------------------
def _join_requests(request: Request, **names: Any) -> QuerySet[Any] | Model:
    user = signed_in(request)
    place = community_among(working_places_touched_by(user, HANDLES), names["code"])
    return selectors.join_requests_handled_by(user).filter(**place.whose)


class JoinRequestListView(ListView[JoinRequest]):
    """List requests to join, newest first: ``GET /api/v1/communities/{code}/join-requests``.

    ``code`` names a community or an estate. For its staff and managers; at the address of the
    community, an estate's are shown those for the estate.
    """

    serializer_class = JoinRequestSerializer
    filterset_class = JoinRequestFilter
    finds = _join_requests


class MyJoinRequestListView(JoinRequestListView):
    """List my requests to join, newest first: ``GET /api/v1/me/join-requests``."""

    finds = seen(selectors.join_requests_of)


class JoinRequestView(OpenView[JoinRequest]):
    """Open a request, mine or as staff: ``GET /api/v1/join-requests/{join_request_id}``."""

    serializer_class = JoinRequestSerializer
    finds = seen(selectors.join_requests_seen_by, "join_request_id")


class WithdrawJoinRequestView(APIView):
    """Withdraw my request: ``POST /api/v1/join-requests/{join_request_id}/withdraw``.

    Idempotent. Only possible until it is answered.
    """

    @writes(
        JoinRequestSerializer,
        seen(selectors.join_requests_of, "join_request_id"),
        while_suspended=True,
    )
    def post(self, user: User, asked: JoinRequest) -> JoinRequest:
        return joining.withdraw(join_request=asked)


HANDLED = seen(selectors.join_requests_handled_by, "join_request_id")


class ApproveJoinRequestView(APIView):
    """Enrol the person who asked: ``POST /api/v1/join-requests/{join_request_id}/approve``."""

    @writes(JoinRequestSerializer, HANDLED)
    def post(self, user: User, asked: JoinRequest) -> JoinRequest:
        return joining.approve(join_request=asked, decided_by=user)


class RejectJoinRequestView(APIView):
    """Reject a request, with a reason: ``POST /api/v1/join-requests/{join_request_id}/reject``."""

    @writes(JoinRequestSerializer, HANDLED, body=ReasonSerializer)
    def post(self, user: User, asked: JoinRequest, **facts: Any) -> JoinRequest:
        return joining.reject(join_request=asked, decided_by=user, **facts)


# --- grid cells -------------------------------------------------------------------------------
class CellMemberListView(ListView[CellMember]):
    """List who has, or had, a function in the community's grid cells, newest first.

    ``GET /api/v1/communities/{code}/cell-members``. For staff, managers and auditors.
    """

    serializer_class = CellMemberSerializer
    filterset_class = CellMemberFilter
    finds = below(community(WATCHES_OVER), selectors.cell_members_in)

    @writes(
        CellMemberSerializer,
        managed_community,
        body=NameCellMemberSerializer,
        creates=selectors.cell_members_in,
    )
    def post(self, user: User, place: Community, estate_id: UUID, **facts: Any) -> CellMember:
        """Name a volunteer to a function: ``POST /api/v1/communities/{code}/cell-members``.

        For managers. A cell has one leader, one worker and any number of volunteers
        (``cell_place_taken``), and nobody has two functions in it
        (``cell_member_already``). Reports of the estate go to the worker. Idempotent.
        """
        estate = selectors.estate_in(place, estate_id)
        return cells.name_member(community=place, estate=estate, named_by=user, **facts)


class CellMemberView(OpenView[CellMember]):
    """Open a function, mine or as staff: ``GET /api/v1/cell-members/{cell_member_id}``."""

    serializer_class = CellMemberSerializer
    finds = seen(selectors.cell_members_seen_by, "cell_member_id")


class EndCellMemberView(APIView):
    """End a function in a cell: ``POST /api/v1/cell-members/{cell_member_id}/end``.

    For managers. It stays on record. Idempotent: keeps the first end.
    """

    @writes(CellMemberSerializer, seen(selectors.cell_members_managed_by, "cell_member_id"))
    def post(self, user: User, member: CellMember) -> CellMember:
        return cells.end_member(member=member, ended_by=user)


urlpatterns = [
    path("communities/<str:code>", CommunityView.as_view()),
    path("communities/<str:code>/join", JoinView.as_view()),
    path("communities/<str:code>/leave", LeaveView.as_view()),
    path("communities/<str:code>/volunteers", VolunteerListView.as_view()),
    path("me/volunteers", MyVolunteerListView.as_view()),
    path("volunteers/<uuid:volunteer_id>", VolunteerView.as_view()),
    path("communities/<str:code>/join-requests", JoinRequestListView.as_view()),
    path("me/join-requests", MyJoinRequestListView.as_view()),
    path("join-requests/<uuid:join_request_id>", JoinRequestView.as_view()),
    path("join-requests/<uuid:join_request_id>/withdraw", WithdrawJoinRequestView.as_view()),
    path("join-requests/<uuid:join_request_id>/approve", ApproveJoinRequestView.as_view()),
    path("join-requests/<uuid:join_request_id>/reject", RejectJoinRequestView.as_view()),
    path("communities/<str:code>/cell-members", CellMemberListView.as_view()),
    path("cell-members/<uuid:cell_member_id>", CellMemberView.as_view()),
    path("cell-members/<uuid:cell_member_id>/end", EndCellMemberView.as_view()),
]
