"""A code at the counter of a shop without a scanner, and volunteers who confirm with it."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.idempotency import idempotent
from backend.errors import Refusal
from merchants import selectors
from merchants.api.clerks import owned
from merchants.api.partners import PartnershipSerializer
from merchants.api.pay_codes import ChosenSerializer
from merchants.api.screen import (
    PaidSerializer,
    ScannedSerializer,
    explained,
    shown,
    shown_together,
)
from merchants.services import shop_codes


class ConfirmSerializer(serializers.Serializer[Any]):
    """``shop_code`` as it hangs at the counter, in any case, with or without hyphens."""

    shop_code = CharField(max_length=64)


class ShopPaymentSerializer(ChosenSerializer):
    """Either ``items``, or ``points`` that the clerk names."""

    shop_code = CharField(max_length=64)


class ShopCodeView(APIView):
    """Another code for my counter; the one before is good no more.

    ``POST /api/v1/merchants/{merchant_id}/partnerships/{partnership_id}/shop-code``: the answer's
    ``shop_code``, to be printed and hung up. It is no secret.
    """

    @extend_schema(request=None, responses={201: PartnershipSerializer})
    @idempotent
    def post(self, request: Request, merchant_id: UUID, partnership_id: UUID) -> Response:
        mine = selectors.partnerships_of(owned(request, merchant_id))
        partnership = shop_codes.renew(
            partnership=get_object_or_404(mine, pk=partnership_id), by=signed_in(request)
        )
        return Response(PartnershipSerializer(partnership).data, status=status.HTTP_201_CREATED)


class ConfirmView(APIView):
    """I am at the counter: ``POST /api/v1/me/redemptions/{redemption_id}/confirm``.

    The voucher is redeemed, and my phone shows what a clerk's screen would. Refused with
    ``code_unknown``, ``not_your_merchant``, ``code_used``, ``code_cancelled``, ``code_expired``.
    """

    @extend_schema(request=ConfirmSerializer, responses={201: ScannedSerializer})
    @idempotent
    def post(self, request: Request, redemption_id: UUID) -> Response:
        voucher = get_object_or_404(selectors.redemptions_of(signed_in(request)), pk=redemption_id)
        body = ConfirmSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            scanned = shop_codes.confirm(voucher=voucher, **body.validated_data)
        except Refusal as refusal:
            raise explained(refusal) from None
        return Response(shown(scanned), status=status.HTTP_201_CREATED)


class ShopPaymentView(APIView):
    """I pay at the counter without a voucher: ``POST /api/v1/me/payments``.

    Items or plain points, taken and redeemed in one step: all of them, or nothing. Refused with
    ``code_unknown``, ``offer_unknown``, ``insufficient_points``, ``out_of_stock``,
    ``offer_withdrawn``, ``points_not_agreed``.
    """

    @extend_schema(request=ShopPaymentSerializer, responses={201: PaidSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        body = ShopPaymentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            paid = shop_codes.pay(
                volunteer=user,
                shop_code=body.validated_data["shop_code"],
                points=body.validated_data.get("points"),
                items=body.chosen(),
            )
        except Refusal as refusal:
            raise explained(refusal) from None
        return Response(shown_together(paid), status=status.HTTP_201_CREATED)
