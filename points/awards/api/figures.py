"""Figures of a community's points by month or day, for its staff and auditors."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import days
from backend.api.fields import IntegerField
from backend.communities.api.shown import community
from backend.communities.selectors import WATCHES_OVER
from backend.replica import from_replica
from points.ledger.selectors import PeriodFigures, figures_by_day, figures_by_month

watched = community(WATCHES_OVER)


class AskedPointFiguresSerializer(serializers.Serializer[Any]):
    year = IntegerField(
        required=False,
        min_value=days.EARLIEST.year,
        max_value=days.LATEST.year,
        help_text="By the community's clock. This year without it.",
    )
    month = IntegerField(
        required=False,
        min_value=1,
        max_value=12,
        help_text="Days of this month. Months of the year without it.",
    )


class PeriodPointsSerializer(serializers.Serializer[PeriodFigures]):
    """Points that moved from ``since`` to the day before ``until``, and were ``outstanding`` then.

    What was taken back is not issued, what was refunded not redeemed; outstanding are the points in
    wallets. ``given_back`` went to campaigns.
    """

    since = serializers.DateField(read_only=True)
    until = serializers.DateField(read_only=True)
    issued = serializers.IntegerField(read_only=True)
    redeemed = serializers.IntegerField(read_only=True)
    expired = serializers.IntegerField(read_only=True)
    given_back = serializers.IntegerField(read_only=True)
    outstanding = serializers.IntegerField(read_only=True)


class PointFiguresSerializer(serializers.Serializer[Any]):
    """Figures of points by period, oldest first; none of a period that has not begun."""

    periods = PeriodPointsSerializer(many=True, read_only=True)


@from_replica
class PointFiguresView(APIView):
    """Sum points by month or day: ``GET /api/v1/communities/{code}/point-figures``.

    A transfer is of the day when it happened. For staff, managers and auditors.
    """

    @extend_schema(parameters=[AskedPointFiguresSerializer], responses=PointFiguresSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        place = watched(request, **named)
        asked = AskedPointFiguresSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        year = asked.validated_data.get("year", place.today.year)
        month = asked.validated_data.get("month")
        found = figures_by_day(place, year, month) if month else figures_by_month(place, year)
        return Response(PointFiguresSerializer({"periods": found}).data)
