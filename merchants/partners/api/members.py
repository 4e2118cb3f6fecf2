"""People who work at a merchant, invited and dismissed by its owners."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

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
from backend.api.idempotency import Finds
from backend.api.views import ListView, OpenView, below, seen, writes
from merchants.partners import selectors
from merchants.partners.api.serializers import (
    AcceptAsNewWorkerSerializer,
    AcceptInvitationSerializer,
    InvitationSerializer,
    InvitedToWorkSerializer,
    InviteSerializer,
    MemberOfMerchantSerializer,
    NewInvitationSerializer,
    NewWorkerSerializer,
    WorkplaceSerializer,
)
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.services import invitations


def worked_at(request: Request, merchant_id: UUID, **others: Any) -> Merchant:
    """Return the merchant if the caller works there. Raises Http404."""
    return get_object_or_404(selectors.merchants_of(signed_in(request)), pk=merchant_id)


def at_counter(request: Request, merchant_id: UUID, **others: Any) -> tuple[str, UUID]:
    """List the communities of the merchant's partnerships, for ``within``."""
    return "merchants_communities", merchant_id


def owned(request: Request, merchant_id: UUID, **others: Any) -> Merchant:
    """Return the merchant if the caller owns it. Raises Http404."""
    return get_object_or_404(selectors.merchants_owned_by(signed_in(request)), pk=merchant_id)


def at_owned(selector: Callable[[Merchant], QuerySet[Any]], named: str = "") -> Finds:
    """Find rows of a merchant that the caller owns; see backend/api/views.py."""
    return below(owned, selector, named)


def at_workplace(selector: Callable[[Merchant], QuerySet[Any]], named: str = "") -> Finds:
    """Find rows of a merchant where the caller works."""
    return below(worked_at, selector, named)


class WorkplaceListView(ListView[Merchant]):
    """List the merchants where I work: ``GET /api/v1/merchants``."""

    serializer_class = WorkplaceSerializer
    finds = seen(selectors.merchants_of)


class WorkplaceView(OpenView[Merchant]):
    """Open where I work: ``GET /api/v1/merchants/{merchant_id}``."""

    serializer_class = WorkplaceSerializer
    finds = seen(selectors.merchants_of, "merchant_id")


# --- the owner --------------------------------------------------------------------------------
class ClerkListView(ListView[MerchantMember]):
    """List people who work for me, newest first: ``GET /api/v1/merchants/{merchant_id}/clerks``.

    Owners are listed too.
    """

    serializer_class = MemberOfMerchantSerializer
    finds = at_owned(selectors.current_members_of)


class ClerkView(OpenView[MerchantMember]):
    """Open somebody who works for me, or did.

    ``GET /api/v1/merchants/{merchant_id}/clerks/{member_id}``
    """

    serializer_class = MemberOfMerchantSerializer
    finds = at_owned(selectors.members_of, "member_id")


class DismissView(APIView):
    """Dismiss somebody who works for me.

    ``POST /api/v1/merchants/{merchant_id}/clerks/{member_id}/dismiss``. They can no longer scan.
    Idempotent: keeps the first ``ended_at``.
    """

    @writes(MemberOfMerchantSerializer, at_owned(selectors.members_of, "member_id"))
    def post(self, user: User, member: MerchantMember) -> MerchantMember:
        return invitations.dismiss(member=member, dismissed_by=user)


class InvitationListView(ListView[Invitation]):
    """List invitations, newest first: ``GET /api/v1/merchants/{merchant_id}/invitations``."""

    serializer_class = InvitationSerializer
    finds = at_owned(selectors.invitations_to)

    @writes(NewInvitationSerializer, owned, body=InviteSerializer, creates=selectors.invitations_to)
    def post(self, user: User, merchant: Merchant, role: MerchantMember.Role) -> Invitation:
        """Invite somebody: ``POST /api/v1/merchants/{merchant_id}/invitations``.

        The answer has the code, which is good for one person, for 72 hours. Repeated with the same
        key it has the code until somebody accepts it, then null.
        """
        return invitations.invite(merchant=merchant, invited_by=user, role=role)


class InvitationView(OpenView[Invitation]):
    """Open an invitation: ``GET /api/v1/merchants/{merchant_id}/invitations/{invitation_id}``."""

    serializer_class = InvitationSerializer
    finds = at_owned(selectors.invitations_to, "invitation_id")


class RevokeInvitationView(APIView):
    """Revoke an invitation.

    ``POST /api/v1/merchants/{merchant_id}/invitations/{invitation_id}/revoke``. A person who has
    accepted (``invitation_used``) is dismissed instead. Idempotent: keeps the first ``revoked_at``.
    """

    @writes(InvitationSerializer, at_owned(selectors.invitations_to, "invitation_id"))
    def post(self, user: User, invitation: Invitation) -> Invitation:
        return invitations.revoke(invitation=invitation, revoked_by=user)


# --- whoever has the code ---------------------------------------------------------------------
class LookAtInvitationView(APIView):
    """Tell at which merchant a code lets somebody work: ``POST /api/v1/invitations/look``. Public.

    The code stands in the body because addresses are written into logs. Wrong codes count as
    guesses of the person who is logged in, else of the address they come from.
    """

    permission_classes = (AllowAny,)

    @extend_schema(request=AcceptInvitationSerializer, responses=InvitedToWorkSerializer)
    def post(self, request: Request) -> Response:
        body = AcceptInvitationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        who = request.user if isinstance(request.user, User) else counted_as(request)
        found = invitations.look(who=who, **body.validated_data)
        return Response(InvitedToWorkSerializer(found).data)


class AcceptInvitationView(APIView):
    """Accept an invitation by its code: ``POST /api/v1/invitations/accept``.

    The code stands in the body because addresses are written into logs. Idempotent.
    """

    @writes(
        WorkplaceSerializer,
        body=AcceptInvitationSerializer,
        creates=selectors.merchants_of,
        needs_key=False,
    )
    def post(self, user: User, code: str) -> Merchant:
        member = invitations.accept(user=user, code=code)
        return selectors.merchants_of(user).get(pk=member.merchant_id)


class AcceptInvitationAsNewView(APIView):
    """Accept an invitation as somebody new: ``POST /api/v1/invitations/accept-as-new``. Public.

    Whoever has the code tells their name, and the username and password that they log in with from
    now on. Somebody who is on record already logs in and accepts as who they are.
    """

    permission_classes = (AllowAny,)

    @extend_schema(request=AcceptAsNewWorkerSerializer, responses={201: NewWorkerSerializer})
    def post(self, request: Request) -> Response:
        body = AcceptAsNewWorkerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = invitations.accept_as_new(address=counted_as(request), **body.validated_data)
        return Response(NewWorkerSerializer(member).data, status=201)
