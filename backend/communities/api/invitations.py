"""Invitations to roles in a place: made and revoked by those who give the role, then accepted."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.addresses import counted_as
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.views import ListView, OpenView, writes
from backend.communities import selectors
from backend.communities.api.serializers import (
    AcceptAsNewSerializer,
    InvitationCodeSerializer,
    InvitedToSerializer,
    InviteToRoleSerializer,
    MembershipSerializer,
    NewMemberSerializer,
    NewRoleInvitationSerializer,
    RoleInvitationSerializer,
)
from backend.communities.api.shown import kept_place
from backend.communities.models import Community, Membership, Role, RoleInvitation
from backend.communities.services import invitations


def shown_there(request: Request, **names: Any) -> QuerySet[RoleInvitation]:
    """Find the invitations in the place that the address names, for those who keep it."""
    return selectors.role_invitations_shown(signed_in(request), kept_place(request, **names))


def one_there(request: Request, **names: Any) -> RoleInvitation:
    """Find the one of them that the address names."""
    return get_object_or_404(shown_there(request, **names), pk=names["invitation_id"])


class RoleInvitationListView(ListView[RoleInvitation]):
    """List the invitations to roles in a place, newest first.

    ``GET /api/v1/communities/{code}/role-invitations``. For managers of the place or of one above;
    operators see those of managers.
    """

    serializer_class = RoleInvitationSerializer
    finds = shown_there

    @writes(
        NewRoleInvitationSerializer,
        kept_place,
        body=InviteToRoleSerializer,
        creates=selectors.role_invitations_in,
    )
    def post(self, user: User, place: Community, role: str) -> RoleInvitation:
        """Invite somebody to a role: ``POST /api/v1/communities/{code}/role-invitations``.

        For those who may give the role. The answer has the code, which is good for one person, for
        72 hours. Repeated with the same key it has the code until somebody accepts it, then null.
        """
        return invitations.invite(place=place, role=Role(role), invited_by=user)


class RoleInvitationView(OpenView[RoleInvitation]):
    """Open an invitation.

    ``GET /api/v1/communities/{code}/role-invitations/{invitation_id}``
    """

    serializer_class = RoleInvitationSerializer
    finds = one_there


class RevokeRoleInvitationView(APIView):
    """Revoke an invitation.

    ``POST /api/v1/communities/{code}/role-invitations/{invitation_id}/revoke``. Of a person who has
    accepted (``invitation_used``) the role is withdrawn instead. Idempotent: keeps the first
    ``revoked_at``.
    """

    @writes(RoleInvitationSerializer, one_there)
    def post(self, user: User, invitation: RoleInvitation) -> RoleInvitation:
        return invitations.revoke(invitation=invitation, revoked_by=user)


# --- whoever has the code ---------------------------------------------------------------------
class LookAtRoleInvitationView(APIView):
    """Tell which role a code is good for: ``POST /api/v1/role-invitations/look``. Public.

    The code stands in the body because addresses are written into logs. Wrong codes count as
    guesses of the person who is logged in, else of the address they come from.
    """

    permission_classes = (AllowAny,)

    @extend_schema(request=InvitationCodeSerializer, responses=InvitedToSerializer)
    def post(self, request: Request) -> Response:
        body = InvitationCodeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        who = request.user if isinstance(request.user, User) else counted_as(request)
        found = invitations.look(who=who, **body.validated_data)
        return Response(InvitedToSerializer(found).data)


class AcceptRoleInvitationView(APIView):
    """Accept an invitation to a role as who I am: ``POST /api/v1/role-invitations/accept``.

    Idempotent while I hold the role. Managers and auditors owe a second factor from their next
    request on.
    """

    @writes(
        MembershipSerializer,
        body=InvitationCodeSerializer,
        creates=selectors.memberships_of,
        needs_key=False,
    )
    def post(self, user: User, code: str) -> Membership:
        return invitations.accept(user=user, code=code)


class AcceptRoleInvitationAsNewView(APIView):
    """Accept an invitation as somebody new.

    ``POST /api/v1/role-invitations/accept-as-new``. Public. Whoever has the code tells their name,
    and the username and password that they log in with from now on. Somebody who is on record
    already logs in and accepts as who they are.
    """

    permission_classes = (AllowAny,)

    @extend_schema(request=AcceptAsNewSerializer, responses={201: NewMemberSerializer})
    def post(self, request: Request) -> Response:
        body = AcceptAsNewSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        membership = invitations.accept_as_new(address=counted_as(request), **body.validated_data)
        return Response(NewMemberSerializer(membership).data, status=201)
