"""Giving back: the counter on the day itself, staff afterwards, and what statements take off."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import IntegerField, TextField
from backend.api.idempotency import below, idempotent, seen
from merchants.partners.api.members import at_workplace, worked_at
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.redemption import selectors
from merchants.redemption.models.redemptions import Redemption, Refund
from merchants.redemption.services import refunds
from merchants.settlement.api.statements import statements_owned
from merchants.settlement.selectors import refunds_in, refunds_of, statements_seen_by


class GiveBackSerializer(serializers.Serializer[Any]):
    """``quantity`` pieces, all that is left if not given, and why."""

    quantity = IntegerField(min_value=1, required=False)
    reason = TextField(max_length=200)


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """What went back: ``points`` to the wallet. ``redemption_id`` says of which redemption."""

    class Meta:
        model = Refund
        fields: tuple[str, ...] = (
            "id",
            "redemption_id",
            "quantity",
            "points",
            "reason",
            "refunded_at",
        )
        read_only_fields = fields


class RefundLineSerializer(RefundSerializer):
    """The same in a statement, where ``points`` and ``amount_fen`` are taken off: below zero."""

    offer_code = serializers.CharField(source="redemption.offer.code", read_only=True)
    offer_title = serializers.CharField(source="redemption.offer.title", read_only=True)
    points = serializers.SerializerMethodField()
    amount_fen = serializers.SerializerMethodField()
    refunded_by = ColleagueSerializer(read_only=True)

    class Meta(RefundSerializer.Meta):
        fields = (
            *RefundSerializer.Meta.fields,
            "offer_code",
            "offer_title",
            "amount_fen",
            "refunded_by",
        )
        read_only_fields = fields

    def get_points(self, refund: Refund) -> int:
        return -refund.points

    def get_amount_fen(self, refund: Refund) -> int:
        return -refund.amount_fen


class RefundView(APIView):
    """Given back at the counter, on the day itself.

    ``POST /api/v1/merchants/{merchant_id}/redemptions/{redemption_id}/refunds``. Clerks may.
    Refused with ``refund_too_late``, ``refund_too_large``.
    """

    @extend_schema(request=GiveBackSerializer, responses={201: RefundSerializer})
    @idempotent(
        below(at_workplace(selectors.redemptions_at, "redemption_id"), refunds_of),
        RefundSerializer,
    )
    def post(self, request: Request, merchant_id: UUID, redemption_id: UUID) -> Response:
        merchant = worked_at(request, merchant_id)
        redeemed = get_object_or_404(selectors.redemptions_at(merchant), pk=redemption_id)
        return _given_back(request, redeemed, is_late=False)


class LateRefundView(APIView):
    """Given back by staff, also days later: ``POST /api/v1/redemptions/{redemption_id}/refunds``.

    What was settled already is taken off the next statement. Refused with ``refund_too_large``.
    """

    @extend_schema(request=GiveBackSerializer, responses={201: RefundSerializer})
    @idempotent(
        below(seen(selectors.redemptions_handled_by, "redemption_id"), refunds_of),
        RefundSerializer,
    )
    def post(self, request: Request, redemption_id: UUID) -> Response:
        handled = selectors.redemptions_handled_by(signed_in(request))
        return _given_back(request, get_object_or_404(handled, pk=redemption_id), is_late=True)


def _given_back(request: Request, redeemed: Redemption, *, is_late: bool) -> Response:
    body = GiveBackSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    refund = refunds.refund(
        redemption=redeemed,
        refunded_by=signed_in(request),
        is_late=is_late,
        **body.validated_data,
    )
    return Response(RefundSerializer(refund).data, status=status.HTTP_201_CREATED)


class MerchantStatementRefundListView(ListAPIView[Refund]):
    """What a statement of mine takes off, newest first.

    ``GET /api/v1/merchants/{merchant_id}/statements/{statement_id}/refunds``
    """

    serializer_class = RefundLineSerializer
    queryset = Refund.objects.none()

    def get_queryset(self) -> QuerySet[Refund]:
        statements = statements_owned(self.request, self.kwargs["merchant_id"])
        return refunds_in(get_object_or_404(statements, pk=self.kwargs["statement_id"]))


class StatementRefundListView(ListAPIView[Refund]):
    """The same for staff and auditors: ``GET /api/v1/statements/{statement_id}/refunds``."""

    serializer_class = RefundLineSerializer
    queryset = Refund.objects.none()

    def get_queryset(self) -> QuerySet[Refund]:
        statements = statements_seen_by(signed_in(self.request))
        return refunds_in(get_object_or_404(statements, pk=self.kwargs["statement_id"]))
