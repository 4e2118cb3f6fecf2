"""Refunds: by the counter on the day itself, by staff afterwards."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import IntegerField, TextField
from backend.api.idempotency import idempotent
from backend.api.views import below, seen
from merchants.partners.selectors import works_at
from merchants.redemption import selectors
from merchants.redemption.models import Refund
from merchants.redemption.services import refunds


class GiveBackSerializer(serializers.Serializer[Any]):
    """How many pieces go back, all that is left if ``quantity`` is not given, and why."""

    quantity = IntegerField(min_value=1, required=False)
    reason = TextField(max_length=200)


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """A refund: ``points`` went back to the wallet."""

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


class RefundView(APIView):
    """Gives pieces of a redemption back: ``POST /api/v1/redemptions/{redemption_id}/refunds``.

    Who works at the merchant does on the day itself (``refund_too_late``), staff also days later:
    what was settled already is taken off the next statement. Refused with ``own_voucher``,
    ``own_merchant``, ``refund_too_large``.
    """

    @extend_schema(request=GiveBackSerializer, responses={201: RefundSerializer})
    @idempotent(
        below(seen(selectors.redemptions_refunded_by, "redemption_id"), selectors.refunds_of),
        RefundSerializer,
    )
    def post(self, request: Request, redemption_id: UUID) -> Response:
        user = signed_in(request)
        redeemed = get_object_or_404(selectors.redemptions_refunded_by(user), pk=redemption_id)
        body = GiveBackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        refund = refunds.refund(
            redemption=redeemed,
            refunded_by=user,
            is_late=not works_at(user, redeemed.partnership.merchant_id),
            **body.validated_data,
        )
        return Response(RefundSerializer(refund).data, status=status.HTTP_201_CREATED)
