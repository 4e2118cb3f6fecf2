"""A partner's two lists: what it needs, what it can lend, and which activities come of them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField, TextField
from backend.api.filters import BooleanFilter, CommunityFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.views import below, seen
from merchants.partners import selectors
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.models.listings import ActivityMatch, Listing
from merchants.partners.services import listings


class ActivityMatchSerializer(serializers.ModelSerializer[ActivityMatch]):
    class Meta:
        model = ActivityMatch
        fields = ("id", "activity_id", "activity_title", "matched_at")
        read_only_fields = fields


class ListingSerializer(serializers.ModelSerializer[Listing]):
    """A ``need`` 服务清单 or a ``resource`` 资源清单; ``closed_at`` is null while it is open."""

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    activities = ActivityMatchSerializer(source="current_matches", many=True, read_only=True)

    class Meta:
        model = Listing
        fields = (
            "id",
            "merchant",
            "community",
            "kind",
            "title",
            "description",
            "added_at",
            "closed_at",
            "activities",
        )
        read_only_fields = fields


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


class OfOneKind:
    """Needs and resources have the same views, each at addresses of its own."""

    kind = Listing.Kind.NEED  # or what ``as_view`` is given

    def listing(self, request: Request, listing_id: UUID) -> Listing:
        """Return one that staff match to activities, or 404."""
        handled = selectors.listings_handled_by(signed_in(request)).filter(kind=self.kind)
        return get_object_or_404(handled, pk=listing_id)


class ListingListView(OfOneKind, ListAPIView[Listing]):
    """List what partners need, or lend, where I volunteer, newest first.

    ``GET /api/v1/needs``, ``GET /api/v1/resources``. Its activities are those one can sign up for.
    """

    serializer_class = ListingSerializer
    queryset = Listing.objects.none()
    filterset_class = ListingFilter

    def get_queryset(self) -> QuerySet[Listing]:
        return selectors.listings_open_to(signed_in(self.request)).filter(kind=self.kind)


class ListingView(OfOneKind, RetrieveAPIView[Listing]):
    """Open one: ``GET /api/v1/needs/{listing_id}``, ``GET /api/v1/resources/{listing_id}``.

    Volunteers open what is open; its owner, staff and auditors also what is closed.
    """

    serializer_class = ListingSerializer
    queryset = Listing.objects.none()
    lookup_url_kwarg = "listing_id"

    def get_queryset(self) -> QuerySet[Listing]:
        return selectors.listings_seen_by(signed_in(self.request)).filter(kind=self.kind)


class PartnershipListingListView(OfOneKind, ListAPIView[Listing]):
    """List what one partner needs, or lends, newest first, closed ones as well.

    ``GET /api/v1/partnerships/{partnership_id}/needs``, ``…/resources``; for its owner, staff and
    auditors.
    """

    serializer_class = ListingSerializer
    queryset = Listing.objects.none()
    filterset_class = KeptListingFilter

    def get_queryset(self) -> QuerySet[Listing]:
        known = selectors.partnerships_seen_by(signed_in(self.request))
        partnership = get_object_or_404(known, pk=self.kwargs["partnership_id"])
        return selectors.listings_of(partnership).filter(kind=self.kind)

    @extend_schema(request=AddListingSerializer, responses={201: ListingSerializer})
    @idempotent(
        below(seen(selectors.partnerships_kept_by, "partnership_id"), selectors.listings_of),
        ListingSerializer,
    )
    def post(self, request: Request, partnership_id: UUID) -> Response:
        """Add what the partner needs, or lends, as its owner or as staff.

        ``POST /api/v1/partnerships/{partnership_id}/needs``, ``…/resources``. Refused with
        ``partner_ended``, ``list_full``, ``own_merchant``, ``partner_not_accepted``.
        """
        user = signed_in(request)
        kept = selectors.partnerships_kept_by(user)
        partnership = get_object_or_404(kept, pk=partnership_id)
        body = AddListingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        added = listings.add(
            partnership=partnership, kind=self.kind, by=user, **body.validated_data
        )
        return _told(added, status.HTTP_201_CREATED)


class ListingCloseView(OfOneKind, APIView):
    """Close one: ``POST /api/v1/needs/{listing_id}/close``, ``POST /api/v1/resources/…/close``.

    For its owner and staff. Refused with ``own_merchant``.
    """

    @extend_schema(request=None, responses=ListingSerializer)
    @idempotent(
        seen(selectors.listings_kept_by, "listing_id"), ListingSerializer, is_required=False
    )
    def post(self, request: Request, listing_id: UUID) -> Response:
        user = signed_in(request)
        kept = selectors.listings_kept_by(user).filter(kind=self.kind)
        return _told(listings.close(listing=get_object_or_404(kept, pk=listing_id), by=user))


class MatchView(OfOneKind, APIView):
    """Match an activity to it, as staff: ``POST /api/v1/needs/{listing_id}/matches``.

    ``POST /api/v1/resources/{listing_id}/matches`` likewise. What is verified in an activity that
    serves a need is a service that the merchant received. Idempotent: keeps the first match.
    Refused with ``listing_closed``, ``activity_unknown``, ``own_merchant``.
    """

    @extend_schema(request=MatchSerializer, responses={201: ActivityMatchSerializer})
    @idempotent(
        below(seen(selectors.listings_handled_by, "listing_id"), selectors.matches_of),
        ActivityMatchSerializer,
    )
    def post(self, request: Request, listing_id: UUID) -> Response:
        listing = self.listing(request, listing_id)
        body = MatchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = listings.match(listing=listing, by=signed_in(request), **body.validated_data)
        return Response(ActivityMatchSerializer(made).data, status=status.HTTP_201_CREATED)


class EndMatchView(OfOneKind, APIView):
    """End a match, as staff: ``POST /api/v1/needs/{listing_id}/matches/{match_id}/end``.

    ``POST /api/v1/resources/{listing_id}/matches/{match_id}/end`` likewise. What is verified later
    is on no statement. Refused with ``own_merchant``.
    """

    @extend_schema(request=None, responses=ListingSerializer)
    @idempotent(
        seen(selectors.listings_handled_by, "listing_id"), ListingSerializer, is_required=False
    )
    def post(self, request: Request, listing_id: UUID, match_id: UUID) -> Response:
        listing = self.listing(request, listing_id)
        made = get_object_or_404(selectors.matches_of(listing), pk=match_id)
        listings.end_match(match=made, by=signed_in(request))
        return _told(listing)


def _told(listing: Listing, status_code: int = status.HTTP_200_OK) -> Response:
    told = selectors.listings_of(listing.partnership).get(pk=listing.pk)
    return Response(ListingSerializer(told).data, status=status_code)
