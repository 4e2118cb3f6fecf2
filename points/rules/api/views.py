"""Rules: read by all who belong there, tried by staff, published by managers."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.idempotency import idempotent, repeatable
from backend.communities.api.shown import in_community
from backend.communities.selectors import (
    BELONGS,
    MANAGES,
    WATCHES_OVER,
    communities_where,
    community_among,
)
from points.awards.services.tryout import HoldersChange, tryout
from points.rules import selectors
from points.rules import services as rules
from points.rules.api.serializers import (
    PublishedVersionSerializer,
    PublishSerializer,
    RuleSerializer,
    RuleVersionSerializer,
    TrialSerializer,
    TryoutSerializer,
)
from points.rules.models import Rule, RuleVersion


class RuleListView(ListAPIView[Rule]):
    """The rules that apply in a community: ``GET /api/v1/communities/{code}/rules``.

    Its own, and those of the places above that none of its own overrides today. For all who
    belong there, volunteers too: what earns how much is no secret, and an award names its rule.
    """

    serializer_class = RuleSerializer
    queryset = Rule.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        community = community_among(communities_where(signed_in(request), BELONGS), kwargs["code"])
        today = community.today
        page = self.paginate_queryset(selectors.rules_applying_in(community, today)) or []
        context = {
            "community": community,
            "today": today,
            "versions": selectors.versions_from(page, today),
        }
        return self.get_paginated_response(RuleSerializer(page, many=True, context=context).data)


class VersionListView(ListAPIView[RuleVersion]):
    """All wordings of a rule: ``GET /api/v1/communities/{code}/rules/{rule_id}/versions``.

    Newest first. For all who belong there, of rules of the places above too.
    """

    serializer_class = RuleVersionSerializer
    queryset = RuleVersion.objects.none()

    def get_queryset(self) -> QuerySet[RuleVersion]:
        belongs = communities_where(signed_in(self.request), BELONGS)
        community = community_among(belongs, self.kwargs["code"])
        known = selectors.rules_known_in(community)
        return selectors.versions_of(get_object_or_404(known, pk=self.kwargs["rule_id"]))


class PublishView(APIView):
    """A manager publishes a version: ``POST /api/v1/communities/{code}/rules/versions``.

    From then on it is never changed; publishing again makes the next. What the latest says
    already is answered with the latest. Refused with ``rule_invalid``,
    ``cash_not_allowed_for_hours``, ``rule_backdated``.
    """

    @extend_schema(request=PublishSerializer, responses={201: PublishedVersionSerializer})
    @idempotent(in_community(MANAGES, selectors.versions_in), PublishedVersionSerializer)
    def post(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = community_among(communities_where(user, MANAGES), code)
        body = PublishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        version = rules.announce(community=community, published_by=user, **body.validated_data)
        return Response(PublishedVersionSerializer(version).data, status=status.HTTP_201_CREATED)


class TryoutView(APIView):
    """What a draft would have changed: ``POST /api/v1/communities/{code}/rules/tryout``.

    For staff, managers and auditors. Writes nothing. Refused with ``rule_invalid``,
    ``cash_not_allowed_for_hours``, ``period_invalid``.
    """

    @extend_schema(request=TryoutSerializer, responses=TrialSerializer)
    @repeatable
    def post(self, request: Request, code: str) -> Response:
        community = community_among(communities_where(signed_in(request), WATCHES_OVER), code)
        body = TryoutSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        trial = tryout(community=community, **body.validated_data)
        people = _people([*trial.gains, *trial.losses])
        return Response(TrialSerializer(trial, context={"people": people}).data)


def _people(changes: Iterable[HoldersChange]) -> dict[str, User]:
    """Return the person behind each holder."""
    ids = {change.holder: UUID(change.holder.removeprefix("person:")) for change in changes}
    people = User.objects.in_bulk(list(ids.values()))
    return {holder: people[person_id] for holder, person_id in ids.items()}
