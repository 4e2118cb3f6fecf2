"""What was redeemed at a fair 积分兑换集市."""

from typing import Any
from uuid import UUID

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api import files
from backend.api.callers import signed_in
from backend.files.spreadsheets import Cell, Sheet
from merchants.catalogue.api.fairs import FairSerializer
from merchants.catalogue.models import Fair
from merchants.catalogue.selectors import fairs_seen_by
from merchants.partners.api.serializers import PartnerSerializer
from merchants.redemption import selectors

RENDERERS = (files.CSVRenderer, files.XLSXRenderer)


class TakenSerializer(serializers.Serializer[selectors.Taken]):
    """What was redeemed; refunds are taken off ``points`` and ``amount_fen``."""

    redemptions_count = serializers.IntegerField(read_only=True)
    refunds_count = serializers.IntegerField(read_only=True)
    volunteers = serializers.IntegerField(read_only=True)
    points = serializers.IntegerField(read_only=True)
    amount_fen = serializers.IntegerField(read_only=True)


class StallSerializer(TakenSerializer):
    merchant = PartnerSerializer(source="partnership", read_only=True)


class FairReportSerializer(serializers.Serializer[Any]):
    """What was redeemed at a fair; in ``together`` who came to two stalls counts once."""

    fair = FairSerializer(read_only=True)
    stalls = StallSerializer(many=True, read_only=True)
    together = TakenSerializer(read_only=True)


class FairReportView(APIView):
    """Reports what was redeemed at each stall: ``GET /api/v1/fairs/{fair_id}/report``.

    What a merchant redeems while the fair runs counts as redeemed there.
    """

    @extend_schema(responses=FairReportSerializer)
    def get(self, request: Request, fair_id: UUID) -> Response:
        fair = _seen(request, fair_id)
        stalls, together = selectors.taken_at(fair)
        told = {"fair": fair, "stalls": stalls, "together": together}
        return Response(FairReportSerializer(told).data)


@extend_schema(responses=OpenApiTypes.BINARY)
class FairReportFileView(APIView):
    """Reports a fair as a spreadsheet: ``GET /api/v1/fairs/{fair_id}/report.{format}``.

    ``csv`` or ``xlsx``.
    """

    def get(self, request: Request, fair_id: UUID) -> FileResponse:
        fair = _seen(request, fair_id)
        stalls, together = selectors.taken_at(fair)
        header = [
            _("Merchant"),
            _("Redemptions"),
            _("Refunds"),
            _("Volunteers"),
            _("Points"),
            _("Amount (fen)"),
        ]
        rows: list[list[Cell]] = [
            [
                row.partnership.name if row.partnership else _("Together"),
                row.redemptions_count,
                row.refunds_count,
                row.volunteers,
                row.points,
                row.amount_fen,
            ]
            for row in (*stalls, together)
        ]
        day = fair.starts_at.astimezone(fair.community.clock).date()
        return files.answer(request, Sheet(f"{fair.title} {day}", header, rows))


def _seen(request: Request, fair_id: UUID) -> Fair:
    return get_object_or_404(fairs_seen_by(signed_in(request)), pk=fair_id)
