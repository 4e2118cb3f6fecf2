"""Where clerks and owners work: the scan, and what was redeemed there."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent
from merchants.partners.api.members import at_workplace
from merchants.partners.errors import MerchantUnknown
from merchants.partners.models.merchants import MerchantMember
from merchants.partners.selectors import jobs_of
from merchants.redemption import selectors
from merchants.redemption.api.screen import (
    ScannedSerializer,
    explained_to_clerk,
    shown,
    shown_again,
)
from merchants.redemption.api.serializers import (
    OwnersRedeemedSerializer,
    RedeemedSerializer,
    ScanSerializer,
)
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers as redemptions

_SCAN = ScanSerializer()  # made once: its fields take longer to copy than to check


class ScanView(APIView):
    """Redeems a voucher that a clerk scans: ``POST /api/v1/merchants/{merchant_id}/scans``.

    Refused with ``code_unknown``, ``code_tampered``, ``not_your_merchant``, ``code_used`` (and
    when), ``code_cancelled``, ``code_expired``, ``quantity_too_large``, each with a ``colour``, a
    ``sound`` and ``what_to_do``; every attempt stays on record. Who tried 20 unknown codes within
    the hour waits (429).
    """

    @extend_schema(request=ScanSerializer, responses={201: ScannedSerializer})
    @idempotent(at_workplace(selectors.redemptions_at), shown_again, explains=explained_to_clerk)
    def post(self, request: Request, merchant_id: UUID) -> Response:
        body = _SCAN.run_validation(request.data)
        try:
            scanned = redemptions.scan(merchant_id=merchant_id, clerk=signed_in(request), **body)
        except MerchantUnknown:
            raise Http404 from None
        return Response(shown(scanned), status=status.HTTP_201_CREATED)


class RedeemedListView(ListAPIView[Redemption]):
    """Lists what was redeemed here: ``GET /api/v1/merchants/{merchant_id}/redemptions``.

    Owners see which clerk it was, ``redeemed_by``; clerks do not.
    """

    serializer_class = OwnersRedeemedSerializer
    queryset = Redemption.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        jobs = jobs_of(signed_in(request))
        job = get_object_or_404(jobs, merchant=kwargs["merchant_id"])
        is_owner = job.role == MerchantMember.Role.OWNER
        shape = OwnersRedeemedSerializer if is_owner else RedeemedSerializer
        page = self.paginate_queryset(selectors.redemptions_at(job.merchant)) or []
        return self.get_paginated_response(shape(page, many=True).data)
