"""The communities, and the roles of the caller.

Logging in is django-allauth's: ``POST /_allauth/app/v1/auth/login``.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import ProfileSerializer
from backend.accounts.services import profile
from backend.api.callers import signed_in
from backend.api.idempotency import idempotent
from backend.api.views import myself
from backend.communities import selectors
from backend.communities.api.serializers import CommunitySerializer, MeSerializer
from backend.communities.models import Community


class MeView(APIView):
    """Show who I am and which roles I hold: ``/api/v1/me``.

    Also for those who still owe a second factor: ``second_factor_required`` says so.
    """

    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated()] if self.request.method == "GET" else super().get_permissions()

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(signed_in(request)).data)

    @extend_schema(request=ProfileSerializer, responses=MeSerializer)
    @idempotent(myself, MeSerializer, is_required=False, edits=True)
    def patch(self, request: Request) -> Response:
        """Change my name and, once, my birthday: ``PATCH /api/v1/me``.

        Refused with ``born_on_is_final`` if I told another birthday before.
        """
        body = ProfileSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = profile.change(user=signed_in(request), **body.validated_data)
        return Response(MeSerializer(user).data)


class CommunityListView(ListAPIView[Community]):
    """List the communities and the point where each is: ``GET /api/v1/communities``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = CommunitySerializer
    queryset = Community.objects.none()

    def get_queryset(self) -> QuerySet[Community]:
        return selectors.tenants()
