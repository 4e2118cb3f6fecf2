"""Seals, for everybody, and what was found when the ledger was verified, for auditors."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.paging import CursorPagination
from backend.communities.selectors import (
    WATCHES_OVER,
    communities_where,
    community_among,
    tenants,
)
from points.seals import selectors
from points.seals.api.serializers import (
    SealSerializer,
    VerificationInFullSerializer,
    VerificationSerializer,
)
from points.seals.models import Seal, Verification
from points.seals.services import sealing


class HighestNumberFirst(CursorPagination):
    ordering = "-number"


class SealListView(ListAPIView[Seal]):
    """The published heads, newest first: ``GET /api/v1/communities/{code}/seals``. Public.

    A page of it is what ``points/verify_receipt.py`` holds a receipt against.
    """

    permission_classes = (AllowAny,)
    serializer_class = SealSerializer
    pagination_class = HighestNumberFirst
    queryset = Seal.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        community = community_among(tenants(), kwargs["code"])
        page = self.paginate_queryset(selectors.seals_of(community)) or []
        published = [sealing.header(seal) | {"head": bytes(seal.head).hex()} for seal in page]
        return self.get_paginated_response(SealSerializer(published, many=True).data)


class VerificationListView(ListAPIView[Verification]):
    """Each time the ledger was verified: ``GET /api/v1/communities/{code}/verifications``.

    Newest first. For staff, managers and auditors.
    """

    serializer_class = VerificationSerializer
    queryset = Verification.objects.none()

    def get_queryset(self) -> QuerySet[Verification]:
        return verifications(self.request, self.kwargs["code"]).defer("findings")


class VerificationView(APIView):
    """One of them, and what was found.

    ``GET /api/v1/communities/{code}/verifications/{verification_id}``. For staff, managers and
    auditors.
    """

    @extend_schema(responses=VerificationInFullSerializer)
    def get(self, request: Request, code: str, verification_id: UUID) -> Response:
        found = get_object_or_404(verifications(request, code), pk=verification_id)
        return Response(VerificationInFullSerializer(found).data)


def verifications(request: Request, code: str) -> QuerySet[Verification]:
    """The community's, if the caller watches over it."""
    community = community_among(communities_where(signed_in(request), WATCHES_OVER), code)
    return selectors.verifications_of(community)
