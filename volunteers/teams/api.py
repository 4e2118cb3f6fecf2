"""Teams: read and joined by volunteers, led by some of them, founded and dissolved by staff."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.urls import path
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
from backend.api.fields import CharField
from backend.api.filters import BooleanFilter, CharFilter, CommunityFilter, PersonFilter, TextFilter
from backend.api.idempotency import Finds, tell
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import reached_place, where_known
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from volunteers.teams import selectors, services, sheets
from volunteers.teams.models import Team, TeamMember


# --- shapes -----------------------------------------------------------------------------------
class MyPlaceSerializer(serializers.Serializer[Any]):
    """The caller's own place in a team."""

    id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=TeamMember.Status.choices, read_only=True)
    is_leader = serializers.BooleanField(read_only=True)


class TeamSerializer(ReadSerializer[Team]):
    """A team, and how many ``people`` belong to it: null below five.

    ``my_place`` is null for whoever neither belongs to it nor has asked to. Whoever volunteers in
    the community joins an open team at once.
    """

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    people = serializers.IntegerField(read_only=True, allow_null=True)
    my_place = MyPlaceSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Team
        fields = ("id", "kind", "name", "description", "is_open", "founded_at", "dissolved_at")

    rows_for = staticmethod(selectors.with_my_place)


class TeamInBriefSerializer(ReadSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")


class TeamMemberSerializer(ReadSerializer[TeamMember]):
    """A person's place in a team. ``reason`` says why they were rejected or removed.

    Leaders see names, and no phone numbers.
    """

    team = TeamInBriefSerializer(read_only=True)
    volunteer = PersonSerializer(read_only=True)

    class Meta:
        model = TeamMember
        fields = ("id", "status", "is_leader", "asked_at", "joined_at", "left_at", "reason")

    @classmethod
    def shown_to(cls, reader: User, *members: TeamMember) -> None:
        selectors.hide_phones(reader, members)


class FoundTeamSerializer(serializers.Serializer[Any]):
    """A team. A change keeps the fields that it leaves out."""

    name = CharField(max_length=60)
    kind = serializers.ChoiceField(choices=Team.Kind.choices, required=False)
    description = CharField(max_length=500, required=False, allow_blank=True)
    is_open = serializers.BooleanField(
        required=False, help_text="Whether volunteers of the community join without asking."
    )


class TeamFilter(CommunityFilter):
    estate = CharFilter(field_name="estate__code", help_text="An estate's code.")
    kind = filters.ChoiceFilter(choices=Team.Kind.choices)
    is_open = BooleanFilter(label="Whether volunteers join without asking.")
    is_dissolved = BooleanFilter(
        field_name="dissolved_at", lookup_expr="isnull", exclude=True, label="Whether it ended."
    )
    text = TextFilter("name", "description", help_text="Part of the name or the description.")


class TeamMemberFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=TeamMember.Status.choices)
    is_leader = BooleanFilter(label="Whether they lead the team.")
    person = PersonFilter("volunteer")
    text = TextFilter("volunteer__name", help_text="Part of the person's name.")


# --- teams ------------------------------------------------------------------------------------
class TeamListView(ListView[Team]):
    """List teams where I volunteer, am staff or audit, newest first: ``GET /api/v1/teams``.

    Dissolved ones too; filter them with ``is_dissolved``.
    """

    serializer_class = TeamSerializer
    filterset_class = TeamFilter
    finds = seen(selectors.teams_seen_by)


class MyTeamListView(TeamListView):
    """List the teams that I belong to or asked to join: ``GET /api/v1/me/teams``."""

    finds = seen(selectors.teams_of)


class FoundTeamView(APIView):
    """Found a team: ``POST /api/v1/communities/{code}/teams``.

    It belongs to the community or estate that ``code`` names. For its staff and managers.
    """

    @writes(
        TeamSerializer,
        reached_place(HANDLES),
        body=FoundTeamSerializer,
        creates=selectors.teams_in,
    )
    def post(self, user: User, place: Community, **facts: Any) -> Team:
        return services.found(place=place, founded_by=user, **facts)


HANDLED = seen(selectors.teams_handled_by, "team_id")


class TeamView(OpenView[Team]):
    """Open a team: ``GET /api/v1/teams/{team_id}``."""

    serializer_class = TeamSerializer
    finds = seen(selectors.teams_seen_by, "team_id")

    @writes(TeamSerializer, HANDLED, body=FoundTeamSerializer, edits=True)
    def patch(self, user: User, team: Team, **changes: Any) -> Team:
        """Change a team: ``PATCH /api/v1/teams/{team_id}``. For staff and managers."""
        return services.change(team=team, changed_by=user, changes=changes)


class DissolveTeamView(APIView):
    """Dissolve a team: ``POST /api/v1/teams/{team_id}/dissolve``.

    For staff and managers. Its members are told the ``reason``, and belong to it no more; its
    hours stay on record. Idempotent.
    """

    @writes(TeamSerializer, HANDLED, body=ReasonSerializer)
    def post(self, user: User, team: Team, **facts: Any) -> Team:
        return services.dissolve(team=team, dissolved_by=user, **facts)


