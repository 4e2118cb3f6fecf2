"""Figures of what a community's people and systems are still owed, for its staff."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.views import OpenView, writes
from backend.communities.api.shown import community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.outbox import selectors, services


class OwedSerializer(serializers.Serializer[Any]):
    """One kind: how many are due, since when the oldest, and how many were given up."""

    kind = serializers.CharField(read_only=True)
    owed = serializers.IntegerField(read_only=True)
    oldest_at = serializers.DateTimeField(read_only=True, allow_null=True)
    given_up = serializers.IntegerField(read_only=True)


class OutboxSerializer(serializers.Serializer[Community]):
    """Figures of what is owed in a community, by kind."""

    kinds = serializers.SerializerMethodField()

    @extend_schema_field(OwedSerializer(many=True))
    def get_kinds(self, community: Community) -> Any:
        return OwedSerializer(selectors.figures(community=community), many=True).data


class OutboxView(OpenView[Community]):
    """Show what is owed: ``GET /api/v1/communities/{code}/outbox``.

    Notices, webhooks and the like are sent within seconds. What fails is tried again, for days if
    need be, and then given up. For staff, managers and auditors.
    """

    serializer_class = OutboxSerializer
    finds = community(WATCHES_OVER)


class RetryView(APIView):
    """Retry what was given up of a kind.

    ``POST /api/v1/communities/{code}/outbox/{kind}/retry``, with a kind that ``outbox`` shows. For
    staff and managers. Idempotent: what is owed already stays as it is.
    """

    @writes(OutboxSerializer, community(HANDLES))
    def post(self, user: User, community: Community) -> None:
        services.retry(self.kwargs["kind"], community=community, by=user)


urlpatterns = [
    path("communities/<str:code>/outbox", OutboxView.as_view()),
    path("communities/<str:code>/outbox/<str:kind>/retry", RetryView.as_view()),
]
