"""What is on offer: merchants propose it and keep its stock, staff decide and set the price."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import CharField, DateField, DateTimeField, IntegerField, TextField
from backend.api.filters import CharFilter, CommunityFilter
from backend.api.idempotency import idempotent
from backend.api.views import below, seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from backend.registries import volunteering
from backend.text import bare
from merchants.catalogue import selectors
from merchants.catalogue.api.serializers import OfferSerializer
from merchants.catalogue.models import PIECES_AT_MOST, Offer, OfferPrice, StockMove
from merchants.catalogue.services import offers as catalogue
from merchants.partners.api.increases import AS_INCREASE, FEN_AT_MOST, IncreaseSerializer, waits
from merchants.partners.api.members import at_owned, owned, worked_at
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.partners.errors import OwnMerchant
from merchants.partners.models.increases import Increase
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import (
    merchants_owned_by,
    partners_in,
    partnerships_of,
    works_at,
)

GROUPS = tuple(volunteering.source().kinds())


# What somebody may offer: plain points are not.
KINDS = [choice for choice in Offer.Kind.choices if choice[0] not in Offer.MADE_BY_US]


class KeptOfferSerializer(OfferSerializer):
    """An offer as merchants and staff see it: also what it is worth in fen, and who decided."""

    partnership_id = serializers.UUIDField(read_only=True)
    proposed_by = ColleagueSerializer(read_only=True, allow_null=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(OfferSerializer.Meta):
        fields = (
            *OfferSerializer.Meta.fields,
            "partnership_id",
            "status",
            "value_fen",
            "settled_fen",
            "proposed_by",
            "decided_by",
            "decided_at",
        )
        read_only_fields = fields


class ConditionsSerializer(serializers.Serializer[Any]):
    """Words and conditions; what is left out stays as it is. ``starts_at`` is a seat's."""

    title = CharField(max_length=60, required=False)
    kind = serializers.ChoiceField(choices=KINDS, required=False)
    description = TextField(max_length=500, required=False, allow_blank=True)
    starts_at = DateTimeField(required=False, allow_null=True)
    value_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)
    valid_from = DateField(required=False, allow_null=True)
    valid_until = DateField(required=False, allow_null=True)
    limit_quantity = IntegerField(
        min_value=1, max_value=PIECES_AT_MOST, required=False, allow_null=True
    )
    limit_period = serializers.ChoiceField(
        choices=Offer.Period.choices, required=False, allow_null=True
    )
    min_hours = IntegerField(min_value=0, max_value=100_000, required=False)
    min_stars = IntegerField(min_value=0, max_value=5, required=False)
    groups = serializers.ListField(
        child=serializers.ChoiceField(choices=GROUPS), max_length=len(GROUPS), required=False
    )
    min_age = IntegerField(min_value=0, max_value=150, required=False, allow_null=True)
    max_age = IntegerField(min_value=0, max_value=150, required=False, allow_null=True)
    scans_offline = serializers.BooleanField(required=False)
    offline_hours = IntegerField(min_value=1, max_value=168, required=False)


class ProposeSerializer(ConditionsSerializer):
    partnership_id = serializers.UUIDField()
    code = CharField(max_length=30)
    title = CharField(max_length=60)
    price_points = IntegerField(min_value=1)
    stock = IntegerField(min_value=0, max_value=PIECES_AT_MOST)

    def validate_code(self, code: str) -> str:
        """As a list of offers has it (merchants/sheets.py)."""
        if not (plain := bare(code)):
            raise serializers.ValidationError(_("This field may not be blank."), code="blank")
        return plain


class StaffProposeSerializer(ProposeSerializer):
    """A proposal, with the fen agreed for a piece where the contract is by the piece."""

    settled_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)


class ChangeOfferSerializer(ConditionsSerializer):
    """Conditions, the price, and the fen agreed for a piece where the contract is by the piece."""

    price_points = IntegerField(min_value=1, required=False)
    settled_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)


class DecisionSerializer(serializers.Serializer[Any]):
    accept = serializers.BooleanField()
    reason = TextField(max_length=200, allow_blank=True, default="")


class ListedSerializer(serializers.Serializer[Any]):
    is_listed = serializers.BooleanField()


class RestockSerializer(serializers.Serializer[Any]):
    """``change`` pieces are put in, or taken out if below 0."""

    change = IntegerField(min_value=-PIECES_AT_MOST, max_value=PIECES_AT_MOST)
    reason = TextField(max_length=200, allow_blank=True, default="")

    def validate_change(self, change: int) -> int:
        if change == 0:
            self.fields["change"].fail("invalid")
        return change


class StockMoveSerializer(serializers.ModelSerializer[StockMove]):
    moved_by = ColleagueSerializer(read_only=True)

    class Meta:
        model = StockMove
        fields = ("id", "change", "stock", "reason", "moved_at", "moved_by")
        read_only_fields = fields


