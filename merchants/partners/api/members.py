"""People who work at a merchant, invited and dismissed by its owners."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import Finds, idempotent
from backend.api.views import below, seen
from merchants.partners import selectors
from merchants.partners.api.serializers import (
    AcceptInvitationSerializer,
    InvitationSerializer,
    InviteSerializer,
    MemberOfMerchantSerializer,
    NewInvitationSerializer,
    WorkplaceSerializer,
)
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.services import invitations


def worked_at(request: Request, merchant_id: UUID) -> Merchant:
    """A merchant where the caller is a clerk or an owner, or 404."""
    return get_object_or_404(selectors.merchants_of(signed_in(request)), pk=merchant_id)


def owned(request: Request, merchant_id: UUID) -> Merchant:
    """A merchant the caller owns, or 404."""
    return get_object_or_404(selectors.merchants_owned_by(signed_in(request)), pk=merchant_id)


def at_owned(selector: Callable[[Merchant], QuerySet[Any]], named: str = "") -> Finds:
    """What belongs to a merchant the caller owns; see backend/api/idempotency.py."""
    return below(lambda request, **names: owned(request, names["merchant_id"]), selector, named)


def at_workplace(selector: Callable[[Merchant], QuerySet[Any]], named: str = "") -> Finds:
    """What belongs to a merchant where the caller works."""
    return below(lambda request, **names: worked_at(request, names["merchant_id"]), selector, named)


# --- the owner --------------------------------------------------------------------------------
class ClerkListView(ListAPIView[MerchantMember]):
    """List who works for me, newest first: ``GET /api/v1/merchants/{merchant_id}/clerks``.

    Owners too.
    """

    serializer_class = MemberOfMerchantSerializer
    queryset = MerchantMember.objects.none()

    def get_queryset(self) -> QuerySet[MerchantMember]:
        merchant = owned(self.request, self.kwargs["merchant_id"])
        return selectors.members_of(merchant).filter(ended_at__isnull=True)


class DismissView(APIView):
    """Dismiss somebody who works for me.

    ``POST /api/v1/merchants/{merchant_id}/clerks/{member_id}/dismiss``.

    At once: their next scan finds no such merchant. Of who was dismissed already it answers the
    first time. Refused with ``last_owner``.
    """

    @extend_schema(request=None, responses=MemberOfMerchantSerializer)
    @idempotent(
        at_owned(selectors.members_of, "member_id"), MemberOfMerchantSerializer, is_required=False
    )
    def post(self, request: Request, merchant_id: UUID, member_id: UUID) -> Response:
        members = selectors.members_of(owned(request, merchant_id))
        member = invitations.dismiss(
            member=get_object_or_404(members, pk=member_id), dismissed_by=signed_in(request)
        )
        return Response(MemberOfMerchantSerializer(member).data)


class InvitationListView(ListAPIView[Invitation]):
    """Whom I invited, newest first: ``GET /api/v1/merchants/{merchant_id}/invitations``."""

    serializer_class = InvitationSerializer
    queryset = Invitation.objects.none()

    def get_queryset(self) -> QuerySet[Invitation]:
        return selectors.invitations_to(owned(self.request, self.kwargs["merchant_id"]))

    @extend_schema(request=InviteSerializer, responses={201: NewInvitationSerializer})
    @idempotent(at_owned(selectors.invitations_to), NewInvitationSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Invite somebody: ``POST /api/v1/merchants/{merchant_id}/invitations``.

        The answer has the code; it is good for one person, for 72 hours. Sent again with the same
        key it has the code until somebody accepts it, then null.
        """
        merchant = owned(request, kwargs["merchant_id"])
        body = InviteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        invitation, _ = invitations.invite(
            merchant=merchant,
            invited_by=signed_in(request),
            role=MerchantMember.Role(body.validated_data["role"]),
        )
        return Response(NewInvitationSerializer(invitation).data, status=status.HTTP_201_CREATED)


class RevokeInvitationView(APIView):
    """I take it back: ``POST /api/v1/merchants/{merchant_id}/invitations/{invitation_id}/revoke``.

    Again, the first time stands. Refused with ``invitation_used``: dismiss who accepted it.
    """

    @extend_schema(request=None, responses=InvitationSerializer)
    @idempotent(
        at_owned(selectors.invitations_to, "invitation_id"), InvitationSerializer, is_required=False
    )
    def post(self, request: Request, merchant_id: UUID, invitation_id: UUID) -> Response:
        made = selectors.invitations_to(owned(request, merchant_id))
        invitation = invitations.revoke(
            invitation=get_object_or_404(made, pk=invitation_id), revoked_by=signed_in(request)
        )
        return Response(InvitationSerializer(invitation).data)


# --- whoever has the code ---------------------------------------------------------------------
class AcceptInvitationView(APIView):
    """I was told a code and work there now: ``POST /api/v1/invitations/accept``.

    It stands in the body, for addresses are written into logs. Again, the answer is the same.
    Refused with ``invitation_unknown``, ``invitation_used``, ``invitation_expired``,
    ``invitation_revoked``, ``own_invitation``, ``already_works_there``.
    """

    @extend_schema(request=AcceptInvitationSerializer, responses={201: WorkplaceSerializer})
    @idempotent(seen(selectors.merchants_of), WorkplaceSerializer, is_required=False)
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        body = AcceptInvitationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = invitations.accept(user=user, **body.validated_data)
        workplace = selectors.merchants_of(user).get(pk=member.merchant_id)
        return Response(WorkplaceSerializer(workplace).data, status=status.HTTP_201_CREATED)
