"""Contact data and join codes of places, read by everybody and changed by managers."""

from typing import Any

from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request

from backend.accounts.models import User
from backend.api.code_pictures import CodePictureView
from backend.api.permissions import SecondFactorToWrite
from backend.api.views import OpenView, nothing, writes
from backend.communities import selectors
from backend.communities.api.serializers import (
    ChangeContactSerializer,
    ContactSerializer,
    JoinCodeSerializer,
)
from backend.communities.api.shown import managed_community, managed_place
from backend.communities.models import Community
from backend.communities.services import places


def any_place(request: Request, **names: Any) -> Community:
    """Find the place ``code``, for everybody."""
    return selectors.community_among(Community.objects.select_related("parent"), names["code"])


class ContactView(OpenView[Community]):
    """Show where a street, community or estate is: ``GET /api/v1/communities/{code}/contact``.

    Public. ``below`` lists the estates of a community, one of which somebody names when joining.
    """

    permission_classes = (IsAuthenticatedOrReadOnly, SecondFactorToWrite)
    serializer_class = ContactSerializer
    finds = any_place

    @writes(ContactSerializer, managed_place, body=ChangeContactSerializer, edits=True)
    def patch(self, user: User, place: Community, **changes: Any) -> Community:
        """Change some of the contact data. For managers of the place or of one above."""
        return places.change_contact(place=place, changed_by=user, changes=changes)


class JoinCodeView(OpenView[Community]):
    """Show the code on a community's posters: ``GET /api/v1/communities/{code}/join-code``.

    For managers of the community or of its street. Whoever has the code joins at once.
    """

    serializer_class = JoinCodeSerializer
    finds = managed_community

    @writes(JoinCodeSerializer, managed_community, status=201, needs_key=True)
    def post(self, user: User, community: Community) -> Community:
        """Make a new code. The one before stops working."""
        return places.make_join_code(community=community, made_by=user)

    @writes(nothing, managed_community)
    def delete(self, user: User, community: Community) -> None:
        """End the code: from now on people ask to join. Idempotent."""
        places.end_join_code(community=community, ended_by=user)


class JoinCodePictureView(CodePictureView):
    """Show the code on a community's posters as a QR code.

    ``GET /api/v1/communities/{code}/join-code/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        return managed_community(request, **named).join_code
