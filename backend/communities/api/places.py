"""Contact data and join codes of places, read by everybody and changed by managers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.code_pictures import CodePictureView
from backend.api.idempotency import idempotent
from backend.api.permissions import SecondFactorToWrite
from backend.communities import selectors
from backend.communities.api.serializers import (
    ChangeContactSerializer,
    ContactSerializer,
    JoinCodeSerializer,
)
from backend.communities.api.shown import managed_community, managed_place
from backend.communities.models import Community
from backend.communities.services import places


class ContactView(APIView):
    """Show where a street, community or estate is: ``GET /api/v1/communities/{code}/contact``.

    Public. ``below`` lists the estates of a community, one of which somebody names when joining.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)

    @extend_schema(responses=ContactSerializer)
    def get(self, request: Request, code: str) -> Response:
        place = selectors.community_among(Community.objects.select_related("parent"), code)
        return Response(ContactSerializer(place).data)

    @extend_schema(request=ChangeContactSerializer, responses=ContactSerializer)
    @idempotent(managed_place, ContactSerializer, is_required=False, edits=True)
    def patch(self, request: Request, code: str) -> Response:
        """Change some of it. For managers of the place or of one above."""
        user = signed_in(request)
        place = selectors.community_among(selectors.places_managed_by(user), code)
        body = ChangeContactSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        place = places.change_contact(place=place, changed_by=user, changes=body.validated_data)
        return Response(ContactSerializer(place).data)


class JoinCodeView(APIView):
    """Show the code on a community's posters: ``GET /api/v1/communities/{code}/join-code``.

    For managers of the community or of its street. Whoever has the code joins at once.
    """

    @extend_schema(responses=JoinCodeSerializer)
    def get(self, request: Request, code: str) -> Response:
        return Response(JoinCodeSerializer(managed_community(request, code=code)).data)

    @extend_schema(request=None, responses={201: JoinCodeSerializer})
    @idempotent(managed_community, JoinCodeSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Make a new code. The one before stops working."""
        community = places.make_join_code(
            community=managed_community(request, code=code), made_by=signed_in(request)
        )
        return Response(JoinCodeSerializer(community).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, code: str) -> Response:
        """End the code: from now on people ask to join. Idempotent."""
        places.end_join_code(
            community=managed_community(request, code=code), ended_by=signed_in(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class JoinCodePictureView(CodePictureView):
    """Show the code on a community's posters as a QR code.

    ``GET /api/v1/communities/{code}/join-code/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        return managed_community(request, **named).join_code