class OfferPriceSerializer(serializers.ModelSerializer[OfferPrice]):
    set_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = OfferPrice
        fields = ("price_points", "value_fen", "settled_fen", "is_proposed", "since_at", "set_by")
        read_only_fields = fields


def acts_for_merchant(user: User, offer: Offer) -> bool:
    """Whether ``user`` changes the offer as its owner; else it is as staff."""
    return merchants_owned_by(user).filter(pk=offer.partnership.merchant_id).exists()


# --- volunteers -------------------------------------------------------------------------------
class OfferFilter(CommunityFilter):
    code = CharFilter(label="The offer's own code.")


class OfferListView(ListAPIView[Offer]):
    """Lists what I may spend points on: ``GET /api/v1/offers``."""

    serializer_class = OfferSerializer
    queryset = Offer.objects.none()
    filterset_class = OfferFilter

    def get_queryset(self) -> QuerySet[Offer]:
        return selectors.offers_open_to(signed_in(self.request))


AS_SEEN = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("KeptOffer", "Offer")]}


class OfferView(APIView):
    """Shows one offer: ``GET /api/v1/offers/{offer_id}``.

    Volunteers see what they may spend points on; who works there, staff and auditors see every
    offer, with what it is worth and who decided.
    """

    @extend_schema(responses={200: AS_SEEN})
    def get(self, request: Request, offer_id: UUID) -> Response:
        user = signed_in(request)
        if kept := selectors.offers_seen_by(user).filter(pk=offer_id).first():
            return Response(KeptOfferSerializer(kept).data)
        offer = get_object_or_404(selectors.offers_open_to(user), pk=offer_id)
        return Response(OfferSerializer(offer).data)


# --- who keeps them ---------------------------------------------------------------------------
class MerchantOfferListView(ListAPIView[Offer]):
    """Lists what my shop offers, whatever its status.

    ``GET /api/v1/merchants/{merchant_id}/offers``
    """

    serializer_class = KeptOfferSerializer
    queryset = Offer.objects.none()

    def get_queryset(self) -> QuerySet[Offer]:
        return selectors.offers_at(worked_at(self.request, self.kwargs["merchant_id"]))

    @extend_schema(request=ProposeSerializer, responses={201: KeptOfferSerializer})
    @idempotent(at_owned(selectors.offers_at), KeptOfferSerializer)
    def post(self, request: Request, merchant_id: UUID) -> Response:
        """Proposes an offer as an owner: ``POST /api/v1/merchants/{merchant_id}/offers``.

        Staff decide. Refused with ``offer_code_taken``, ``offer_incomplete``, ``partner_ended``.
        """
        return _propose(request, ProposeSerializer, partnerships_of(owned(request, merchant_id)))


class KeptOfferFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Offer.Status.choices)


