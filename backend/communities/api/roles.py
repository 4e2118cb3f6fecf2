"""Roles in a place: read by staff, changed by managers."""

from uuid import UUID

from django_filters import rest_framework as filters
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.filters import PersonFilter, TextFilter
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities import selectors
from backend.communities.api import shown
from backend.communities.api.serializers import (
    GrantRoleSerializer,
    MemberSerializer,
    ReasonSerializer,
    RoleSerializer,
    SearchPersonSerializer,
)
from backend.communities.models import Community, Membership, Role
from backend.communities.services import people, roles


class MemberFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    role = filters.ChoiceFilter(choices=Role.choices)
    person = PersonFilter("user")
    text = TextFilter("user__name", help_text="Of their name.")


class MemberListView(ListView[Membership]):
    """List the roles held in a place now, newest first: ``GET /api/v1/communities/{code}/members``.

    For staff, managers and auditors of the place or of one above.
    """

    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    finds = below(shown.place(selectors.WATCHES_OVER), selectors.members_of)


class MemberView(OpenView[Membership]):
    """Open one of them: ``GET /api/v1/communities/{code}/members/{membership_id}``."""

    serializer_class = MemberSerializer
    finds = below(shown.place(selectors.WATCHES_OVER), selectors.members_of, "membership_id")


class PersonSearchView(APIView):
    """Find the person with a phone number: ``POST /api/v1/communities/{code}/people/search``.

    For staff and managers. The answer is a list of one person or none. The number stands in the
    body because addresses are written into logs.
    """

    @writes(
        PersonSerializer,
        shown.place(selectors.HANDLES),
        body=SearchPersonSerializer,
        many=True,
        keeps=False,
    )
    def post(self, user: User, place: Community, phone: str) -> list[User]:
        return people.search(searcher=user, place=place, phone=phone)


class RoleListView(ListView[Membership]):
    """List every role ever given in a place: ``GET /api/v1/communities/{code}/roles``.

    Newest first, for managers and auditors of the place or of one above. The role of volunteers
    is left out: they join, and stand among the members.
    """

    serializer_class = RoleSerializer
    filterset_class = MemberFilter
    finds = below(shown.place(selectors.MANAGES + selectors.AUDITS), selectors.roles_in)

    @writes(
        RoleSerializer,
        shown.managed_place,
        body=GrantRoleSerializer,
        creates=selectors.roles_in,
    )
    def post(self, user: User, place: Community, user_id: UUID, role: str) -> Membership:
        """Give somebody a role in a place: ``POST /api/v1/communities/{code}/roles``.

        For managers of the place or of one above; a manager is appointed from above only.
        Idempotent: answers with the role where the person holds it already.
        """
        person = selectors.person_to_appoint(user_id)
        return roles.grant(user=person, community=place, role=Role(role), granted_by=user)


class RoleView(OpenView[Membership]):
    """Open a role, also one that has ended: ``GET /api/v1/roles/{membership_id}``.

    For managers and auditors of its place or of one above.
    """

    serializer_class = RoleSerializer
    finds = seen(selectors.roles_seen_by, "membership_id")


class WithdrawRoleView(APIView):
    """Withdraw a role from now on: ``POST /api/v1/roles/{membership_id}/withdraw``.

    For those who might give it. The role stays on record. Idempotent: keeps the first end.
    """

    @writes(
        RoleSerializer, seen(selectors.roles_managed_by, "membership_id"), body=ReasonSerializer
    )
    def post(self, user: User, membership: Membership, reason: str) -> Membership:
        return roles.withdraw(membership=membership, withdrawn_by=user, reason=reason)
