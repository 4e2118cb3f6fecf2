"""Roles in a place: read by staff, changed by managers."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.api.callers import signed_in
from backend.api.filters import PersonFilter, TextFilter
from backend.api.idempotency import idempotent, repeatable
from backend.api.views import below, seen
from backend.communities import selectors
from backend.communities.api.serializers import (
    GrantRoleSerializer,
    MemberSerializer,
    ReasonSerializer,
    RoleSerializer,
    SearchPersonSerializer,
)
from backend.communities.api.shown import managed_place
from backend.communities.models import Community, Membership, Role
from backend.communities.services import people, roles


class MemberFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    role = filters.ChoiceFilter(choices=Role.choices)
    person = PersonFilter("user")
    text = TextFilter("user__name", help_text="Of their name.")


class MemberListView(ListAPIView[Membership]):
    """List the roles held in a place now, newest first: ``GET /api/v1/communities/{code}/members``.

    For staff, managers and auditors of the place or of one above.
    """

    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    queryset = Membership.objects.none()

    def get_queryset(self) -> QuerySet[Membership]:
        watched = selectors.places_where(signed_in(self.request), selectors.WATCHES_OVER)
        return selectors.members_of(selectors.community_among(watched, self.kwargs["code"]))


class PersonSearchView(APIView):
    """Find whose number this is: ``POST /api/v1/communities/{code}/people/search``.

    For staff and managers. The answer is a list of one person or none. The number stands in the
    body because addresses are written into logs.
    """

    @extend_schema(request=SearchPersonSerializer, responses=PersonSerializer(many=True))
    @repeatable
    def post(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        handled = selectors.places_where(user, selectors.HANDLES)
        place = selectors.community_among(handled, code)
        body = SearchPersonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        found = people.search(searcher=user, place=place, **body.validated_data)
        return Response(PersonSerializer(found, many=True).data)


class RoleListView(ListAPIView[Membership]):
    """List every role ever given in a place: ``GET /api/v1/communities/{code}/roles``.

    Newest first, for managers and auditors of the place or of one above. The role of volunteers
    is left out: they join, and stand among the members.
    """

    serializer_class = RoleSerializer
    filterset_class = MemberFilter
    queryset = Membership.objects.none()

    @cached_property
    def place(self) -> Community:
        reach = selectors.MANAGES + selectors.AUDITS
        seen = selectors.places_where(signed_in(self.request), reach)
        return selectors.community_among(seen, self.kwargs["code"])

    def get_queryset(self) -> QuerySet[Membership]:
        return selectors.roles_in(self.place)

    @extend_schema(request=GrantRoleSerializer, responses={201: RoleSerializer})
    @idempotent(below(managed_place, selectors.roles_in), RoleSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give somebody a role in a place: ``POST /api/v1/communities/{code}/roles``.

        For managers of the place or of one above; a manager is appointed from above only.
        Idempotent: answers with the role where the person holds it already.
        """
        user = signed_in(request)
        managed = selectors.places_managed_by(user)
        place = selectors.community_among(managed, self.kwargs["code"])
        body = GrantRoleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        membership = roles.grant(
            user=selectors.person_to_appoint(body.validated_data["user_id"]),
            community=place,
            role=Role(body.validated_data["role"]),
            granted_by=user,
        )
        return Response(RoleSerializer(membership).data, status=status.HTTP_201_CREATED)


class WithdrawRoleView(APIView):
    """Withdraw a role from now on: ``POST /api/v1/roles/{membership_id}/withdraw``.

    For those who might give it. The role stays on record. Idempotent: keeps the first end.
    """

    @extend_schema(request=ReasonSerializer, responses=RoleSerializer)
    @idempotent(
        seen(selectors.roles_managed_by, "membership_id"), RoleSerializer, is_required=False
    )
    def post(self, request: Request, membership_id: UUID) -> Response:
        user = signed_in(request)
        membership = get_object_or_404(selectors.roles_managed_by(user), pk=membership_id)
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        membership = roles.withdraw(membership=membership, withdrawn_by=user, **body.validated_data)
        return Response(RoleSerializer(membership).data)
