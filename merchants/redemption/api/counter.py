"""Where clerks and owners work: the scan, and what was redeemed there."""

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent
from backend.api.views import ListView
from merchants.partners.api.members import at_workplace
from merchants.partners.errors import MerchantUnknown
from merchants.redemption import selectors
from merchants.redemption.api.screen import ScannedSerializer, explained_to_clerk, shown
from merchants.redemption.api.serializers import OwnersRedeemedSerializer, ScanSerializer
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers

_SCAN = ScanSerializer()  # made once: its fields take longer to copy than to check


class ScanView(APIView):
    """Redeem a voucher that a clerk scans: ``POST /api/v1/merchants/{merchant_id}/scans``.

    Each refusal tells a ``colour``, a ``sound`` and ``what_to_do``, ``code_used`` also when it was;
    every attempt stays on record. Who tried 20 unknown codes within the hour waits (429).
    """

    @extend_schema(request=ScanSerializer, responses={201: ScannedSerializer})
    @idempotent(at_workplace(selectors.redemptions_at), shown, explains=explained_to_clerk)
    def post(self, request: Request, merchant_id: UUID) -> Response:
        body = _SCAN.run_validation(request.data)
        try:
            scanned = vouchers.scan(merchant_id=merchant_id, clerk=signed_in(request), **body)
        except MerchantUnknown:
            raise Http404 from None
        return Response(shown(request, scanned), status=status.HTTP_201_CREATED)


class RedeemedListView(ListView[Redemption]):
    """List what was redeemed here: ``GET /api/v1/merchants/{merchant_id}/redemptions``.

    Owners see which clerk it was, ``redeemed_by``; clerks do not.
    """

    serializer_class = OwnersRedeemedSerializer
    finds = at_workplace(selectors.redemptions_at)
