"""Rules: read by all who belong to a community, tried by staff, published by managers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.views import ListView, OpenView, below, writes
from backend.communities.api import shown
from backend.communities.models import Community
from backend.communities.selectors import BELONGS, WATCHES_OVER
from points.awards.services.tryout import Trial, tryout
from points.rules import selectors
from points.rules import services as rules
from points.rules.api.serializers import (
    ExampleAnswerSerializer,
    ExampleSerializer,
    PublishedVersionSerializer,
    PublishSerializer,
    RuleSerializer,
    RuleVersionSerializer,
    TemplateSerializer,
    TrialSerializer,
    TryoutSerializer,
)
from points.rules.models import Rule, RuleVersion
from points.rules.templates import TEMPLATES


class RuleListView(ListView[Rule]):
    """List the rules that apply in a community: ``GET /api/v1/communities/{code}/rules``.

    Its own, and those of the places above that it does not override today. For all who belong
    there, volunteers too: what earns how much is no secret, and an award names its rule.
    """

    serializer_class = RuleSerializer
    finds = shown.in_community(BELONGS, selectors.rules_applying_in)


class RuleView(OpenView[Rule]):
    """Open a rule: ``GET /api/v1/communities/{code}/rules/{rule_id}``.

    For all who belong there, including rules of a place above that are overridden.
    """

    serializer_class = RuleSerializer
    finds = shown.in_community(BELONGS, selectors.rules_told_in, "rule_id")


known_rule = shown.in_community(BELONGS, selectors.rules_known_in, "rule_id")


class VersionListView(ListView[RuleVersion]):
    """List all versions of a rule: ``GET /api/v1/communities/{code}/rules/{rule_id}/versions``.

    Newest first. For all who belong there, including rules of the places above.
    """

    serializer_class = RuleVersionSerializer
    finds = below(known_rule, selectors.versions_of)


class VersionView(OpenView[RuleVersion]):
    """Open one version of a rule.

    ``GET /api/v1/communities/{code}/rules/{rule_id}/versions/{number}``
    """

    serializer_class = RuleVersionSerializer
    finds = below(known_rule, selectors.versions_of, "number", by="number")


class PublishView(APIView):
    """Publish a version of a rule: ``POST /api/v1/communities/{code}/rules/versions``.

    For managers. A published version is never changed; publishing again makes the next. Idempotent:
    answers with the latest version if it says the same.
    """

    @writes(
        PublishedVersionSerializer,
        shown.managed_community,
        body=PublishSerializer,
        creates=selectors.versions_in,
    )
    def post(self, user: User, community: Community, **facts: Any) -> RuleVersion:
        return rules.announce(community=community, published_by=user, **facts)


class TryoutView(APIView):
    """Try a draft on a past period: ``POST /api/v1/communities/{code}/rules/tryout``.

    For staff, managers and auditors. Writes nothing.
    """

    @writes(TrialSerializer, shown.community(WATCHES_OVER), body=TryoutSerializer, keeps=False)
    def post(self, user: User, community: Community, **draft: Any) -> Trial:
        return tryout(community=community, **draft)


class ExampleView(APIView):
    """Try a draft on one record: ``POST /api/v1/communities/{code}/rules/example``.

    For a community without a past: what three hours of service, or one report, would earn. For
    staff, managers and auditors. Writes nothing.
    """

    @writes(
        ExampleAnswerSerializer,
        shown.community(WATCHES_OVER),
        body=ExampleSerializer,
        keeps=False,
    )
    def post(self, user: User, community: Community, **draft: Any) -> rules.Example:
        return rules.example(community=community, **draft)


class TemplateListView(APIView):
    """List rules to begin with: ``GET /api/v1/rule-templates``."""

    @extend_schema(responses=TemplateSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(TemplateSerializer(TEMPLATES, many=True).data)
