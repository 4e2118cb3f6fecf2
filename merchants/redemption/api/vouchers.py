"""Vouchers: what volunteers took."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.code_pictures import CodePictureView
from backend.api.idempotency import idempotent
from backend.api.views import seen
from merchants.catalogue.selectors import offers_known_to
from merchants.redemption import selectors
from merchants.redemption.api.serializers import TakeSerializer, VoucherSerializer
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers as redemptions


class TakeView(APIView):
    """Takes an offer: ``POST /api/v1/offers/{offer_id}/vouchers``.

    Points and stock are set aside until the voucher is scanned, cancelled or lapses. Refused with
    ``offer_withdrawn``, ``offer_not_on_now``, ``not_eligible``, ``insufficient_points``,
    ``limit_reached``, ``out_of_stock``.
    """

    @extend_schema(request=TakeSerializer, responses={201: VoucherSerializer})
    @idempotent(
        seen(selectors.redemptions_of),
        VoucherSerializer,
        address=seen(offers_known_to, "offer_id"),
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        user = signed_in(request)
        offer = get_object_or_404(offers_known_to(user), pk=offer_id)
        body = TakeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        voucher = redemptions.take(offer=offer, volunteer=user, **body.validated_data)
        return Response(VoucherSerializer(voucher).data, status=status.HTTP_201_CREATED)


class MyVoucherListView(ListAPIView[Redemption]):
    """Lists what I took, newest first: ``GET /api/v1/me/vouchers``."""

    serializer_class = VoucherSerializer
    queryset = Redemption.objects.none()

    def get_queryset(self) -> QuerySet[Redemption]:
        return selectors.redemptions_of(signed_in(self.request))


class MyVoucherView(RetrieveAPIView[Redemption]):
    """Shows one voucher of mine: ``GET /api/v1/me/vouchers/{voucher_id}``."""

    serializer_class = VoucherSerializer
    queryset = Redemption.objects.none()
    lookup_url_kwarg = "voucher_id"

    def get_queryset(self) -> QuerySet[Redemption]:
        return selectors.redemptions_of(signed_in(self.request))


class MyVoucherCodeView(CodePictureView):
    """A voucher's code as a QR code.

    ``GET /api/v1/me/vouchers/{voucher_id}/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str:
        mine = selectors.redemptions_of(signed_in(request))
        return get_object_or_404(mine, pk=named["voucher_id"]).code


class MyVoucherCancelView(APIView):
    """Gives an unused voucher back: ``POST /api/v1/me/vouchers/{voucher_id}/cancel``.

    Refused with ``voucher_status_wrong`` once it has been scanned.
    """

    @extend_schema(request=None, responses=VoucherSerializer)
    @idempotent(seen(selectors.redemptions_of, "voucher_id"), VoucherSerializer)
    def post(self, request: Request, voucher_id: UUID) -> Response:
        mine = selectors.redemptions_of(signed_in(request))
        voucher = redemptions.cancel(redemption=get_object_or_404(mine, pk=voucher_id))
        return Response(VoucherSerializer(voucher).data)
