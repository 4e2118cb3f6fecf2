"""Expiry of points: read by staff, decided by managers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.views import writes
from backend.communities.api import shown
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER
from points.expiry import selectors
from points.expiry import services as expiry
from points.expiry.api.serializers import (
    ExpiryPolicySerializer,
    ExpirySerializer,
    SetExpirySerializer,
)
from points.expiry.models import ExpiryPolicy

LAST_RUNS = 12
watched = shown.community(WATCHES_OVER)


class ExpiryView(APIView):
    """Show when points expire in a community: ``GET /api/v1/communities/{code}/expiry``.

    Shows the policy in force and those to come, what has expired, and what the next day will take.
    For staff, managers and auditors.
    """

    finds = watched

    @extend_schema(responses=ExpirySerializer)
    def get(self, request: Request, **named: Any) -> Response:
        community = watched(request, **named)
        in_force, *upcoming = selectors.expiry_policies_from(community, community.today)
        day = selectors.next_expiry_day(community)
        body = {
            "in_force": in_force,
            "upcoming": upcoming,
            "last_runs": selectors.expired_days(community, LAST_RUNS),
            "next": selectors.losses(community, day) if day else None,
        }
        return Response(ExpirySerializer(body).data)


class ExpiryPolicyView(APIView):
    """Decide when points expire: ``POST /api/v1/communities/{code}/expiry/policies``.

    For managers. A policy is never changed, only replaced from another day on. Idempotent: answers
    with the policy in force that day if it says the same.
    """

    @writes(
        ExpiryPolicySerializer,
        shown.managed_community,
        body=SetExpirySerializer,
        creates=selectors.expiry_policies_of,
    )
    def post(self, user: User, community: Community, **policy: Any) -> ExpiryPolicy:
        return expiry.announce_policy(community=community, set_by=user, **policy)
