"""A partner's two lists: what it needs, what it can lend, and the activities matched to them."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField, TextField
from backend.api.filters import BooleanFilter, CommunityFilter, TextFilter
from backend.api.idempotency import Finds
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, myself, seen, writes
from backend.communities.api.shown import community
from backend.communities.selectors import WATCHES_OVER
from merchants.partners import selectors
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.models.listings import ActivityMatch, Listing
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import listings


class ActivityMatchSerializer(ReadSerializer[ActivityMatch]):
    class Meta:
        model = ActivityMatch
        fields: tuple[str, ...] = ("id", "activity_id", "activity_title", "matched_at")


class KeptMatchSerializer(ActivityMatchSerializer):
    """A match as staff see it; ``ended_at`` is null while it lasts."""

    class Meta(ActivityMatchSerializer.Meta):
        fields = (*ActivityMatchSerializer.Meta.fields, "ended_at")


class ListingSerializer(ReadSerializer[Listing]):
    """A ``need`` 服务清单 or a ``resource`` 资源清单; ``closed_at`` is null while it is open."""

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    activities = ActivityMatchSerializer(source="current_matches", many=True, read_only=True)

    class Meta:
        model = Listing
        fields = ("id", "kind", "title", "description", "added_at", "closed_at")

    rows_for = staticmethod(selectors.with_matches)


class AddListingSerializer(serializers.Serializer[Any]):
    title = CharField(max_length=60)
    description = TextField(max_length=500, allow_blank=True, default="")


class MatchSerializer(serializers.Serializer[Any]):
    activity_id = serializers.UUIDField()


class ListingFilter(CommunityFilter):
    text = TextFilter("title", "description")


class KeptListingFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    text = TextFilter("title", "description")
    is_open = BooleanFilter(
        field_name="closed_at", lookup_expr="isnull", label="Whether it is not closed."
    )


class CommunityListingFilter(KeptListingFilter):
    partnership = filters.UUIDFilter(help_text="The id of a partnership.")


def listed(
    selector: Callable[[Any], QuerySet[Listing]], named: str = "", *, at: Finds = myself
) -> Finds:
    """Find the listings that ``selector`` returns for ``at``, of the address's ``kind``.

    Needs and resources have the same views, each at addresses of its own (urls.py).
    """

    def of_kind(request: Request, kind: Listing.Kind, **names: Any) -> QuerySet[Listing]:
        return selector(at(request, **names)).filter(kind=kind)

    return below(of_kind, lambda rows: rows, named)


class ListingListView(ListView[Listing]):
    """List what partners need, or lend, where I volunteer, newest first.

    ``GET /api/v1/needs``, ``GET /api/v1/resources``. Volunteers can sign up for their activities.
    """

    serializer_class = ListingSerializer
    filterset_class = ListingFilter
    finds = listed(selectors.listings_open_to)


class ListingView(OpenView[Listing]):
    """Open a listing: ``GET /api/v1/needs/{listing_id}``, ``GET /api/v1/resources/{listing_id}``.

    Volunteers open those not closed; the owner, staff and auditors open all.
    """

    serializer_class = ListingSerializer
    finds = listed(selectors.listings_seen_by, "listing_id")


class CommunityListingListView(ListView[Listing]):
    """List what a community's partners need, or lend, newest first, closed ones as well.

    ``GET /api/v1/communities/{code}/needs``, ``…/resources``; for staff and auditors.
    """

    serializer_class = ListingSerializer
    filterset_class = CommunityListingFilter
    finds = listed(selectors.listings_in, at=community(WATCHES_OVER))


class PartnershipListingListView(ListView[Listing]):
    """List what one partner needs, or lends, newest first, closed ones as well.

    ``GET /api/v1/partnerships/{partnership_id}/needs``, ``…/resources``; for its owner, staff and
    auditors.
    """

    serializer_class = ListingSerializer
    filterset_class = KeptListingFilter
    finds = listed(selectors.listings_of, at=seen(selectors.partnerships_seen_by, "partnership_id"))

    @writes(
        ListingSerializer,
        seen(selectors.partnerships_kept_by, "partnership_id"),
        body=AddListingSerializer,
        creates=selectors.listings_of,
    )
    def post(self, user: User, partnership: Partnership, **facts: Any) -> Listing:
        """Add a listing of what the partner needs, or lends, as its owner or as staff.

        ``POST /api/v1/partnerships/{partnership_id}/needs``, ``…/resources``.
        """
        kind = self.kwargs["kind"]
        return listings.add(partnership=partnership, kind=kind, by=user, **facts)


class ListingCloseView(APIView):
    """Close a need or a resource, as its owner or as staff.

    ``POST /api/v1/needs/{listing_id}/close``, ``POST /api/v1/resources/…/close``.
    """

    @writes(ListingSerializer, listed(selectors.listings_kept_by, "listing_id"))
    def post(self, user: User, listing: Listing) -> Listing:
        return listings.close(listing=listing, by=user)


one_handled = listed(selectors.listings_handled_by, "listing_id")


class MatchListView(ListView[ActivityMatch]):
    """List the activities matched to a listing, ended ones included, newest first, as staff.

    ``GET /api/v1/needs/{listing_id}/matches``, ``GET /api/v1/resources/{listing_id}/matches``
    """

    serializer_class = KeptMatchSerializer
    finds = below(one_handled, selectors.matches_of)

    @writes(
        ActivityMatchSerializer,
        one_handled,
        body=MatchSerializer,
        creates=selectors.matches_of,
    )
    def post(self, user: User, listing: Listing, **facts: Any) -> ActivityMatch:
        """Match an activity, as staff: ``POST /api/v1/needs/{listing_id}/matches``.

        ``POST /api/v1/resources/{listing_id}/matches`` likewise. Hours verified in an activity that
        serves a need are a service that the merchant received. Idempotent: keeps the first match.
        """
        return listings.match(listing=listing, by=user, **facts)


class MatchView(OpenView[ActivityMatch]):
    """Open a match, as staff: ``GET /api/v1/needs/{listing_id}/matches/{match_id}``.

    ``GET /api/v1/resources/{listing_id}/matches/{match_id}`` likewise.
    """

    serializer_class = KeptMatchSerializer
    finds = below(one_handled, selectors.matches_of, "match_id")


class EndMatchView(APIView):
    """End a match, as staff: ``POST /api/v1/needs/{listing_id}/matches/{match_id}/end``.

    ``POST /api/v1/resources/{listing_id}/matches/{match_id}/end`` likewise. Hours verified later
    are on no statement.
    """

    @writes(
        ListingSerializer,
        below(
            listed(selectors.listings_handled_by, "listing_id"), selectors.matches_of, "match_id"
        ),
        shows=listed(selectors.listings_handled_by, "listing_id"),
    )
    def post(self, user: User, match: ActivityMatch) -> Listing:
        return listings.end_match(match=match, by=user).listing
