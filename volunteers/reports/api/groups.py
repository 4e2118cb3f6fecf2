"""Groups of reporters and who belongs to them: for managers."""

from datetime import date
from typing import Any

from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, DateField
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, writes
from backend.communities.api import shown
from backend.communities.models import Community
from backend.communities.selectors import person_to_appoint
from volunteers.reports import selectors
from volunteers.reports.models.groups import LONGEST_CODE, ReporterGroup, ReporterGroupMember
from volunteers.reports.services import groups


class ReporterGroupSerializer(ReadSerializer[ReporterGroup]):
    """A group of reporters; rules name it by its ``code``."""

    class Meta:
        model = ReporterGroup
        fields = ("id", "code", "name", "made_at")


class MakeGroupSerializer(serializers.Serializer[Any]):
    """A group to make. Its code never changes, and is not that of a kind of volunteers."""

    code = serializers.SlugField(max_length=LONGEST_CODE)
    name = CharField(max_length=40)


class GroupMemberSerializer(ReadSerializer[ReporterGroupMember]):
    """A person's days in a group, both included; ``until`` null: until further notice."""

    person = PersonSerializer(read_only=True)

    class Meta:
        model = ReporterGroupMember
        fields = ("id", "since", "until")


class AddMemberSerializer(serializers.Serializer[Any]):
    """A volunteer to put into a group, and the days."""

    person_id = serializers.UUIDField()
    since = DateField(required=False, help_text="Today, if left out.")
    until = DateField(required=False, allow_null=True, help_text="Null: until further notice.")


class RemoveMemberSerializer(serializers.Serializer[Any]):
    """The last day of a membership."""

    until = DateField(required=False, help_text="Today, if left out.")


managed_group = below(shown.managed_community, selectors.groups_of, "reporter_group_id")


class GroupListView(ListView[ReporterGroup]):
    """List the groups of reporters: ``GET /api/v1/communities/{code}/reporter-groups``.

    Newest first. For managers.
    """

    serializer_class = ReporterGroupSerializer
    finds = below(shown.managed_community, selectors.groups_of)

    @writes(
        ReporterGroupSerializer,
        shown.managed_community,
        body=MakeGroupSerializer,
        creates=selectors.groups_of,
    )
    def post(self, user: User, community: Community, **facts: Any) -> ReporterGroup:
        """Make a group: ``POST /api/v1/communities/{code}/reporter-groups``.

        For managers. Idempotent: answers with the group of that code if it has that name.
        """
        return groups.make(community=community, made_by=user, **facts)


class GroupView(OpenView[ReporterGroup]):
    """Open a group: ``GET /api/v1/communities/{code}/reporter-groups/{reporter_group_id}``."""

    serializer_class = ReporterGroupSerializer
    finds = managed_group


class MemberListView(ListView[ReporterGroupMember]):
    """List who is or was in a group, newest first.

    ``GET /api/v1/communities/{code}/reporter-groups/{reporter_group_id}/members``. For managers.
    """

    serializer_class = GroupMemberSerializer
    finds = below(managed_group, selectors.members_of)

    @writes(
        GroupMemberSerializer,
        managed_group,
        body=AddMemberSerializer,
        creates=selectors.members_of,
    )
    def post(self, user: User, group: ReporterGroup, **facts: Any) -> ReporterGroupMember:
        """Put a volunteer into a group.

        ``POST /api/v1/communities/{code}/reporter-groups/{reporter_group_id}/members``. For
        managers. What was rewarded already stays as it is. Nobody is in two groups on one day.
        """
        person = person_to_appoint(facts.pop("person_id"))
        return groups.add(group=group, person=person, added_by=user, **facts)


class MemberView(OpenView[ReporterGroupMember]):
    """Open a membership.

    ``GET /api/v1/communities/{code}/reporter-groups/{reporter_group_id}/members/{group_member_id}``
    """

    serializer_class = GroupMemberSerializer
    finds = below(managed_group, selectors.members_of, "group_member_id")


class EndMemberView(APIView):
    """End a membership, as a manager.

    ``POST …/reporter-groups/{reporter_group_id}/members/{group_member_id}/end``. Idempotent: keeps
    the first end.
    """

    @writes(
        GroupMemberSerializer,
        below(managed_group, selectors.members_of, "group_member_id"),
        body=RemoveMemberSerializer,
    )
    def post(
        self, user: User, member: ReporterGroupMember, until: date | None = None
    ) -> ReporterGroupMember:
        return groups.remove(member=member, removed_by=user, until=until)