# --- members ----------------------------------------------------------------------------------
class TeamMemberListView(ListView[TeamMember]):
    """List a team's members, newest first: ``GET /api/v1/teams/{team_id}/members``.

    For its leaders, staff, managers and auditors. Former members, and people who ask to join, are
    included; filter them with ``status``.
    """

    serializer_class = TeamMemberSerializer
    filterset_class = TeamMemberFilter
    finds = below(seen(selectors.teams_watched_by, "team_id"), selectors.members_of)

    @extend_schema(responses={200: TeamMemberSerializer, 201: TeamMemberSerializer})
    @writes(
        TeamMemberSerializer,
        seen(selectors.teams_for, "team_id"),
        within=where_known,
        shows=seen(selectors.memberships_of),
        status=201,
    )
    def post(self, user: User, team: Team) -> TeamMember | Response:
        """Join a team: ``POST /api/v1/teams/{team_id}/members``.

        201 with my place: ``member`` in an open team, otherwise ``asked`` until a leader or staff
        decide. 200 with the first place if I have one. For volunteers of the community.
        """
        member, is_new = services.join(team=team, volunteer=user)
        return member if is_new else Response(tell(TeamMemberSerializer, self.request, member))


def _of_team(selector: Callable[[User], QuerySet[TeamMember]]) -> Finds:
    """Return a finder of the member that the address names, of the team that it names."""

    def find(request: Request, **names: Any) -> Any:
        of_team = selector(signed_in(request)).filter(team=names["team_id"])
        return get_object_or_404(of_team, pk=names["team_member_id"])

    return find


class TeamMemberView(OpenView[TeamMember]):
    """Open a place in a team, mine or as leader or staff.

    ``GET /api/v1/teams/{team_id}/members/{team_member_id}``.
    """

    serializer_class = TeamMemberSerializer
    finds = _of_team(selectors.members_seen_by)


class LeaveTeamView(APIView):
    """Leave a team, or withdraw my request.

    ``POST /api/v1/teams/{team_id}/members/{team_member_id}/leave``. Idempotent.
    """

    @writes(TeamMemberSerializer, _of_team(selectors.memberships_of))
    def post(self, user: User, member: TeamMember) -> TeamMember:
        return services.leave(member=member)


DECIDED = _of_team(selectors.members_handled_by)


class AcceptTeamMemberView(APIView):
    """Take in somebody who asked, as leader or staff.

    ``POST /api/v1/teams/{team_id}/members/{team_member_id}/accept``.
    """

    @writes(TeamMemberSerializer, DECIDED)
    def post(self, user: User, member: TeamMember) -> TeamMember:
        return services.accept(member=member, decided_by=user)


class RejectTeamMemberView(APIView):
    """Reject somebody who asked, with a reason, as leader or staff.

    ``POST /api/v1/teams/{team_id}/members/{team_member_id}/reject``.
    """

    @writes(TeamMemberSerializer, DECIDED, body=ReasonSerializer)
    def post(self, user: User, member: TeamMember, **facts: Any) -> TeamMember:
        return services.reject(member=member, decided_by=user, **facts)


class RemoveTeamMemberView(APIView):
    """Remove a member, with a reason, as leader or staff.

    ``POST /api/v1/teams/{team_id}/members/{team_member_id}/remove``. A leader is dismissed first
    (``leader_stays``).
    """

    @writes(TeamMemberSerializer, DECIDED, body=ReasonSerializer)
    def post(self, user: User, member: TeamMember, **facts: Any) -> TeamMember:
        return services.remove(member=member, removed_by=user, **facts)


class AppointLeaderView(APIView):
    """Make a member a leader, as leader or staff.

    ``POST /api/v1/teams/{team_id}/members/{team_member_id}/appoint``. Idempotent.
    """

    @writes(TeamMemberSerializer, DECIDED)
    def post(self, user: User, member: TeamMember) -> TeamMember:
        return services.appoint(member=member, appointed_by=user)


class DismissLeaderView(APIView):
    """Dismiss a leader, who stays a member, as staff.

    ``POST /api/v1/teams/{team_id}/members/{team_member_id}/dismiss``. Idempotent.
    """

    @writes(TeamMemberSerializer, _of_team(selectors.leaders_handled_by))
    def post(self, user: User, member: TeamMember) -> TeamMember:
        return services.dismiss(member=member, dismissed_by=user)


# --- spreadsheets -----------------------------------------------------------------------------
@extend_schema(responses=OpenApiTypes.BINARY)
class TeamsFileView(APIView):
    """Export the teams with their members: ``GET /api/v1/communities/{code}/teams.{format}``.

    ``csv`` or ``xlsx``. ``code`` names a community or an estate. For its staff, managers and
    auditors. Phone numbers are masked.
    """

    def get(self, request: Request, **named: Any) -> FileResponse:
        place = reached_place(WATCHES_OVER)(request, **named)
        return files.answer(request, sheets.teams_and_members(place))


MEMBER = "teams/<uuid:team_id>/members/<uuid:team_member_id>"

urlpatterns = [
    path("teams", TeamListView.as_view()),
    path("me/teams", MyTeamListView.as_view()),
    path("communities/<str:code>/teams", FoundTeamView.as_view()),
    *files.in_each_format("communities/<str:code>/teams", TeamsFileView, files.SHEETS),
    path("teams/<uuid:team_id>", TeamView.as_view()),
    path("teams/<uuid:team_id>/dissolve", DissolveTeamView.as_view()),
    path("teams/<uuid:team_id>/members", TeamMemberListView.as_view()),
    path(MEMBER, TeamMemberView.as_view()),
    path(f"{MEMBER}/leave", LeaveTeamView.as_view()),
    path(f"{MEMBER}/accept", AcceptTeamMemberView.as_view()),
    path(f"{MEMBER}/reject", RejectTeamMemberView.as_view()),
    path(f"{MEMBER}/remove", RemoveTeamMemberView.as_view()),
    path(f"{MEMBER}/appoint", AppointLeaderView.as_view()),
    path(f"{MEMBER}/dismiss", DismissLeaderView.as_view()),
]
