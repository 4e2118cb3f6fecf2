"""Who works at a merchant: invited and dismissed by its owners."""

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
from merchants import selectors
from merchants.api.serializers import (
    AcceptInvitationSerializer,
    InvitationSerializer,
    InviteSerializer,
    MemberOfMerchantSerializer,
    NewInvitationSerializer,
    WorkplaceSerializer,
)
from merchants.models import Invitation, Merchant, MerchantMember
from merchants.services import invitations


# --- the owner --------------------------------------------------------------------------------
class ClerkListView(ListAPIView[MerchantMember]):
    """Who works for me, newest first: ``GET /api/v1/merchants/{merchant_id}/clerks``.

    Owners too.
    """

    serializer_class = MemberOfMerchantSerializer
    queryset = MerchantMember.objects.none()

    def get_queryset(self) -> QuerySet[MerchantMember]:
        merchant = owned(self.request, self.kwargs["merchant_id"])
        return selectors.members_of(merchant).filter(ended_at__isnull=True)


class DismissView(APIView):
    """They are dismissed: ``POST /api/v1/merchants/{merchant_id}/clerks/{member_id}/dismiss``.

    At once: their next scan finds no such merchant. Of who was dismissed already it answers the
    first time. Refused with ``last_owner``.
    """

    @extend_schema(request=None, responses=MemberOfMerchantSerializer)
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

    # Not idempotent: the code would be kept with the answer.
    @extend_schema(request=InviteSerializer, responses={201: NewInvitationSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Invite somebody: ``POST /api/v1/merchants/{merchant_id}/invitations``.

        The answer has the code, this once; it is good for one person, for 72 hours. An answer
        that was lost can not be had again: revoke that invitation and make another.
        """
        merchant = owned(request, kwargs["merchant_id"])
        body = InviteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        invitation, code = invitations.invite(
            merchant=merchant,
            invited_by=signed_in(request),
            role=MerchantMember.Role(body.validated_data["role"]),
        )
        return invited(invitation, code)


class RevokeInvitationView(APIView):
    """I take it back: ``POST /api/v1/merchants/{merchant_id}/invitations/{invitation_id}/revoke``.

    Again, the first time stands. Refused with ``invitation_used``: dismiss who accepted it.
    """

    @extend_schema(request=None, responses=InvitationSerializer)
    def post(self, request: Request, merchant_id: UUID, invitation_id: UUID) -> Response:
        made = selectors.invitations_to(owned(request, merchant_id))
        invitation = invitations.revoke(
            invitation=get_object_or_404(made, pk=invitation_id), revoked_by=signed_in(request)
        )
        return Response(InvitationSerializer(invitation).data)


def invited(invitation: Invitation, code: str) -> Response:
    """The invitation with its code, this once."""
    answer = InvitationSerializer(invitation).data | {"code": code}
    return Response(answer, status=status.HTTP_201_CREATED)


def worked_at(request: Request, merchant_id: UUID) -> Merchant:
    """A merchant where the caller is a clerk or an owner, or 404."""
    return get_object_or_404(selectors.merchants_of(signed_in(request)), pk=merchant_id)


def owned(request: Request, merchant_id: UUID) -> Merchant:
    """A merchant the caller owns, or 404."""
    return get_object_or_404(selectors.merchants_owned_by(signed_in(request)), pk=merchant_id)


# --- whoever has the code ---------------------------------------------------------------------
class AcceptInvitationView(APIView):
    """I was told a code and work there now: ``POST /api/v1/invitations/accept``.

    It stands in the body, for addresses are written into logs. Again, the answer is the same.
    Refused with ``invitation_unknown``, ``invitation_used``, ``invitation_expired``,
    ``invitation_revoked``, ``own_invitation``, ``already_works_there``.
    """

    @extend_schema(request=AcceptInvitationSerializer, responses={201: WorkplaceSerializer})
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        body = AcceptInvitationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = invitations.accept(user=user, **body.validated_data)
        workplace = selectors.merchants_of(user).get(pk=member.merchant_id)
        return Response(WorkplaceSerializer(workplace).data, status=status.HTTP_201_CREATED)
