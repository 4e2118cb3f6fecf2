"""The points that attendances and reports earned, read once for a whole page."""

from collections.abc import Callable
from typing import Any, TypeVar

from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from points.awards.selectors import award_of, points_by_source
from volunteers.attendance.models import Attendance
from volunteers.attendance.selectors import refused_claims_of
from volunteers.reports.models import Report

Earning = TypeVar("Earning", Attendance, Report)


class AwardSerializer(serializers.Serializer[Any]):
    """What a record earned, and why: the rule, its version, the inputs and the arithmetic."""

    points = serializers.IntegerField(read_only=True)
    explanation = serializers.DictField(read_only=True)


class PointsEarnedField(serializers.IntegerField):
    """What the record earned, null until it is verified; ``earnings`` puts it in the context."""

    def __init__(self) -> None:
        super().__init__(source="award_source", read_only=True, allow_null=True)

    def to_representation(self, value: Any) -> Any:
        return self.context["points"].get(value)


def earnings(*records: Attendance | Report) -> dict[str, Any]:
    """Make the context in which serializers find points and refused claims of ``records``."""
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
    """Return a function that renders one record by ``shape``, with what it earned."""
    return lambda request, record: shape(record, context=earnings(record)).data


def told_with_award(shape: type[BaseSerializer[Any]]) -> Callable[[Request, Any], Any]:
    """Return a function that renders one record by ``shape``, with its award."""

    def tell(request: Request, record: Attendance | Report) -> Any:
        award = award_of(record.community_id, record.award_source)
        return shape(record, context=earnings(record) | {"award": award}).data

    return tell


class EarningListView(ListAPIView[Earning]):
    """A list of attendances or reports, each with the points that it earned."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        shaped = self.get_serializer(page, many=True, context=earnings(*page))
        return self.get_paginated_response(shaped.data)
