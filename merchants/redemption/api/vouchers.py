"""Vouchers of volunteers."""

from typing import Any

from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.code_pictures import CodePictureView
from backend.api.filters import CommunityFilter
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.shown import where_known
from merchants.catalogue.models import Offer
from merchants.catalogue.selectors import offers_known_to
from merchants.redemption import selectors
from merchants.redemption.api.serializers import TakeSerializer, VoucherSerializer
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers

MINE: Any = seen(selectors.redemptions_of, "voucher_id")


class TakeView(APIView):
    """Take an offer: ``POST /api/v1/offers/{offer_id}/vouchers``.

    Points and stock are set aside until the voucher is scanned, cancelled or lapses.
    """

    @writes(
        VoucherSerializer,
        seen(offers_known_to, "offer_id"),
        within=where_known,
        body=TakeSerializer,
        shows=seen(selectors.redemptions_of),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, offer: Offer, **facts: Any) -> Redemption:
        return vouchers.take(offer=offer, volunteer=user, **facts)


class VoucherFilter(CommunityFilter):
    status = filters.ChoiceFilter(choices=Redemption.Status.choices)


class MyVoucherListView(ListView[Redemption]):
    """List my vouchers, newest first: ``GET /api/v1/me/vouchers``."""

    serializer_class = VoucherSerializer
    filterset_class = VoucherFilter
    finds = seen(selectors.redemptions_of)


class MyVoucherView(OpenView[Redemption]):
    """Open my voucher: ``GET /api/v1/me/vouchers/{voucher_id}``."""

    serializer_class = VoucherSerializer
    finds = MINE


class MyVoucherCodeView(CodePictureView):
    """Show a voucher's code as a QR code.

    ``GET /api/v1/me/vouchers/{voucher_id}/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str:
        return str(MINE(request, **named).code)


class MyVoucherCancelView(APIView):
    """Cancel my unused voucher: ``POST /api/v1/me/vouchers/{voucher_id}/cancel``."""

    @writes(VoucherSerializer, MINE, needs_key=True)
    def post(self, user: User, voucher: Redemption) -> Redemption:
        return vouchers.cancel(redemption=voucher)
