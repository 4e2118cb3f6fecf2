"""Figures of verified hours: of a place, and of a team."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import days
from backend.accounts.models import User
from backend.api.fields import IntegerField
from backend.api.permissions import SecondFactorWhereDue
from backend.communities.api.places import any_place
from backend.replica import from_replica
from volunteers.attendance import figures
from volunteers.teams.models import Team


class AskedFiguresSerializer(serializers.Serializer[Any]):
    by = serializers.ChoiceField(
        choices=figures.By.choices,
        default=figures.By.YEAR,
        help_text="What the groups are. `place`: a street's communities, a community's estates.",
    )
    year = IntegerField(
        required=False,
        min_value=days.EARLIEST.year,
        max_value=days.LATEST.year,
        help_text="One year, by the community's clock. All years without it.",
    )


class SumSerializer(serializers.Serializer[Any]):
    """Verified hours: whole minutes, attendances 人次 and people 人, each person once.

    ``backfilled_minutes``, from paper or an import, are a part of ``minutes``; null for whoever may
    not see names.
    """

    minutes = serializers.IntegerField(read_only=True)
    backfilled_minutes = serializers.SerializerMethodField()
    attendances = serializers.IntegerField(read_only=True)
    people = serializers.IntegerField(read_only=True)
    average_hours = serializers.DecimalField(
        max_digits=9, decimal_places=1, read_only=True, help_text="Of each person."
    )

    def get_backfilled_minutes(self, told: figures.Sum) -> int | None:
        return told.backfilled_minutes if self.context["sees_names"] else None


class GroupSerializer(SumSerializer):
    """The hours of a group. ``key`` is a month, a year, or the id of a team or place.

    It is null for hours of no team, or of no estate.
    """

    key = serializers.CharField(read_only=True, allow_null=True)
    name = serializers.CharField(read_only=True, help_text="Of the team or place, or empty.")


class FiguresSerializer(serializers.Serializer[Any]):
    """Verified hours in all, and by group.

    Whoever may not see names is told of no fewer than five people: ``left_out`` says that there
    are smaller groups, and ``total`` is null if there is nothing else.
    """

    total = SumSerializer(read_only=True, allow_null=True)
    groups = GroupSerializer(many=True, read_only=True)
    left_out = serializers.BooleanField(read_only=True)


class _FiguresView(APIView):
    # Anybody reads them. Roles are told more, and some of these owe a second factor.
    permission_classes = (SecondFactorWhereDue,)

    def told(self, request: Request, read: Any, of: Any) -> Response:
        asked = AskedFiguresSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        reader = request.user if isinstance(request.user, User) else None
        sees_names = figures.sees_names(reader, of)
        facts = asked.validated_data | {"by": figures.By(asked.validated_data["by"])}
        answer = read(of, sees_names=sees_names, **facts)
        return Response(FiguresSerializer(answer, context={"sees_names": sees_names}).data)


@from_replica
class PlaceFiguresView(_FiguresView):
    """Sum the verified hours of a place: ``GET /api/v1/communities/{code}/service-figures``.

    ``code`` names a street, a community or an estate. Public; staff and auditors of the place are
    told of groups of any size.
    """

    finds = any_place

    @extend_schema(parameters=[AskedFiguresSerializer], responses=FiguresSerializer)
    def get(self, request: Request, code: str) -> Response:
        place = any_place(request, code=code)
        return self.told(request, figures.of_place, place)


@from_replica
class TeamFiguresView(_FiguresView):
    """Sum the verified hours of a team: ``GET /api/v1/teams/{team_id}/service-figures``.

    Public; staff, auditors and the leaders of the team are told of groups of any size.
    """

    @extend_schema(parameters=[AskedFiguresSerializer], responses=FiguresSerializer)
    def get(self, request: Request, team_id: Any) -> Response:
        team = get_object_or_404(Team.objects.select_related("community"), pk=team_id)
        return self.told(request, figures.of_team, team)
