"""Offers: merchants propose them and keep their stock, staff decide on them and set prices."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import (
    CharField,
    DateField,
    DateTimeField,
    IntegerField,
    TextField,
)
from backend.api.filters import CharFilter, CommunityFilter, PointsFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.registries import volunteering
from backend.text import bare
from merchants.catalogue import selectors
from merchants.catalogue.api.serializers import OfferSerializer
from merchants.catalogue.models import PIECES_AT_MOST, Offer, OfferPrice, StockMove
from merchants.catalogue.services import offers as catalogue
from merchants.partners.api.increases import AS_INCREASE, FEN_AT_MOST
from merchants.partners.api.members import at_counter, at_workplace, owned
from merchants.partners.api.serializers import DecisionSerializer
from merchants.partners.models.increases import Increase
from merchants.partners.models.merchants import Merchant
from merchants.partners.selectors import owns, partners_in, partnerships_of

GROUPS = tuple(volunteering.source().kinds())


# What somebody may offer: plain points are not.
KINDS = [choice for choice in Offer.Kind.choices if choice[0] not in Offer.MADE_BY_US]


class KeptOfferSerializer(OfferSerializer):
    """An offer as merchants and staff see it, with its value in fen and who decided."""

    partnership_id = serializers.UUIDField(read_only=True)
    proposed_by = ColleagueSerializer(read_only=True, allow_null=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(OfferSerializer.Meta):
        fields = (*OfferSerializer.Meta.fields, "status", "value_fen", "settled_fen", "decided_at")


class ConditionsSerializer(serializers.Serializer[Any]):
    """Texts and conditions; a field left out keeps its value. ``starts_at`` is for seats only."""

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
        """Return the code in the form that the spreadsheet of offers uses (merchants/sheets.py)."""
        if not (plain := bare(code)):
            raise serializers.ValidationError(_("This field may not be blank."), code="blank")
        return plain


class StaffProposeSerializer(ProposeSerializer):
    """A proposal, with the fen agreed for a piece if the contract is by the piece."""

    settled_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)


class ChangeOfferSerializer(ConditionsSerializer):
    """Conditions, the price, and the fen agreed for a piece if the contract is by the piece."""

    price_points = IntegerField(min_value=1, required=False)
    settled_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)


class ListedSerializer(serializers.Serializer[Any]):
    is_listed = serializers.BooleanField()


class RestockSerializer(serializers.Serializer[Any]):
    """A change of stock: ``change`` pieces are added, or removed if negative."""

    change = IntegerField(min_value=-PIECES_AT_MOST, max_value=PIECES_AT_MOST)
    reason = TextField(max_length=200, allow_blank=True, default="")

    def validate_change(self, change: int) -> int:
        if change == 0:
            self.fields["change"].fail("invalid")
        return change


class StockMoveSerializer(ReadSerializer[StockMove]):
    moved_by = ColleagueSerializer(read_only=True)

    class Meta:
        model = StockMove
        fields = ("id", "change", "stock", "reason", "moved_at")


class OfferPriceSerializer(ReadSerializer[OfferPrice]):
    set_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = OfferPrice
        fields = ("id", "price_points", "value_fen", "settled_fen", "is_proposed", "since_at")


# --- volunteers -------------------------------------------------------------------------------
class OfferFilter(CommunityFilter):
    code = CharFilter(label="The offer's own code.")
    merchant = filters.UUIDFilter(field_name="partnership__merchant", help_text="Its id.")
    text = TextFilter(
        "title",
        "description",
        "partnership__name",
        help_text="Part of the title, the description or the merchant's name.",
    )
    max_price_points = PointsFilter(
        field_name="price_points", lookup_expr="lte", help_text="What a piece costs at most."
    )


class OfferListView(ListView[Offer]):
    """List the offers I may spend points on: ``GET /api/v1/offers``."""

    serializer_class = OfferSerializer
    filterset_class = OfferFilter
    finds = seen(selectors.offers_open_to)


AS_SEEN = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("KeptOffer", "Offer")]}


class OfferView(APIView):
    """Open one offer: ``GET /api/v1/offers/{offer_id}``.

    Volunteers open the offers they may spend points on. People who work there, staff and auditors
    open every offer, with its value and who decided.
    """

    @extend_schema(responses={200: AS_SEEN})
    def get(self, request: Request, offer_id: UUID) -> Response:
        try:
            kept: Any = seen(selectors.offers_seen_by, "offer_id")(request, offer_id=offer_id)
        except Http404:
            offer: Any = seen(selectors.offers_open_to, "offer_id")(request, offer_id=offer_id)
            return Response(OfferSerializer(offer).data)
        return Response(KeptOfferSerializer(kept).data)


# --- who keeps them ---------------------------------------------------------------------------
class MerchantOfferListView(ListView[Offer]):
    """List my shop's offers, whatever their status.

    ``GET /api/v1/merchants/{merchant_id}/offers``
    """

    serializer_class = KeptOfferSerializer
    finds = at_workplace(selectors.offers_at)

    @writes(
        KeptOfferSerializer,
        owned,
        within=at_counter,
        body=ProposeSerializer,
        creates=selectors.offers_at,
    )
    def post(self, user: User, merchant: Merchant, partnership_id: UUID, **facts: Any) -> Offer:
        """Propose an offer as an owner: ``POST /api/v1/merchants/{merchant_id}/offers``.

        Staff decide.
        """
        partnership = get_object_or_404(partnerships_of(merchant), pk=partnership_id)
        return catalogue.propose(partnership=partnership, by=user, **facts)


class KeptOfferFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Offer.Status.choices)
    kind = filters.ChoiceFilter(choices=KINDS)
    partnership = filters.UUIDFilter(help_text="The id of a partnership.")
    text = TextFilter(
        "title", "code", "partnership__name", help_text="Part of title, code or merchant's name."
    )


class CommunityOfferListView(ListView[Offer]):
    """List all offers, also proposed ones: ``GET /api/v1/communities/{code}/offers``."""

    serializer_class = KeptOfferSerializer
    filterset_class = KeptOfferFilter
    finds = in_community(WATCHES_OVER, selectors.offers_in)

    @writes(
        KeptOfferSerializer,
        community(HANDLES),
        body=StaffProposeSerializer,
        creates=selectors.offers_in,
    )
    def post(self, user: User, community: Community, partnership_id: UUID, **facts: Any) -> Offer:
        """Propose an offer for a partner, as staff: ``POST /api/v1/communities/{code}/offers``.

        Another member of staff decides.
        """
        partnership = get_object_or_404(partners_in(community), pk=partnership_id)
        return catalogue.propose(partnership=partnership, by=user, is_staff=True, **facts)


one_changed = seen(selectors.offers_changed_by, "offer_id")
one_seen = seen(selectors.offers_seen_by, "offer_id")


class OfferListedView(APIView):
    """Take an offer off the list, or put it back: ``POST /api/v1/offers/{offer_id}/listed``.

    For owners and staff. Held vouchers stay good. An offer that staff took off only staff put back.
    """

    @writes(KeptOfferSerializer, one_changed, body=ListedSerializer, edits=True)
    def post(self, user: User, offer: Offer, is_listed: bool) -> Offer:
        return catalogue.set_listed(offer=offer, by=user, is_listed=is_listed)


class OfferConditionsView(APIView):
    """Change prices, texts and conditions: ``PATCH /api/v1/offers/{offer_id}/conditions``.

    Held vouchers keep their price. An offer that its owner changes is proposed again, and is not
    listed until staff decide. A change by staff that raises what the community owes waits until
    somebody else confirms it (202). Only staff set ``settled_fen``.
    """

    @writes(
        KeptOfferSerializer,
        one_changed,
        body=ChangeOfferSerializer,
        waiting=AS_INCREASE,
        edits=True,
    )
    def patch(self, user: User, offer: Offer, **facts: Any) -> Offer | Increase:
        is_owner = owns(user, offer.partnership.merchant_id)
        change = catalogue.amend if is_owner else catalogue.change
        return change(offer=offer, by=user, **facts)


class StockMoveListView(ListView[StockMove]):
    """List the changes of stock made by hand, newest first.

    ``GET /api/v1/offers/{offer_id}/stock``, for people who work there, staff and auditors.
    """

    serializer_class = StockMoveSerializer
    finds = below(one_seen, selectors.stock_moves_of)

    @writes(
        StockMoveSerializer,
        seen(selectors.offers_stocked_by, "offer_id"),
        body=RestockSerializer,
        creates=selectors.stock_moves_of,
    )
    def post(self, user: User, offer: Offer, **facts: Any) -> StockMove:
        """Add pieces to the stock, or remove them: ``POST /api/v1/offers/{offer_id}/stock``.

        For people who work there and staff.
        """
        return catalogue.restock(offer=offer, by=user, **facts)


class StockMoveView(OpenView[StockMove]):
    """Open a change of stock: ``GET /api/v1/offers/{offer_id}/stock/{move_id}``."""

    serializer_class = StockMoveSerializer
    finds = below(one_seen, selectors.stock_moves_of, "move_id")


class OfferDecisionView(APIView):
    """List a proposed offer, or reject it: ``POST /api/v1/offers/{offer_id}/decision``.

    For staff. If listing raises what the community owes, somebody else confirms it (202).
    """

    @writes(
        KeptOfferSerializer,
        seen(selectors.offers_handled_by, "offer_id"),
        body=DecisionSerializer,
        waiting=AS_INCREASE,
        edits=True,
    )
    def post(self, user: User, offer: Offer, **facts: Any) -> Offer | Increase:
        return catalogue.decide(offer=offer, by=user, **facts)


class OfferPriceListView(ListView[OfferPrice]):
    """List an offer's prices over time, newest first: ``GET /api/v1/offers/{offer_id}/prices``.

    For people who work there, staff and auditors.
    """

    serializer_class = OfferPriceSerializer
    finds = below(one_seen, selectors.prices_of)


class OfferPriceView(OpenView[OfferPrice]):
    """Open a price of an offer: ``GET /api/v1/offers/{offer_id}/prices/{price_id}``."""

    serializer_class = OfferPriceSerializer
    finds = below(one_seen, selectors.prices_of, "price_id")
