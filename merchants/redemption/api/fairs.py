"""Reports of redemptions at a fair 积分兑换集市."""

from typing import Any

from django.http import FileResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api import files
from backend.api.views import seen
from backend.files.spreadsheets import Cell, Sheet
from merchants.catalogue.api.fairs import FairSerializer
from merchants.catalogue.selectors import fairs_seen_by
from merchants.partners.api.serializers import PartnerSerializer
from merchants.redemption import selectors


class TakenSerializer(serializers.Serializer[Any]):
    """Totals of redemptions; refunds are deducted from ``points`` and ``amount_fen``."""

    redemptions_count = serializers.IntegerField(read_only=True)
    refunds_count = serializers.IntegerField(read_only=True)
    volunteers = serializers.IntegerField(read_only=True)
    points = serializers.IntegerField(read_only=True)
    amount_fen = serializers.IntegerField(read_only=True)


class StallSerializer(TakenSerializer):
    merchant = PartnerSerializer(source="partnership", read_only=True)


class FairReportSerializer(serializers.Serializer[Any]):
    """Redemptions at a fair; ``together`` counts a volunteer of several stalls once."""

    fair = FairSerializer(read_only=True)
    stalls = StallSerializer(many=True, read_only=True)
    together = TakenSerializer(read_only=True)


_SEEN: Any = seen(fairs_seen_by, "fair_id")


class FairReportView(APIView):
    """Report the redemptions at each stall: ``GET /api/v1/fairs/{fair_id}/report``.

    A merchant's redemptions while the fair runs count as the fair's.
    """

    @extend_schema(responses=FairReportSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        fair = _SEEN(request, **named)
        stalls, together = selectors.taken_at(fair)
        told = {"fair": fair, "stalls": stalls, "together": together}
        return Response(FairReportSerializer(told).data)


@extend_schema(responses=OpenApiTypes.BINARY)
class FairReportFileView(APIView):
    """Report a fair as a spreadsheet: ``GET /api/v1/fairs/{fair_id}/report.{format}``.

    ``csv`` or ``xlsx``.
    """

    def get(self, request: Request, **named: Any) -> FileResponse:
        fair = _SEEN(request, **named)
        stalls, together = selectors.taken_at(fair)
        columns = {
            "redemptions_count": _("Redemptions"),
            "refunds_count": _("Refunds"),
            "volunteers": _("Volunteers"),
            "points": _("Points"),
            "amount_fen": _("Amount (fen)"),
        }
        rows: list[list[Cell]] = []
        for row in (*stalls, together):
            name = row["partnership"].name if row["partnership"] else _("Together")
            rows.append([name, *(row[column] for column in columns)])
        day = fair.starts_at.astimezone(fair.community.clock).date()
        return files.answer(
            request, Sheet(f"{fair.title} {day}", [_("Merchant"), *columns.values()], rows)
        )
