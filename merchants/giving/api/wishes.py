"""微心愿: a volunteer's wish, published by staff, adopted by a shop or a neighbour."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import IntegerField, TextField
from backend.api.filters import CommunityFilter, PersonFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.shown import in_community, where_known
from backend.communities.selectors import WATCHES_OVER, communities_of
from merchants.giving import selectors
from merchants.giving.models import Wish
from merchants.giving.services import wishes
from merchants.partners.api.increases import AS_INCREASE, FEN_AT_MOST
from merchants.partners.api.members import at_owned
from merchants.partners.api.serializers import (
    DecisionSerializer,
    PartnerCommunitySerializer,
)
from merchants.partners.models.increases import Increase
from merchants.partners.selectors import merchants_owned_by, partnerships_of


class WishSerializer(ReadSerializer[Wish]):
    """A wish as those who may adopt it see it, without its volunteer.

    The adopter reads the ``thanks``.
    """

    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Wish
        fields: tuple[str, ...] = ("id", "text", "price_points", "status", "thanks")


class MyWishSerializer(WishSerializer):
    """My wish. ``fulfilled_by`` is the shop, empty for a neighbour; see ``redemption_id``."""

    fulfilled_by = serializers.SerializerMethodField()
    redemption_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta(WishSerializer.Meta):
        fields = (*WishSerializer.Meta.fields, "reason", "proposed_at", "closed_at")

    def get_fulfilled_by(self, wish: Wish) -> str:
        return wish.partnership.name if wish.partnership else ""


class WatchedWishSerializer(MyWishSerializer):
    """A wish as staff see it, with its volunteer and the neighbour who adopted it."""

    volunteer = ColleagueSerializer(read_only=True)
    donor = ColleagueSerializer(read_only=True, allow_null=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(MyWishSerializer.Meta):
        fields = (*MyWishSerializer.Meta.fields, "value_fen")


class ProposeWishSerializer(serializers.Serializer[Any]):
    """A wish, and the code of the ``community`` whose points are to be spent."""

    community = serializers.SlugField(max_length=60)
    text = TextField(max_length=200)


class WishDecisionSerializer(DecisionSerializer):
    """A decision. ``value_fen`` is the price in a shop, for contracts by share or by the piece."""

    price_points = IntegerField(min_value=1, required=False)
    value_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)


class AdoptSerializer(serializers.Serializer[Any]):
    """The adopter: ``merchant_id`` of a shop that the caller owns, or null for a neighbour."""

    merchant_id = serializers.UUIDField(allow_null=True, default=None)


class ThanksSerializer(serializers.Serializer[Any]):
    text = TextField(max_length=200)


# --- who wishes -------------------------------------------------------------------------------
class MyWishListView(ListView[Wish]):
    """List my wishes, newest first: ``GET /api/v1/me/wishes``."""

    serializer_class = MyWishSerializer
    finds = seen(selectors.wishes_of)

    @writes(
        MyWishSerializer,
        within=where_known,
        body=ProposeWishSerializer,
        creates=selectors.wishes_of,
    )
    def post(self, user: User, community: str, text: str) -> Wish:
        """Propose a wish: ``POST /api/v1/me/wishes``. Staff decide on it."""
        there = get_object_or_404(communities_of(user), code=community)
        return wishes.propose(volunteer=user, community=there, text=text)


mine = seen(selectors.wishes_of, "wish_id")


class MyWishView(OpenView[Wish]):
    """Open my wish: ``GET /api/v1/me/wishes/{wish_id}``."""

    serializer_class = MyWishSerializer
    finds = mine


class MyWishWithdrawView(APIView):
    """Withdraw my wish: ``POST /api/v1/me/wishes/{wish_id}/withdraw``.

    Held points are released.
    """

    @writes(MyWishSerializer, mine, needs_key=True)
    def post(self, user: User, wish: Wish) -> Wish:
        return wishes.withdraw(wish=wish)


class MyWishThanksView(APIView):
    """Say thanks for my wish: ``POST /api/v1/me/wishes/{wish_id}/thanks``.

    This delivers a wish that a neighbour adopted. A shop scans the voucher first.
    """

    @writes(MyWishSerializer, mine, body=ThanksSerializer, needs_key=True)
    def post(self, user: User, wish: Wish, text: str) -> Wish:
        return wishes.thank(wish=wish, text=text)


# --- who fulfils it ---------------------------------------------------------------------------
class WishFilter(CommunityFilter):
    text = TextFilter("text")


class WishListView(ListView[Wish]):
    """List the wishes of neighbours, and those I adopted: ``GET /api/v1/wishes``."""

    serializer_class = WishSerializer
    filterset_class = WishFilter
    finds = seen(selectors.wishes_open_to)


class MerchantWishListView(ListView[Wish]):
    """List the wishes that my shop may adopt, or has adopted.

    ``GET /api/v1/merchants/{merchant_id}/wishes``
    """

    serializer_class = WishSerializer
    filterset_class = WishFilter
    finds = at_owned(selectors.wishes_open_to_merchant)


AS_SEEN = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("WatchedWish", "Wish")]}


class WishView(APIView):
    """Open a wish: ``GET /api/v1/wishes/{wish_id}``.

    Staff and auditors also see its volunteer and its adopter.
    """

    @extend_schema(responses={200: AS_SEEN})
    def get(self, request: Request, wish_id: UUID) -> Response:
        user = signed_in(request)
        if watched := selectors.wishes_watched_by(user).filter(pk=wish_id).first():
            return Response(WatchedWishSerializer(watched).data)
        return Response(WishSerializer(adoptable(request, wish_id=wish_id)).data)


adoptable: Any = seen(selectors.wishes_adoptable_by, "wish_id")


class AdoptView(APIView):
    """Adopt a wish: ``POST /api/v1/wishes/{wish_id}/adopt``.

    Without ``merchant_id`` I adopt it as a neighbour, unpaid. With that of a shop I own, the
    volunteer's points are held until the counter scans their voucher, within 30 days. A shop cannot
    adopt a wish priced by somebody who works there (``own_merchant``). ``insufficient_points`` is
    about the volunteer's points.
    """

    @writes(WishSerializer, adoptable, body=AdoptSerializer, needs_key=True)
    def post(self, user: User, wish: Wish, merchant_id: UUID | None) -> Wish:
        if merchant_id is None:
            wish = get_object_or_404(selectors.wishes_open_to(user), pk=wish.pk)
            return wishes.adopt_as_donor(wish=wish, donor=user)
        merchant = get_object_or_404(merchants_owned_by(user), pk=merchant_id)
        wish = get_object_or_404(selectors.wishes_open_to_merchant(merchant), pk=wish.pk)
        partnership = partnerships_of(merchant).get(community=wish.community_id)
        return wishes.adopt_as_merchant(wish=wish, partnership=partnership, by=user)


class ReleaseView(APIView):
    """Release a wish that I or my shop cannot fulfil: ``POST /api/v1/wishes/{wish_id}/release``.

    The wish reopens.
    """

    @writes(
        WishSerializer,
        seen(selectors.wishes_adopted_by, "wish_id"),
        shows=adoptable,
        needs_key=True,
    )
    def post(self, user: User, wish: Wish) -> Wish:
        return wishes.release(wish=wish, by=user)


# --- staff ------------------------------------------------------------------------------------
class WatchedWishFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Wish.Status.choices)
    volunteer = PersonFilter("volunteer")
    text = TextFilter("text")


class CommunityWishListView(ListView[Wish]):
    """List a community's wishes, newest first: ``GET /api/v1/communities/{code}/wishes``."""

    serializer_class = WatchedWishSerializer
    filterset_class = WatchedWishFilter
    finds = in_community(WATCHES_OVER, selectors.wishes_in)


class WishDecisionView(APIView):
    """Publish a wish with its price, or reject it: ``POST /api/v1/wishes/{wish_id}/decision``.

    For staff. Somebody else confirms its price in a shop if that is above the limit (202).
    """

    @writes(
        WatchedWishSerializer,
        seen(selectors.wishes_handled_by, "wish_id"),
        body=WishDecisionSerializer,
        waiting=AS_INCREASE,
    )
    def post(self, user: User, wish: Wish, **facts: Any) -> Wish | Increase:
        return wishes.decide(wish=wish, by=user, **facts)
