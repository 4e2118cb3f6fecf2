"""The totals of a volunteer: hours, kinds of service and stars."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import DateField
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.replica import from_replica
from volunteers.attendance import selectors
from volunteers.people.models import Volunteer


class PeriodSerializer(serializers.Serializer[Any]):
    since = DateField(required=False, help_text="The first day of a period.")
    until = DateField(required=False, help_text="The last day of a period.")


class TotalSerializer(serializers.Serializer[Any]):
    """Verified minutes, and the number of attendances in which they were worked."""

    verified_minutes = serializers.IntegerField(read_only=True)
    attendances = serializers.IntegerField(read_only=True)


class CategoryTotalSerializer(TotalSerializer):
    category = serializers.CharField(read_only=True)


class CommunityTotalSerializer(TotalSerializer):
    """My totals in one community. ``stars`` count all my hours, whatever the period."""

    community = CommunityInBriefSerializer(read_only=True)
    kind = serializers.ChoiceField(choices=Volunteer.Kind.choices, read_only=True)
    stars = serializers.IntegerField(read_only=True)
    categories = CategoryTotalSerializer(many=True, read_only=True)


class MyTotalsSerializer(TotalSerializer):
    """My totals everywhere, and in each community."""

    communities = CommunityTotalSerializer(many=True, read_only=True)


@from_replica
class MyTotalsView(APIView):
    """Sum my verified hours: ``GET /api/v1/me/totals``.

    By community and category, of all time or from the day ``since`` to the day ``until``, by the
    clock of each community and the day of the check-in.
    """

    @extend_schema(parameters=[PeriodSerializer], responses=MyTotalsSerializer)
    def get(self, request: Request) -> Response:
        period = PeriodSerializer(data=request.query_params)
        period.is_valid(raise_exception=True)
        communities = selectors.totals_of(signed_in(request), **period.validated_data)
        totals = {
            name: sum(total[name] for total in communities)
            for name in ("verified_minutes", "attendances")
        }
        return Response(MyTotalsSerializer(totals | {"communities": communities}).data)
