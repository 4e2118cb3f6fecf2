"""A community's own page; it stands here because it tells of volunteers and of points."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.communities.selectors import community_among, tenants
from points.ledger.selectors import public_figures
from volunteers.people import selectors
from volunteers.reports.api.serializers import CommunityFiguresSerializer


class CommunityView(APIView):
    """A community and its public figures: ``GET /api/v1/communities/{code}``. Public."""

    permission_classes = (AllowAny,)

    @extend_schema(responses=CommunityFiguresSerializer)
    def get(self, request: Request, code: str) -> Response:
        community = community_among(tenants(), code)
        figures = {
            "volunteers": selectors.volunteers_in(community).count(),
            "points": public_figures(community),
        }
        return Response(CommunityFiguresSerializer(community, context=figures).data)
