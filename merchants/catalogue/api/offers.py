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

from backend.api.callers import signed_in
from backend.api.fields import CharField, DateField, DateTimeField, IntegerField, TextField
from backend.api.idempotency import below, idempotent, seen
from backend.communities.selectors import WATCHES_OVER, communities_where
from backend.registries import volunteering
from backend.text import bare
from merchants.catalogue import selectors
from merchants.catalogue.api.serializers import OfferSerializer
from merchants.catalogue.models.offers import PIECES_AT_MOST, Offer, OfferPrice, StockMove
from merchants.catalogue.services import offers as catalogue
from merchants.partners.api.increases import AS_INCREASE, FEN_AT_MOST, IncreaseSerializer, waits
from merchants.partners.api.members import at_owned, at_workplace, owned, worked_at
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.partners.models.increases import Increase
from merchants.partners.selectors import partnerships_of

GROUPS = tuple(volunteering.source().kinds())


# What somebody may offer: plain points are not.
KINDS = [choice for choice in Offer.Kind.choices if choice[0] not in Offer.MADE_BY_US]


class KeptOfferSerializer(OfferSerializer):
    """As merchants and staff see it: also what it is worth in fen, and who decided."""

    partnership_id = serializers.UUIDField(read_only=True)
    proposed_by = ColleagueSerializer(read_only=True, allow_null=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(OfferSerializer.Meta):
        fields = (
            *OfferSerializer.Meta.fields,
            "partnership_id",
            "state",
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


class AmendOfferSerializer(ConditionsSerializer):
    """Also the price."""

    price_points = IntegerField(min_value=1, required=False)


class ChangeOfferSerializer(AmendOfferSerializer):
    """Also the fen agreed for a piece where the contract is by the piece."""

    settled_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST, required=False, allow_null=True)


class DecisionSerializer(serializers.Serializer[Any]):
    accept = serializers.BooleanField()
    because = TextField(max_length=200, allow_blank=True, default="")


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


# --- clerks and owners ------------------------------------------------------------------------
class MerchantOfferListView(ListAPIView[Offer]):
    """What my shop offers, in every state: ``GET /api/v1/merchants/{merchant_id}/offers``."""

    serializer_class = KeptOfferSerializer
    queryset = Offer.objects.none()

    def get_queryset(self) -> QuerySet[Offer]:
        return selectors.offers_at(worked_at(self.request, self.kwargs["merchant_id"]))

    @extend_schema(request=ProposeSerializer, responses={201: KeptOfferSerializer})
    @idempotent(at_owned(selectors.offers_at), KeptOfferSerializer)
    def post(self, request: Request, merchant_id: UUID) -> Response:
        """Owners propose another: ``POST /api/v1/merchants/{merchant_id}/offers``.

        Staff decide. Refused with ``offer_code_taken``, ``offer_incomplete``, ``partner_ended``.
        """
        merchant = owned(request, merchant_id)
        body = ProposeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        facts = dict(body.validated_data)
        partnership = get_object_or_404(partnerships_of(merchant), pk=facts.pop("partnership_id"))
        made = catalogue.propose(partnership=partnership, by=signed_in(request), **facts)
        return Response(KeptOfferSerializer(made).data, status=status.HTTP_201_CREATED)


class ListedView(APIView):
    """Take it off the list, or put it back.

    ``POST /api/v1/merchants/{merchant_id}/offers/{offer_id}/listed``, by owners. What is held
    stays good. Refused with ``offer_state_wrong``, ``staff_withdrew_it``.
    """

    @extend_schema(request=ListedSerializer, responses=KeptOfferSerializer)
    @idempotent(
        at_owned(selectors.offers_at, "offer_id"),
        KeptOfferSerializer,
        is_required=False,
        edits=True,
    )
    def post(self, request: Request, merchant_id: UUID, offer_id: UUID) -> Response:
        mine = selectors.offers_at(owned(request, merchant_id))
        body = ListedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        offer = catalogue.set_listed(
            offer=get_object_or_404(mine, pk=offer_id),
            by=signed_in(request),
            **body.validated_data,
        )
        return Response(KeptOfferSerializer(offer).data)


class AmendOfferView(APIView):
    """Owners change what they offer, and staff decide on it again.

    ``PATCH /api/v1/merchants/{merchant_id}/offers/{offer_id}/conditions``. Until then it is on no
    list; what is held stays good. Refused with ``offer_incomplete``, ``offer_state_wrong``,
    ``staff_withdrew_it``.
    """

    @extend_schema(request=AmendOfferSerializer, responses=KeptOfferSerializer)
    @idempotent(
        at_owned(selectors.offers_at, "offer_id"),
        KeptOfferSerializer,
        is_required=False,
        edits=True,
    )
    def patch(self, request: Request, merchant_id: UUID, offer_id: UUID) -> Response:
        mine = selectors.offers_at(owned(request, merchant_id))
        body = AmendOfferSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        offer = catalogue.amend(
            offer=get_object_or_404(mine, pk=offer_id),
            by=signed_in(request),
            **body.validated_data,
        )
        return Response(KeptOfferSerializer(offer).data)


class StockMoveListView(ListAPIView[StockMove]):
    """What was put in or taken out by hand, newest first.

    ``GET /api/v1/merchants/{merchant_id}/offers/{offer_id}/stock``
    """

    serializer_class = StockMoveSerializer
    queryset = StockMove.objects.none()

    def get_queryset(self) -> QuerySet[StockMove]:
        return selectors.stock_moves_of(self._offer())

    @extend_schema(request=RestockSerializer, responses={201: StockMoveSerializer})
    @idempotent(
        below(at_workplace(selectors.offers_at, "offer_id"), selectors.stock_moves_of),
        StockMoveSerializer,
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Put pieces in: ``POST /api/v1/merchants/{merchant_id}/offers/{offer_id}/stock``.

        Refused with ``out_of_stock`` where more is taken out than is there, and with
        ``offer_raised_alone``.
        """
        offer = self._offer()
        body = RestockSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        move = catalogue.restock(offer=offer, by=signed_in(request), **body.validated_data)
        return Response(StockMoveSerializer(move).data, status=status.HTTP_201_CREATED)

    def _offer(self) -> Offer:
        merchant = worked_at(self.request, self.kwargs["merchant_id"])
        return get_object_or_404(selectors.offers_at(merchant), pk=self.kwargs["offer_id"])


# --- staff ------------------------------------------------------------------------------------
class KeptOfferFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    state = filters.ChoiceFilter(choices=Offer.State.choices)


class CommunityOfferListView(ListAPIView[Offer]):
    """All that was ever offered or proposed: ``GET /api/v1/communities/{code}/offers``."""

    serializer_class = KeptOfferSerializer
    queryset = Offer.objects.none()
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = KeptOfferFilter

    def get_queryset(self) -> QuerySet[Offer]:
        seen = communities_where(signed_in(self.request), WATCHES_OVER)
        return selectors.offers_in(get_object_or_404(seen, code=self.kwargs["code"]))


class OfferDecisionView(APIView):
    """Staff list what was proposed, or not: ``POST /api/v1/offers/{offer_id}/decision``.

    Where that raises what is owed, somebody else confirms it (202). Refused with ``own_offer``,
    ``own_merchant``, ``offer_state_wrong``.
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


class StaffListedView(APIView):
    """Staff take it off the list, or put it back: ``POST /api/v1/offers/{offer_id}/listed``.

    What they took off owners can not put back. Refused with ``offer_state_wrong``.
    """

    @extend_schema(request=ListedSerializer, responses=KeptOfferSerializer)
    @idempotent(
        seen(selectors.offers_handled_by, "offer_id"),
        KeptOfferSerializer,
        is_required=False,
        edits=True,
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        handled = selectors.offers_handled_by(signed_in(request))
        body = ListedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        offer = catalogue.set_listed(
            offer=get_object_or_404(handled, pk=offer_id),
            by=signed_in(request),
            is_staff=True,
            **body.validated_data,
        )
        return Response(KeptOfferSerializer(offer).data)


class OfferChangeView(APIView):
    """Staff set prices and conditions: ``PATCH /api/v1/offers/{offer_id}/conditions``.

    From now on: what is held keeps its price. Where that raises what is owed, somebody else
    confirms all of it (202). Refused with ``own_merchant``, ``offer_incomplete``.
    """

    @extend_schema(
        request=ChangeOfferSerializer,
        responses={200: KeptOfferSerializer, 202: IncreaseSerializer},
    )
    @idempotent(
        seen(selectors.offers_handled_by, "offer_id"),
        KeptOfferSerializer,
        is_required=False,
        waiting=AS_INCREASE,
        edits=True,
    )
    def patch(self, request: Request, offer_id: UUID) -> Response:
        handled = selectors.offers_handled_by(signed_in(request))
        body = ChangeOfferSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        offer = catalogue.change(
            offer=get_object_or_404(handled, pk=offer_id),
            by=signed_in(request),
            **body.validated_data,
        )
        if isinstance(offer, Increase):
            return waits(offer)
        return Response(KeptOfferSerializer(offer).data)


class OfferPriceListView(ListAPIView[OfferPrice]):
    """What it cost when, newest first: ``GET /api/v1/offers/{offer_id}/prices``, for staff."""

    serializer_class = OfferPriceSerializer
    queryset = OfferPrice.objects.none()

    def get_queryset(self) -> QuerySet[OfferPrice]:
        seen = selectors.offers_seen_by(signed_in(self.request))
        return selectors.prices_of(get_object_or_404(seen, pk=self.kwargs["offer_id"]))
