"""Figures of what surrounds reports, for everybody."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.permissions import SecondFactorWhereDue
from backend.communities.api.shown import tenant
from backend.replica import from_replica
from volunteers.attendance.figures import sees_names
from volunteers.reports import round_figures

QUARTER = "Such as 2024-Q1, by the community's clock."


class MediatedSerializer(serializers.Serializer[Any]):
    """Mediations that ended in a quarter; counts are null for whoever may not see names."""

    quarter = serializers.CharField(read_only=True, help_text=QUARTER)
    settled_percent = serializers.IntegerField(read_only=True, help_text="Settled of those ended.")
    ended = serializers.IntegerField(read_only=True, allow_null=True)
    settled = serializers.IntegerField(read_only=True, allow_null=True)
    partly_settled = serializers.IntegerField(read_only=True, allow_null=True)
    not_settled = serializers.IntegerField(read_only=True, allow_null=True)
    withdrawn = serializers.IntegerField(read_only=True, allow_null=True)
    referred = serializers.IntegerField(read_only=True, allow_null=True)


class SatisfactionSerializer(serializers.Serializer[Any]):
    """How people found that reports of a category were dealt with, 1 to 5."""

    quarter = serializers.CharField(read_only=True, help_text=QUARTER)
    category = serializers.CharField(read_only=True, help_text="A category's code.")
    answers = serializers.IntegerField(read_only=True)
    people = serializers.IntegerField(read_only=True, help_text="Each counts once.")
    average_score = serializers.DecimalField(max_digits=2, decimal_places=1, read_only=True)


class CountedSerializer(serializers.Serializer[Any]):
    """The outcomes of a kind that ``patrols`` so many counted in a month."""

    month = serializers.CharField(read_only=True, help_text="Such as 2024-03.")
    code = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    count = serializers.IntegerField(read_only=True)
    patrols = serializers.IntegerField(read_only=True)


class RoundFiguresSerializer(serializers.Serializer[Any]):
    """Figures of rounds, oldest first."""

    mediations = MediatedSerializer(many=True, read_only=True)
    satisfaction = SatisfactionSerializer(many=True, read_only=True)
    patrols = CountedSerializer(many=True, read_only=True)


@from_replica
class RoundFiguresView(APIView):
    """Sum up rounds of a community: ``GET /api/v1/communities/{code}/round-figures``.

    Public: what patrols counted; of quarters that are over and no fewer than five mediations, the
    rate; and of no fewer than five people who answered about a category that is not confidential,
    their average. Staff and auditors are told all.
    """

    # Anybody reads them. Roles are told more, and some of these owe a second factor.
    permission_classes = (SecondFactorWhereDue,)
    finds = tenant

    @extend_schema(responses=RoundFiguresSerializer)
    def get(self, request: Request, code: str) -> Response:
        community = tenant(request, code=code)
        reader = request.user if isinstance(request.user, User) else None
        told = {"sees_names": sees_names(reader, community)}
        answer = {
            "mediations": round_figures.of_mediations(community, **told),
            "satisfaction": round_figures.of_surveys(community, **told),
            "patrols": round_figures.of_patrols(community),
        }
        return Response(RoundFiguresSerializer(answer).data)
