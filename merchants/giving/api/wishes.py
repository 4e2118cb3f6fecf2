"""微心愿: a volunteer's wish, published by staff, adopted by a shop or a neighbour."""

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
from backend.api.fields import IntegerField, TextField
from backend.api.filters import CommunityFilter, PersonFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.views import seen
from backend.communities.selectors import WATCHES_OVER, communities_of, communities_where
from merchants.giving import selectors
from merchants.giving.models import Wish
from merchants.giving.services import wishes
from merchants.partners.api.increases import AS_INCREASE, FEN_AT_MOST, IncreaseSerializer, waits
from merchants.partners.api.members import owned
from merchants.partners.api.serializers import ColleagueSerializer, PartnerCommunitySerializer
from merchants.partners.models.increases import Increase
from merchants.partners.selectors import partnerships_of


class WishSerializer(serializers.ModelSerializer[Wish]):
    """As everybody who may adopt it sees it; whose it is is not told.

    Who fulfilled it reads the ``thanks``.
    """

    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Wish
        fields: tuple[str, ...] = ("id", "community", "text", "price_points", "status", "thanks")
        read_only_fields = fields


class MyWishSerializer(WishSerializer):
    """``fulfilled_by`` is the shop, or empty; a neighbour is not named. See ``redemption_id``."""

    fulfilled_by = serializers.SerializerMethodField()
    redemption_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta(WishSerializer.Meta):
        fields = (
            *WishSerializer.Meta.fields,
            "reason",
            "fulfilled_by",
            "redemption_id",
            "proposed_at",
            "closed_at",
        )
        read_only_fields = fields

    def get_fulfilled_by(self, wish: Wish) -> str:
        return wish.partnership.name if wish.partnership else ""


class WatchedWishSerializer(MyWishSerializer):
    """As staff see it: whose it is, and which neighbour fulfils it."""

    volunteer = ColleagueSerializer(read_only=True)
    donor = ColleagueSerializer(read_only=True, allow_null=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(MyWishSerializer.Meta):
        fields = (*MyWishSerializer.Meta.fields, "volunteer", "donor", "decided_by", "value_fen")
        read_only_fields = fields


class ProposeWishSerializer(serializers.Serializer[Any]):
    """``community`` is its code: whose points are to be spent."""

    community = serializers.SlugField(max_length=60)
    text = TextField(max_length=200)


class WishDecisionSerializer(serializers.Serializer[Any]):
    """``value_fen`` is what it is worth in a shop, for contracts by share or by the piece."""

    accept = serializers.BooleanField()
    price_points = IntegerField(min_value=1, required=False)
    value_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)
    reason = TextField(max_length=200, allow_blank=True, default="")


class AdoptSerializer(serializers.Serializer[Any]):
    """``merchant_id`` of a shop that the caller owns; null or left out: as a neighbour."""

    merchant_id = serializers.UUIDField(allow_null=True, default=None)


class ThanksSerializer(serializers.Serializer[Any]):
    text = TextField(max_length=200)


# --- who wishes -------------------------------------------------------------------------------
class MyWishListView(ListAPIView[Wish]):
    """List what I wished for, newest first: ``GET /api/v1/me/wishes``."""

    serializer_class = MyWishSerializer
    queryset = Wish.objects.none()

    def get_queryset(self) -> QuerySet[Wish]:
        return selectors.wishes_of(signed_in(self.request))

    @extend_schema(request=ProposeWishSerializer, responses={201: MyWishSerializer})
    @idempotent(seen(selectors.wishes_of), MyWishSerializer)
    def post(self, request: Request) -> Response:
        """Wish for something: ``POST /api/v1/me/wishes``.

        Staff look at it first. Refused with ``wish_open_already``.
        """
        user = signed_in(request)
        body = ProposeWishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        community = get_object_or_404(communities_of(user), code=body.validated_data["community"])
        wish = wishes.propose(volunteer=user, community=community, text=body.validated_data["text"])
        return Response(MyWishSerializer(wish).data, status=status.HTTP_201_CREATED)


class MyWishView(RetrieveAPIView[Wish]):
    """Open my wish: ``GET /api/v1/me/wishes/{wish_id}``."""

    serializer_class = MyWishSerializer
    queryset = Wish.objects.none()
    lookup_url_kwarg = "wish_id"

    def get_queryset(self) -> QuerySet[Wish]:
        return selectors.wishes_of(signed_in(self.request))


class MyWishWithdrawView(APIView):
    """Withdraw my wish: ``POST /api/v1/me/wishes/{wish_id}/withdraw``.

    Points that were held are back. Refused with ``wish_status_wrong``.
    """

    @extend_schema(request=None, responses=MyWishSerializer)
    @idempotent(seen(selectors.wishes_of, "wish_id"), MyWishSerializer)
    def post(self, request: Request, wish_id: UUID) -> Response:
        mine = selectors.wishes_of(signed_in(request))
        wish = wishes.withdraw(wish=get_object_or_404(mine, pk=wish_id))
        return Response(MyWishSerializer(wish).data)


class MyWishThanksView(APIView):
    """Say thanks for what I have: ``POST /api/v1/me/wishes/{wish_id}/thanks``.

    A neighbour's work is done with this; a shop has scanned the voucher before. Refused with
    ``wish_not_scanned``, ``wish_status_wrong``, ``hold_expired``.
    """

    @extend_schema(request=ThanksSerializer, responses=MyWishSerializer)
    @idempotent(seen(selectors.wishes_of, "wish_id"), MyWishSerializer)
    def post(self, request: Request, wish_id: UUID) -> Response:
        mine = selectors.wishes_of(signed_in(request))
        body = ThanksSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wish = wishes.thank(wish=get_object_or_404(mine, pk=wish_id), **body.validated_data)
        return Response(MyWishSerializer(wish).data)


