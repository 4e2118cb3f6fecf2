"""What a statement takes off for refunds."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from backend.api.callers import signed_in
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.redemption.api.refunds import RefundSerializer
from merchants.redemption.models import Refund
from merchants.settlement.api.statements import statements_owned
from merchants.settlement.selectors import refunds_in, statements_seen_by


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
