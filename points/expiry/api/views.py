"""When points expire: watched by staff, decided by managers."""

from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.idempotency import idempotent
from backend.communities.api.shown import in_community
from backend.communities.models import Community
from backend.communities.selectors import (
    MANAGES,
    WATCHES_OVER,
    communities_where,
    community_among,
)
from points.expiry import selectors
from points.expiry import services as expiry
from points.expiry.api.serializers import (
    ExpiryPolicySerializer,
    ExpirySerializer,
    SetExpirySerializer,
)

LAST_RUNS = 12


class ExpiryView(APIView):
    """When points expire in a community: ``GET /api/v1/communities/{code}/expiry``.

    The policy in force and those to come, what has expired, and what the next day will take.
    For staff, managers and auditors.
    """

    @extend_schema(responses=ExpirySerializer)
    def get(self, request: Request, code: str) -> Response:
        community = community_among(communities_where(signed_in(request), WATCHES_OVER), code)
        today = community.today
        in_force, *upcoming = selectors.expiry_policies_from(community, today)
        day = selectors.next_expiry_day(community)
        body = {
            "in_force": in_force,
            "upcoming": upcoming,
            "last_runs": selectors.expired_days(community, LAST_RUNS),
            "next": _preview(community, day) if day else None,
        }
        return Response(ExpirySerializer(body).data)


def _preview(community: Community, day: date) -> dict[str, Any]:
    wallets, points = selectors.losses(community, day)
    return {"expires_on": day, "wallets": wallets, "points": points}


class ExpiryPolicyView(APIView):
    """A manager decides: ``POST /api/v1/communities/{code}/expiry/policies``.

    It is never changed, only replaced from another day on. Setting what is in force that day is
    answered with what is in force. Refused with ``expiry_policy_invalid``, ``rule_backdated``.
    """

    @extend_schema(request=SetExpirySerializer, responses={201: ExpiryPolicySerializer})
    @idempotent(in_community(MANAGES, selectors.expiry_policies_of), ExpiryPolicySerializer)
    def post(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = community_among(communities_where(user, MANAGES), code)
        body = SetExpirySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        policy = expiry.announce_policy(community=community, set_by=user, **body.validated_data)
        return Response(ExpiryPolicySerializer(policy).data, status=status.HTTP_201_CREATED)
