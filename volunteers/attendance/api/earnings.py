"""What records earned, read once for a whole page."""

from collections.abc import Callable
from typing import Any, TypeVar

from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from points.awards.selectors import award_of, points_by_source
from volunteers.attendance.models import Attendance
from volunteers.attendance.selectors import refused_claims_of
from volunteers.reports.models import Report

Earning = TypeVar("Earning", Attendance, Report)


def earnings(*records: Attendance | Report) -> dict[str, Any]:
    """The context from which fields know what each of ``records`` earned, and what was refused."""
    return {
        "points": points_by_source(
            {record.community_id for record in records},
            [record.award_source for record in records],
        ),
        "refused_claims": refused_claims_of(
            [record for record in records if isinstance(record, Attendance)]
        ),
    }


def told(shape: type[BaseSerializer[Any]]) -> Callable[[Request, Any], Any]:
    """How one record is told: by ``shape``, with what it earned."""
    return lambda request, record: shape(record, context=earnings(record)).data


def told_with_award(shape: type[BaseSerializer[Any]]) -> Callable[[Request, Any], Any]:
    """Tell a record with its award: the rule, the inputs and the arithmetic."""

    def tell(request: Request, record: Attendance | Report) -> Any:
        award = award_of(record.community_id, record.award_source)
        return shape(record, context=earnings(record) | {"award": award}).data

    return tell


class EarningListView(ListAPIView[Earning]):
    """A list of attendances or reports, each with the points it earned."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        shaped = self.get_serializer(page, many=True, context=earnings(*page))
        return self.get_paginated_response(shaped.data)
