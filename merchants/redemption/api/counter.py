"""The counter: clerks and owners scan vouchers and list redemptions."""

from typing import Any

from django.http import Http404
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.filters import DaysFilter
from backend.api.views import ListView, writes
from merchants.partners.api.members import at_counter, at_workplace
from merchants.partners.errors import MerchantUnknown
from merchants.redemption import selectors
from merchants.redemption.api.screen import ScannedSerializer, explained_to_clerk, shown
from merchants.redemption.api.serializers import OwnersRedeemedSerializer, ScanSerializer
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers
from merchants.redemption.services.redeeming import Scanned


class ScanView(APIView):
    """Redeem a voucher that a clerk scans: ``POST /api/v1/merchants/{merchant_id}/scans``.

    Refusals have a ``colour``, a ``sound`` and ``what_to_do``; ``code_used`` also ``redeemed_at``.
    Every attempt is recorded, except a pay code's (``pay_code_shown``): choose what it is to pay
    for, and send it to ``payments``. After 20 unknown codes in an hour the clerk has to wait (429).
    """

    @writes(
        shown,
        within=at_counter,
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


class RedeemedFilter(DaysFilter):
    moment = "closed_at"


class RedeemedListView(ListView[Redemption]):
    """List my shop's redemptions: ``GET /api/v1/merchants/{merchant_id}/redemptions``.

    Owners also see the clerk, ``redeemed_by``; clerks do not.
    """

    serializer_class = OwnersRedeemedSerializer
    filterset_class = RedeemedFilter
    finds = at_workplace(selectors.redemptions_at)
