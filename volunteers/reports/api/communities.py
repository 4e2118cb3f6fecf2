"""The public page of a community. It stands here because it tells of volunteers and points."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.communities.api.serializers import CommunitySerializer
from backend.communities.models import Community
from backend.communities.selectors import community_among, tenants
from points.ledger.selectors import public_figures
from volunteers.people import selectors


# --- shapes -----------------------------------------------------------------------------------
class PointsFiguresSerializer(serializers.Serializer[Any]):
    """Whole points of all time. ``outstanding`` points are in volunteers' wallets."""

    issued = serializers.IntegerField(read_only=True)
    redeemed = serializers.IntegerField(read_only=True)
    outstanding = serializers.IntegerField(read_only=True)


class CommunityFiguresSerializer(CommunitySerializer):
    """A community and its public figures."""

    # The context's "volunteers" and "points".
    volunteers = serializers.SerializerMethodField()
    points = serializers.SerializerMethodField()

    class Meta(CommunitySerializer.Meta):
        fields = (*CommunitySerializer.Meta.fields, "volunteers", "points")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_volunteers(self, community: Community) -> int:
        return int(self.context["volunteers"])

    @extend_schema_field(PointsFiguresSerializer)
    def get_points(self, community: Community) -> object:
        return PointsFiguresSerializer(self.context["points"]).data


class CommunityView(APIView):
    """Show a community and its public figures: ``GET /api/v1/communities/{code}``. Public."""

    permission_classes = (AllowAny,)

    @extend_schema(responses=CommunityFiguresSerializer)
    def get(self, request: Request, code: str) -> Response:
        community = community_among(tenants(), code)
        figures = {
            "volunteers": selectors.volunteers_in(community).count(),
            "points": public_figures(community),
        }
        return Response(CommunityFiguresSerializer(community, context=figures).data)
