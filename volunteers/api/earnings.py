"""What records earned, read once for a whole page."""

from typing import Any, TypeVar

from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from points.selectors import points_by_source
from volunteers.models import Attendance, Report

Earning = TypeVar("Earning", Attendance, Report)


def earnings(*records: Attendance | Report) -> dict[str, Any]:
    """The context from which PointsEarnedField knows what each of ``records`` earned."""
    return {
        "points": points_by_source(
            {record.community_id for record in records},
            [record.award_source for record in records],
        )
    }


class EarningListView(ListAPIView[Earning]):
    """A list of attendances or reports, each with the points it earned."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        shaped = self.get_serializer(page, many=True, context=earnings(*page))
        return self.get_paginated_response(shaped.data)