class CommunityOfferListView(ListAPIView[Offer]):
    """Lists all that was ever offered or proposed: ``GET /api/v1/communities/{code}/offers``."""

    serializer_class = KeptOfferSerializer
    queryset = Offer.objects.none()
    filterset_class = KeptOfferFilter

    def get_queryset(self) -> QuerySet[Offer]:
        seen = communities_where(signed_in(self.request), WATCHES_OVER)
        return selectors.offers_in(get_object_or_404(seen, code=self.kwargs["code"]))

    @extend_schema(request=StaffProposeSerializer, responses={201: KeptOfferSerializer})
    @idempotent(in_community(HANDLES, selectors.offers_in), KeptOfferSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Puts up an offer for a partner, as staff: ``POST /api/v1/communities/{code}/offers``.

        Another of staff decides. Refused with ``own_merchant``, ``offer_code_taken``,
        ``offer_incomplete``, ``partner_not_accepted``, ``partner_ended``.
        """
        handled = communities_where(signed_in(request), HANDLES)
        community = get_object_or_404(handled, code=code)
        return _propose(request, StaffProposeSerializer, partners_in(community), is_staff=True)


def _propose(
    request: Request,
    shape: type[ProposeSerializer],
    partnerships: QuerySet[Partnership],
    *,
    is_staff: bool = False,
) -> Response:
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    facts = dict(body.validated_data)
    partnership = get_object_or_404(partnerships, pk=facts.pop("partnership_id"))
    made = catalogue.propose(
        partnership=partnership, by=signed_in(request), is_staff=is_staff, **facts
    )
    return Response(KeptOfferSerializer(made).data, status=status.HTTP_201_CREATED)


class OfferListedView(APIView):
    """Takes an offer off the list, or puts it back: ``POST /api/v1/offers/{offer_id}/listed``.

    For owners and staff; what is held stays good. What staff took off only staff put back. Refused
    with ``offer_status_wrong``, ``staff_withdrew_it``, ``own_merchant``.
    """

    @extend_schema(request=ListedSerializer, responses=KeptOfferSerializer)
    @idempotent(
        seen(selectors.offers_changed_by, "offer_id"),
        KeptOfferSerializer,
        is_required=False,
        edits=True,
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        user = signed_in(request)
        offer = get_object_or_404(selectors.offers_changed_by(user), pk=offer_id)
        body = ListedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        offer = catalogue.set_listed(
            offer=offer,
            by=user,
            is_staff=not acts_for_merchant(user, offer),
            **body.validated_data,
        )
        return Response(KeptOfferSerializer(offer).data)


class OfferConditionsView(APIView):
    """Changes prices, words and conditions: ``PATCH /api/v1/offers/{offer_id}/conditions``.

    What is held keeps its price. What an owner changes is proposed again, and is on no list until
    staff decide. Where what staff change raises what is owed, somebody else confirms all of it
    (202); ``settled_fen`` is for staff. Refused with ``offer_incomplete``, ``offer_status_wrong``,
    ``staff_withdrew_it``, ``own_merchant``.
    """

    @extend_schema(
        request=ChangeOfferSerializer,
        responses={200: KeptOfferSerializer, 202: IncreaseSerializer},
    )
    @idempotent(
        seen(selectors.offers_changed_by, "offer_id"),
        KeptOfferSerializer,
        is_required=False,
        waiting=AS_INCREASE,
        edits=True,
    )
    def patch(self, request: Request, offer_id: UUID) -> Response:
        user = signed_in(request)
        offer = get_object_or_404(selectors.offers_changed_by(user), pk=offer_id)
        is_owner = acts_for_merchant(user, offer)
        body = ChangeOfferSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if is_owner and "settled_fen" in body.validated_data:
            raise OwnMerchant
        change = catalogue.amend if is_owner else catalogue.change
        changed = change(offer=offer, by=user, **body.validated_data)
        if isinstance(changed, Increase):
            return waits(changed)
        return Response(KeptOfferSerializer(changed).data)


class StockMoveListView(ListAPIView[StockMove]):
    """Lists what was put in or taken out by hand, newest first.

    ``GET /api/v1/offers/{offer_id}/stock``, for who works there, staff and auditors.
    """

    serializer_class = StockMoveSerializer
    queryset = StockMove.objects.none()

    def get_queryset(self) -> QuerySet[StockMove]:
        offers = selectors.offers_seen_by(signed_in(self.request))
        return selectors.stock_moves_of(get_object_or_404(offers, pk=self.kwargs["offer_id"]))

    @extend_schema(request=RestockSerializer, responses={201: StockMoveSerializer})
    @idempotent(
        below(seen(selectors.offers_stocked_by, "offer_id"), selectors.stock_moves_of),
        StockMoveSerializer,
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Puts pieces in, or takes them out: ``POST /api/v1/offers/{offer_id}/stock``.

        For who works there and for staff. Refused with ``out_of_stock`` where more is taken out
        than is there, ``stock_full``, ``offer_raised_alone``, ``own_merchant``.
        """
        user = signed_in(request)
        offer = get_object_or_404(selectors.offers_stocked_by(user), pk=offer_id)
        body = RestockSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        move = catalogue.restock(
            offer=offer,
            by=user,
            is_staff=not works_at(user, offer.partnership.merchant_id),
            **body.validated_data,
        )
        return Response(StockMoveSerializer(move).data, status=status.HTTP_201_CREATED)


class OfferDecisionView(APIView):
    """Lists what was proposed, or rejects it: ``POST /api/v1/offers/{offer_id}/decision``.

    For staff. Where that raises what is owed, somebody else confirms it (202). Refused with
    ``own_offer``, ``own_merchant``, ``offer_status_wrong``.
    """

    @extend_schema(
        request=DecisionSerializer, responses={200: KeptOfferSerializer, 202: IncreaseSerializer}
    )
    @idempotent(
        seen(selectors.offers_handled_by, "offer_id"),
        KeptOfferSerializer,
        is_required=False,
        waiting=AS_INCREASE,
        edits=True,
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        handled = selectors.offers_handled_by(signed_in(request))
        body = DecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        offer = catalogue.decide(
            offer=get_object_or_404(handled, pk=offer_id),
            by=signed_in(request),
            **body.validated_data,
        )
        if isinstance(offer, Increase):
            return waits(offer)
        return Response(KeptOfferSerializer(offer).data)


class OfferPriceListView(ListAPIView[OfferPrice]):
    """Lists what an offer cost when, newest first: ``GET /api/v1/offers/{offer_id}/prices``.

    For who works there, staff and auditors.
    """

    serializer_class = OfferPriceSerializer
    queryset = OfferPrice.objects.none()

    def get_queryset(self) -> QuerySet[OfferPrice]:
        seen = selectors.offers_seen_by(signed_in(self.request))
        return selectors.prices_of(get_object_or_404(seen, pk=self.kwargs["offer_id"]))
