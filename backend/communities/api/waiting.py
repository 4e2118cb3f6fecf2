"""Work that waits for the caller in a community."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.communities import selectors
from backend.registries.work import Waiting, waiting_for
from backend.replica import from_replica

API = "/api/v1/"


class WaitingSerializer(serializers.Serializer[Waiting]):
    """Work of one kind: how much waits, since when the oldest, and where it is listed.

    ``count`` is 200 at most; ``is_more`` says that there is more than that.
    """

    kind = serializers.CharField(source="kind.name", read_only=True)
    title = serializers.CharField(source="kind.title", read_only=True)
    count = serializers.IntegerField(read_only=True)
    is_more = serializers.BooleanField(read_only=True)
    oldest_at = serializers.DateTimeField(read_only=True)
    address = serializers.SerializerMethodField(help_text="Of the list, such as `/api/v1/reports`.")

    def get_address(self, waiting: Waiting) -> str:
        return API + waiting.address


class WorkSerializer(serializers.Serializer[Any]):
    """Work that waits, by kind. A kind of which nothing waits is left out."""

    kinds = WaitingSerializer(many=True, read_only=True)


@from_replica
class WorkView(APIView):
    """Show what waits for me in a community: ``GET /api/v1/communities/{code}/work``.

    Tells only what I may act on there, also as staff of an estate or as a team's leader. For
    whoever holds a role there, above or below.
    """

    @extend_schema(responses=WorkSerializer)
    def get(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = selectors.community_among(selectors.communities_belonged_to(user), code)
        return Response(WorkSerializer({"kinds": waiting_for(user, community)}).data)
