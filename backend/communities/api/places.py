"""Places: founded and renamed from above, their contact data and join codes changed by managers."""

from typing import Any

from django_filters import rest_framework as filters
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request

from backend.accounts.models import User
from backend.api.code_pictures import CodePictureView
from backend.api.filters import CharFilter, TextFilter
from backend.api.permissions import SecondFactorToWrite
from backend.api.views import ListView, OpenView, nothing, seen, writes
from backend.communities import selectors
from backend.communities.api.serializers import (
    ChangeContactSerializer,
    ContactSerializer,
    FoundedPlaceSerializer,
    FoundPlaceSerializer,
    JoinCodeSerializer,
    KeptPlaceSerializer,
    RenamePlaceSerializer,
)
from backend.communities.api.shown import (
    kept_place,
    managed_community,
    managed_place,
    place_among,
)
from backend.communities.models import Community
from backend.communities.services import founding, places


def any_place(request: Request, **names: Any) -> Community:
    """Find the place ``code``, for everybody."""
    return place_among(request, names["code"], Community.objects.select_related, "parent")


class PlaceFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    kind = filters.ChoiceFilter(choices=Community.Kind.choices)
    parent = CharFilter("parent__code", help_text="The code of the place above.")
    text = TextFilter("name")


class PlaceListView(ListView[Community]):
    """List the places that I keep, newest first: ``GET /api/v1/places``.

    Those that I manage with what is in them, and, for an operator of the installation, all streets
    and communities.
    """

    serializer_class = KeptPlaceSerializer
    filterset_class = PlaceFilter
    finds = seen(selectors.places_kept_newest_first)

    @writes(FoundedPlaceSerializer, body=FoundPlaceSerializer, creates=selectors.places_kept_by)
    def post(self, user: User, parent: str | None = None, **facts: Any) -> Community:
        """Found a place: ``POST /api/v1/places``.

        Streets and communities are founded by operators, communities in a street by its manager
        too, estates and grid cells by the manager of their community or of its street. The first
        manager of a street or community is invited at once: the answer has the code, which is good
        for one person, for 72 hours.
        """
        above = None
        if parent is not None:
            above = selectors.community_among(selectors.places_kept_by(user), parent)
        return founding.found(founded_by=user, parent=above, **facts)


class PlaceView(OpenView[Community]):
    """Open a place that I keep: ``GET /api/v1/places/{code}``."""

    serializer_class = KeptPlaceSerializer
    finds = kept_place

    @writes(KeptPlaceSerializer, kept_place, body=RenamePlaceSerializer, edits=True)
    def patch(self, user: User, place: Community, name: str | None = None) -> Community:
        """Rename a place, as those who might found it: ``PATCH /api/v1/places/{code}``."""
        return place if name is None else places.rename(place=place, name=name, by=user)


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
