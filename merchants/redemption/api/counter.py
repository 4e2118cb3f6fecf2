"""Where clerks and owners work: the scan, and what was redeemed there."""

from typing import Any

from django.http import Http404
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.views import ListView, writes
from merchants.partners.api.members import at_workplace
from merchants.partners.errors import MerchantUnknown
from merchants.redemption import selectors
from merchants.redemption.api.screen import ScannedSerializer, explained_to_clerk, shown
from merchants.redemption.api.serializers import OwnersRedeemedSerializer, ScanSerializer
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers
from merchants.redemption.services.redeeming import Scanned


class ScanView(APIView):
    """Redeem a voucher that a clerk scans: ``POST /api/v1/merchants/{merchant_id}/scans``.

    Each refusal tells a ``colour``, a ``sound`` and ``what_to_do``, ``code_used`` also when it was;
    every attempt stays on record. Who tried 20 unknown codes within the hour waits (429).
    """

    @writes(
        shown,
        body=ScanSerializer(),
        shows=at_workplace(selectors.redemptions_at),
        needs_key=True,
        status=201,
        shape=ScannedSerializer,
        explains=explained_to_clerk,
    )
    def post(self, user: User, **code: Any) -> Scanned:
        try:
            return vouchers.scan(merchant_id=self.kwargs["merchant_id"], clerk=user, **code)
        except MerchantUnknown:
            raise Http404 from None


class RedeemedListView(ListView[Redemption]):
    """List what was redeemed here: ``GET /api/v1/merchants/{merchant_id}/redemptions``.

    Owners see which clerk it was, ``redeemed_by``; clerks do not.
    """

    serializer_class = OwnersRedeemedSerializer
    finds = at_workplace(selectors.redemptions_at)
