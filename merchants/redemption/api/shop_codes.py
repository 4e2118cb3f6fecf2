"""A code at the counter of a shop without a scanner, and volunteers who confirm with it."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.fields import CodeField
from backend.api.callers import signed_in
from backend.api.code_pictures import CodePictureView
from backend.api.idempotency import idempotent, seen
from merchants.partners.api.members import at_owned, owned
from merchants.partners.api.partnerships import PartnershipSerializer
from merchants.partners.selectors import partnerships_of
from merchants.redemption import selectors
from merchants.redemption.api.pay_codes import ChosenSerializer
from merchants.redemption.api.screen import (
    PaidSerializer,
    ScannedSerializer,
    explained,
    shown,
    shown_again,
    shown_together,
    shown_together_again,
)
from merchants.redemption.services import shop_codes


class ConfirmSerializer(serializers.Serializer[Any]):
    """``shop_code`` as it hangs at the counter, in any case, with or without hyphens."""

    shop_code = CodeField(length=shop_codes.LENGTH)


class ShopPaymentSerializer(ChosenSerializer):
    """Either ``items``, or ``points`` that the clerk names."""

    shop_code = CodeField(length=shop_codes.LENGTH)


class ShopCodeView(APIView):
    """Another code for my counter; the one before is good no more.

    ``POST /api/v1/merchants/{merchant_id}/partnerships/{partnership_id}/shop-code``: the answer's
    ``shop_code``, to be printed and hung up. It is no secret.
    """

    @extend_schema(request=None, responses={201: PartnershipSerializer})
    @idempotent(at_owned(partnerships_of, "partnership_id"), PartnershipSerializer)
    def post(self, request: Request, merchant_id: UUID, partnership_id: UUID) -> Response:
        mine = partnerships_of(owned(request, merchant_id))
        partnership = shop_codes.renew(
            partnership=get_object_or_404(mine, pk=partnership_id), by=signed_in(request)
        )
        return Response(PartnershipSerializer(partnership).data, status=status.HTTP_201_CREATED)


class ShopCodePictureView(CodePictureView):
    """The code for my counter as a QR code, to be printed and hung up.

    ``GET /api/v1/merchants/{merchant_id}/partnerships/{partnership_id}/shop-code/code.{format}``,
    ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        mine = partnerships_of(owned(request, named["merchant_id"]))
        return get_object_or_404(mine, pk=named["partnership_id"]).shop_code


class ConfirmView(APIView):
    """I am at the counter: ``POST /api/v1/me/redemptions/{redemption_id}/confirm``.

    The voucher is redeemed, and my phone shows what a clerk's screen would. Refused with
    ``code_unknown``, ``not_your_merchant``, ``code_used``, ``code_cancelled``, ``code_expired``.
    """

    @extend_schema(request=ConfirmSerializer, responses={201: ScannedSerializer})
    @idempotent(seen(selectors.redemptions_of, "redemption_id"), shown_again, explains=explained)
    def post(self, request: Request, redemption_id: UUID) -> Response:
        voucher = get_object_or_404(selectors.redemptions_of(signed_in(request)), pk=redemption_id)
        body = ConfirmSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        scanned = shop_codes.confirm(voucher=voucher, **body.validated_data)
        return Response(shown(scanned), status=status.HTTP_201_CREATED)


class ShopPaymentView(APIView):
    """I pay at the counter without a voucher: ``POST /api/v1/me/payments``.

    Items or plain points, taken and redeemed in one step: all of them, or nothing. Refused with
    ``code_unknown``, ``offer_unknown``, ``insufficient_points``, ``out_of_stock``,
    ``offer_withdrawn``, ``points_not_agreed``.
    """

    @extend_schema(request=ShopPaymentSerializer, responses={201: PaidSerializer})
    @idempotent(seen(selectors.redemptions_of), shown_together_again, many=True, explains=explained)
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        body = ShopPaymentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        paid = shop_codes.pay(
            volunteer=user,
            shop_code=body.validated_data["shop_code"],
            points=body.validated_data.get("points"),
            items=body.chosen(),
        )
        return Response(shown_together(paid), status=status.HTTP_201_CREATED)
