"""Points without a clerk's scan of a voucher: pay codes on phones, and shops' codes at counters."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.fields import CodeField
from backend.api.callers import signed_in
from backend.api.code_pictures import CodePictureView
from backend.api.fields import IntegerField
from backend.api.idempotency import idempotent
from backend.api.views import seen
from backend.communities.selectors import communities_of
from merchants.partners.api.members import at_workplace, worked_at
from merchants.partners.api.partnerships import PartnershipSerializer
from merchants.redemption import selectors
from merchants.redemption.api.screen import (
    PaidSerializer,
    ScannedSerializer,
    explained,
    explained_to_clerk,
    shown,
    shown_again,
    shown_together,
    shown_together_again,
)
from merchants.redemption.models import PayCode
from merchants.redemption.services import pay_codes, shop_codes


# --- codes on phones ----------------------------------------------------------------------------
class ShowPayCodeSerializer(serializers.Serializer[Any]):
    """The code of the community whose points are to be spent."""

    community = serializers.SlugField(max_length=60)


class PayCodeSerializer(serializers.Serializer[PayCode]):
    """A code to be shown until ``expires_at``; ``code`` is null once it was used."""

    id = serializers.UUIDField(read_only=True)
    code = serializers.CharField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)


class PayCodeItemSerializer(serializers.Serializer[Any]):
    offer_id = serializers.UUIDField()
    quantity = IntegerField(min_value=1, max_value=100, default=1)


class ChosenSerializer(serializers.Serializer[Any]):
    """Either ``items``, or ``points``."""

    items = serializers.ListField(
        child=PayCodeItemSerializer(), required=False, min_length=1, max_length=20
    )
    points = IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs.get("items") is None) == (attrs.get("points") is None):
            raise serializers.ValidationError(_("Either items or points."), code="either_or")
        return attrs

    def chosen(self) -> Counter[UUID]:
        """How many of each offer: one may stand in several lines."""
        items: Counter[UUID] = Counter()
        for item in self.validated_data.get("items") or ():
            items[item["offer_id"]] += item["quantity"]
        return items


class PayCodePaymentSerializer(ChosenSerializer):
    """Either ``items``, or ``points`` that the clerk enters."""

    code = CodeField(length=pay_codes.LENGTH)


class MyPayCodeView(APIView):
    """Makes a code to pay with: ``POST /api/v1/me/pay-codes``.

    Good for a minute, once, in the shops of that community. It names nobody.
    """

    @extend_schema(request=ShowPayCodeSerializer, responses={201: PayCodeSerializer})
    @idempotent(seen(selectors.pay_codes_of), PayCodeSerializer)
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        body = ShowPayCodeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        community = get_object_or_404(communities_of(user), code=body.validated_data["community"])
        made, _ = pay_codes.show(volunteer=user, community=community)
        return Response(PayCodeSerializer(made).data, status=status.HTTP_201_CREATED)


class MyPayCodePictureView(CodePictureView):
    """A code to pay with as a QR code, until it is used.

    ``GET /api/v1/me/pay-codes/{pay_code_id}/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        mine = selectors.pay_codes_of(signed_in(request))
        return get_object_or_404(mine, pk=named["pay_code_id"]).code


class PayCodePaymentView(APIView):
    """Takes points with a pay code, as a clerk: ``POST /api/v1/merchants/{merchant_id}/payments``.

    Items, or points alone, are taken and redeemed in one step: all of them, or nothing. Points
    alone need a contract by points (``points_not_agreed``). Refused with ``code_unknown``,
    ``code_used``, ``code_expired``, ``offer_unknown``, ``insufficient_points``, ``out_of_stock``,
    ``limit_reached``, ``not_eligible``, ``offer_not_on_now``, ``offer_withdrawn``, each with a
    ``colour``, a ``sound`` and ``what_to_do``, and without what is the volunteer's own business.
    """

    @extend_schema(request=PayCodePaymentSerializer, responses={201: PaidSerializer})
    @idempotent(
        at_workplace(selectors.redemptions_at),
        shown_together_again,
        many=True,
        explains=explained_to_clerk,
    )
    def post(self, request: Request, merchant_id: UUID) -> Response:
        merchant = worked_at(request, merchant_id)
        body = PayCodePaymentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        paid = pay_codes.pay(
            merchant=merchant,
            clerk=signed_in(request),
            code=body.validated_data["code"],
            points=body.validated_data.get("points"),
            items=body.chosen(),
        )
        return Response(shown_together(paid), status=status.HTTP_201_CREATED)


# --- codes at counters --------------------------------------------------------------------------
class ConfirmSerializer(serializers.Serializer[Any]):
    """The code that hangs at the counter, in any case, with or without hyphens."""

    shop_code = CodeField(length=shop_codes.LENGTH)


class ShopPaymentSerializer(ChosenSerializer):
    """Either ``items``, or ``points`` that the clerk names."""

    shop_code = CodeField(length=shop_codes.LENGTH)


class ShopCodeView(APIView):
    """Makes another code for my counter: ``POST /api/v1/partnerships/{partnership_id}/shop-code``.

    The answer's ``shop_code`` is to be printed and hung up; it is no secret. The code before is
    good no more.
    """

    @extend_schema(request=None, responses={201: PartnershipSerializer})
    @idempotent(seen(selectors.shops_owned_by, "partnership_id"), PartnershipSerializer)
    def post(self, request: Request, partnership_id: UUID) -> Response:
        user = signed_in(request)
        shop = get_object_or_404(selectors.shops_owned_by(user), pk=partnership_id)
        partnership = shop_codes.renew(partnership=shop, by=user)
        return Response(PartnershipSerializer(partnership).data, status=status.HTTP_201_CREATED)


class ShopCodePictureView(CodePictureView):
    """The code for my counter as a QR code, to be printed and hung up.

    ``GET /api/v1/partnerships/{partnership_id}/shop-code/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        mine = selectors.shops_owned_by(signed_in(request))
        return get_object_or_404(mine, pk=named["partnership_id"]).shop_code


class ConfirmView(APIView):
    """Redeems a voucher at a shop's counter: ``POST /api/v1/me/vouchers/{voucher_id}/confirm``.

    My phone reads the shop's code and shows what a clerk's screen would. Refused with
    ``code_unknown``, ``not_your_merchant``, ``own_voucher``, ``code_used``, ``code_cancelled``,
    ``code_expired``.
    """

    @extend_schema(request=ConfirmSerializer, responses={201: ScannedSerializer})
    @idempotent(seen(selectors.redemptions_of, "voucher_id"), shown_again, explains=explained)
    def post(self, request: Request, voucher_id: UUID) -> Response:
        voucher = get_object_or_404(selectors.redemptions_of(signed_in(request)), pk=voucher_id)
        body = ConfirmSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        scanned = shop_codes.confirm(voucher=voucher, **body.validated_data)
        return Response(shown(scanned), status=status.HTTP_201_CREATED)


class ShopPaymentView(APIView):
    """Pays at a shop's counter without a voucher: ``POST /api/v1/me/payments``.

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