# --- who fulfils it ---------------------------------------------------------------------------
class WishFilter(CommunityFilter):
    text = TextFilter("text")


class WishListView(ListAPIView[Wish]):
    """List what neighbours wish for, and what I adopted: ``GET /api/v1/wishes``."""

    serializer_class = WishSerializer
    queryset = Wish.objects.none()
    filterset_class = WishFilter

    def get_queryset(self) -> QuerySet[Wish]:
        return selectors.wishes_open_to(signed_in(self.request))


class MerchantWishListView(ListAPIView[Wish]):
    """List what my shop could fulfil, or has adopted.

    ``GET /api/v1/merchants/{merchant_id}/wishes``
    """

    serializer_class = WishSerializer
    queryset = Wish.objects.none()
    filterset_class = WishFilter

    def get_queryset(self) -> QuerySet[Wish]:
        return selectors.wishes_open_to_merchant(owned(self.request, self.kwargs["merchant_id"]))


AS_SEEN = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("WatchedWish", "Wish")]}


class WishView(APIView):
    """Open one: ``GET /api/v1/wishes/{wish_id}``.

    Staff and auditors also read whose it is and who fulfils it.
    """

    @extend_schema(responses={200: AS_SEEN})
    def get(self, request: Request, wish_id: UUID) -> Response:
        user = signed_in(request)
        if watched := selectors.wishes_watched_by(user).filter(pk=wish_id).first():
            return Response(WatchedWishSerializer(watched).data)
        wish = get_object_or_404(selectors.wishes_adoptable_by(user), pk=wish_id)
        return Response(WishSerializer(wish).data)


class AdoptView(APIView):
    """Adopt a wish: ``POST /api/v1/wishes/{wish_id}/adopt``.

    Without ``merchant_id`` I fulfil it as a neighbour, for nothing. With that of a shop I own, the
    volunteer's points are held, and the counter scans their voucher within 30 days. Refused with
    ``own_wish``, ``own_merchant`` (who priced it works there), ``wish_status_wrong``,
    ``insufficient_points`` (theirs), ``offer_not_priced``.
    """

    @extend_schema(request=AdoptSerializer, responses=WishSerializer)
    @idempotent(seen(selectors.wishes_adoptable_by, "wish_id"), WishSerializer)
    def post(self, request: Request, wish_id: UUID) -> Response:
        user = signed_in(request)
        body = AdoptSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        merchant_id = body.validated_data["merchant_id"]
        if merchant_id is None:
            wish = get_object_or_404(selectors.wishes_open_to(user), pk=wish_id)
            return Response(WishSerializer(wishes.adopt_as_donor(wish=wish, donor=user)).data)
        merchant = owned(request, merchant_id)
        wish = get_object_or_404(selectors.wishes_open_to_merchant(merchant), pk=wish_id)
        adopted = wishes.adopt_as_merchant(
            wish=wish,
            partnership=partnerships_of(merchant).get(community=wish.community_id),
            by=user,
        )
        return Response(WishSerializer(adopted).data)


class ReleaseView(APIView):
    """Release what I, or my shop, cannot fulfil: ``POST /api/v1/wishes/{wish_id}/release``.

    It is open again. Refused with ``wish_status_wrong``.
    """

    @extend_schema(request=None, responses=WishSerializer)
    @idempotent(seen(selectors.wishes_adoptable_by, "wish_id"), WishSerializer)
    def post(self, request: Request, wish_id: UUID) -> Response:
        user = signed_in(request)
        adopted = get_object_or_404(selectors.wishes_adopted_by(user), pk=wish_id)
        return Response(WishSerializer(wishes.release(wish=adopted, by=user)).data)


# --- staff ------------------------------------------------------------------------------------
class WatchedWishFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Wish.Status.choices)
    volunteer = PersonFilter("volunteer")
    text = TextFilter("text")


class CommunityWishListView(ListAPIView[Wish]):
    """List all wishes there, newest first: ``GET /api/v1/communities/{code}/wishes``."""

    serializer_class = WatchedWishSerializer
    queryset = Wish.objects.none()
    filterset_class = WatchedWishFilter

    def get_queryset(self) -> QuerySet[Wish]:
        seen = communities_where(signed_in(self.request), WATCHES_OVER)
        return selectors.wishes_in(get_object_or_404(seen, code=self.kwargs["code"]))


class WishDecisionView(APIView):
    """Publish a wish with its price, or reject it: ``POST /api/v1/wishes/{wish_id}/decision``.

    For staff. What it is worth in a shop somebody else confirms (202). Refused with ``own_wish``,
    ``wish_without_price``, ``wish_status_wrong``.
    """

    @extend_schema(
        request=WishDecisionSerializer,
        responses={200: WatchedWishSerializer, 202: IncreaseSerializer},
    )
    @idempotent(
        seen(selectors.wishes_handled_by, "wish_id"),
        WatchedWishSerializer,
        is_required=False,
        waiting=AS_INCREASE,
    )
    def post(self, request: Request, wish_id: UUID) -> Response:
        user = signed_in(request)
        wish = get_object_or_404(selectors.wishes_handled_by(user), pk=wish_id)
        body = WishDecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        decided = wishes.decide(wish=wish, by=user, **body.validated_data)
        if isinstance(decided, Increase):
            return waits(decided)
        return Response(WatchedWishSerializer(decided).data)
