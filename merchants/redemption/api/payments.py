"""Payment without a clerk's scan of a voucher: pay codes on phones, and codes at counters."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.fields import CodeField, DigitsField
from backend.accounts.models import User
from backend.api.code_pictures import CodePictureView
from backend.api.fields import IntegerField
from backend.api.serializers import ReadSerializer
from backend.api.views import OpenView, seen, writes
from backend.communities.api.shown import where_known
from backend.communities.selectors import communities_of
from merchants.partners.api.members import at_counter
from merchants.partners.api.partnerships import PartnershipSerializer
from merchants.partners.api.serializers import PartnerCommunitySerializer
from merchants.partners.models.merchants import Merchant
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import (
    merchants_of,
    partnerships_kept_by,
    partnerships_owned_by,
)
from merchants.redemption import selectors
from merchants.redemption.api.screen import (
    PaidSerializer,
    ScannedSerializer,
    explained,
    explained_to_clerk,
    shown,
    shown_together,
)
from merchants.redemption.api.vouchers import MINE
from merchants.redemption.models import PayCode, Redemption
from merchants.redemption.services import cards, pay_codes, shop_codes
from merchants.redemption.services.redeeming import Scanned

_MY_PAY_CODE: Any = seen(selectors.pay_codes_of, "pay_code_id")
_KEPT_SHOP: Any = seen(partnerships_kept_by, "partnership_id")
_MY_SHOP: Any = seen(partnerships_owned_by, "partnership_id")


# --- codes on phones ----------------------------------------------------------------------------
class ShowPayCodeSerializer(serializers.Serializer[Any]):
    """The code of the community whose points are to be spent."""

    community = serializers.SlugField(max_length=60)


class PayCodeSerializer(serializers.Serializer[PayCode]):
    """A pay code to show until ``expires_at``; ``code`` is null once it was used."""

    id = serializers.UUIDField(read_only=True)
    code = serializers.CharField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)


class PayCodeItemSerializer(serializers.Serializer[Any]):
    offer_id = serializers.UUIDField()
    quantity = IntegerField(min_value=1, max_value=100, default=1)


class ChosenSerializer(serializers.Serializer[Any]):
    """A choice of either ``items`` or ``points``."""

    items = serializers.ListField(
        child=PayCodeItemSerializer(), required=False, min_length=1, max_length=20
    )
    points = IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs.get("items") is None) == (attrs.get("points") is None):
            raise serializers.ValidationError(_("Either items or points."), code="either_or")
        chosen: Counter[UUID] = Counter()
        for item in attrs.get("items") or ():  # one offer may stand in several lines
            chosen[item["offer_id"]] += item["quantity"]
        return {**attrs, "items": chosen}


class PayCodePaymentSerializer(ChosenSerializer):
    """A pay code, or a card's code and ``pin``, with ``items`` or the ``points`` that are entered.

    A PIN has six digits; the volunteer types it.
    """

    code = CodeField(length=pay_codes.LENGTH)
    pin = DigitsField(
        min_length=cards.PIN_LENGTH, max_length=cards.PIN_LENGTH, required=False, allow_null=True
    )


class MyPayCodeView(APIView):
    """Make a pay code: ``POST /api/v1/me/pay-codes``.

    The code is good once, for a minute, in the community's shops. It names nobody.
    """

    @writes(
        PayCodeSerializer,
        within=where_known,
        body=ShowPayCodeSerializer,
        creates=selectors.pay_codes_of,
    )
    def post(self, user: User, community: str) -> PayCode:
        there = get_object_or_404(communities_of(user), code=community)
        return pay_codes.show(volunteer=user, community=there)


class MyPayCodePictureView(CodePictureView):
    """Show a pay code as a QR code, until it is used.

    ``GET /api/v1/me/pay-codes/{pay_code_id}/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> Any:
        return _MY_PAY_CODE(request, **named).code


class PayCodePaymentView(APIView):
    """Take a payment by pay code or card: ``POST /api/v1/merchants/{merchant_id}/payments``.

    For clerks. A card's code is refused as ``card_pin_needed`` until its PIN comes with it. Items,
    or points alone, are taken and redeemed in one step: all or nothing. Points alone need a
    contract by points. Refusals have a ``colour``, a ``sound`` and ``what_to_do``, and tell nothing
    private of the volunteer.
    """

    @writes(
        shown_together,
        seen(merchants_of, "merchant_id"),
        within=at_counter,
        body=PayCodePaymentSerializer,
        creates=selectors.redemptions_at,
        many=True,
        shape=PaidSerializer(),
        explains=explained_to_clerk,
    )
    def post(self, user: User, merchant: Merchant, **facts: Any) -> list[Scanned]:
        return cards.pay_by_code(merchant=merchant, clerk=user, **facts)


# --- codes at counters --------------------------------------------------------------------------
class ConfirmSerializer(serializers.Serializer[Any]):
    """A code that hangs at a counter, in either case, with or without hyphens."""

    shop_code = CodeField(length=shop_codes.LENGTH)


class ShopPaymentSerializer(ChosenSerializer):
    """A shop's code, with either ``items`` or the ``points`` that the clerk names."""

    shop_code = CodeField(length=shop_codes.LENGTH)


class ShopCodeSerializer(ReadSerializer[Partnership]):
    """The code of a shop's counter, null if it has none, with what a notice beside it says."""

    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Partnership
        fields = ("name", "shop_code")


class ShopCodeView(OpenView[Partnership]):
    """Read a counter's code, to print it, as its owner or as staff.

    ``GET /api/v1/partnerships/{partnership_id}/shop-code``
    """

    serializer_class = ShopCodeSerializer
    finds = _KEPT_SHOP

    @writes(PartnershipSerializer, _MY_SHOP, needs_key=True, status=201)
    def post(self, user: User, shop: Partnership) -> Partnership:
        """Renew my counter's code: ``POST /api/v1/partnerships/{partnership_id}/shop-code``.

        Print the answer's ``shop_code`` and hang it up; it is no secret. It replaces the code
        before.
        """
        return shop_codes.renew(partnership=shop, by=user)


class ShopCodePictureView(CodePictureView):
    """Show a counter's code as a QR code, to print and hang up, as its owner or as staff.

    ``GET /api/v1/partnerships/{partnership_id}/shop-code/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> Any:
        return _KEPT_SHOP(request, **named).shop_code


class ConfirmView(APIView):
    """Redeem a voucher at a shop's counter: ``POST /api/v1/me/vouchers/{voucher_id}/confirm``.

    My phone reads the shop's code and shows what a clerk's screen would.
    """

    @writes(
        shown,
        MINE,
        body=ConfirmSerializer,
        shape=ScannedSerializer,
        explains=explained,
        needs_key=True,
        status=201,
    )
    def post(self, user: User, voucher: Redemption, shop_code: str) -> Scanned:
        return shop_codes.confirm(voucher=voucher, shop_code=shop_code)


class ShopPaymentView(APIView):
    """Pay at a shop's counter without a voucher: ``POST /api/v1/me/payments``.

    Items or plain points are taken and redeemed in one step: all or nothing.
    """

    @writes(
        shown_together,
        within=where_known,
        body=ShopPaymentSerializer,
        creates=selectors.redemptions_of,
        many=True,
        shape=PaidSerializer(),
        explains=explained,
    )
    def post(self, user: User, **facts: Any) -> list[Scanned]:
        return shop_codes.pay(volunteer=user, **facts)
