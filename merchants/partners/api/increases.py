"""Increases of what a community owes: who asked, who confirmed, and the limit."""

from typing import Any

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import IntegerField
from backend.api.filters import PersonFilter
from backend.api.idempotency import Waiting
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.shown import community, in_community, managed_community
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER
from merchants.partners import selectors
from merchants.partners.api.serializers import DecisionSerializer, PartnerSerializer
from merchants.partners.models.increases import Increase
from merchants.partners.services import increases

FEN_AT_MOST = 100_000_000  # a million yuan


class IncreaseSerializer(ReadSerializer[Increase]):
    """An increase. ``facts`` are what is asked for; ``subject_id`` names what it is about:

    a partnership, an offer or a wish, null for the limit. ``amount_fen`` is how much more it may
    cost, null if there is no bound. ``alone`` was done by one person within the community's limit;
    another can still confirm it.
    """

    partnership_id = serializers.UUIDField(read_only=True, allow_null=True)
    subject_id = serializers.UUIDField(read_only=True, allow_null=True)
    merchant = PartnerSerializer(source="partnership", read_only=True, allow_null=True)
    facts = serializers.DictField(read_only=True)
    asked_by = ColleagueSerializer(read_only=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Increase
        fields = ("id", "kind", "amount_fen", "status", "asked_at", "decided_at")


class AloneLimitSerializer(serializers.ModelSerializer[Community]):
    """The limit on what one member of staff may raise alone in 30 days, in fen."""

    alone_limit_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST)

    class Meta:
        model = Community
        fields = ("alone_limit_fen",)


class IncreaseFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Increase.Status.choices)
    kind = filters.ChoiceFilter(choices=Increase.Kind.choices)
    asked_by = PersonFilter("asked_by")


# The body of an answer 202: an increase that somebody else confirms.
AS_INCREASE = Waiting(Increase, seen(selectors.increases_handled_by), IncreaseSerializer)


class IncreaseListView(ListView[Increase]):
    """List a community's increases, newest first: ``GET /api/v1/communities/{code}/increases``.

    ``?status=pending`` lists those that wait for a second person.
    """

    serializer_class = IncreaseSerializer
    filterset_class = IncreaseFilter
    finds = in_community(WATCHES_OVER, selectors.increases_in)


class IncreaseView(OpenView[Increase]):
    """Open an increase, as staff or auditor: ``GET /api/v1/increases/{increase_id}``."""

    serializer_class = IncreaseSerializer
    finds = seen(selectors.increases_seen_by, "increase_id")


class IncreaseDecisionView(APIView):
    """Confirm an increase, or reject it: ``POST /api/v1/increases/{increase_id}/decision``.

    Another member of staff confirms, which does what was asked. A higher limit is confirmed by
    another manager, of the place or one above. The person who asked can only reject it. Confirming
    is refused with whatever code the act itself is refused with.
    """

    @writes(
        IncreaseSerializer,
        seen(selectors.increases_handled_by, "increase_id"),
        body=DecisionSerializer,
    )
    def post(self, user: User, increase: Increase, **facts: Any) -> Increase:
        return increases.decide(increase=increase, by=user, **facts)


class AloneLimitView(OpenView[Community]):
    """Read what one person may raise alone: ``GET /api/v1/communities/{code}/increase-limit``."""

    serializer_class = AloneLimitSerializer
    finds = community(WATCHES_OVER)

    @writes(
        AloneLimitSerializer,
        managed_community,
        body=AloneLimitSerializer,
        waiting=AS_INCREASE,
        edits=True,
    )
    def put(self, user: User, community: Community, alone_limit_fen: int) -> Community | Increase:
        """Set the limit, as a manager: ``PUT /api/v1/communities/{code}/increase-limit``.

        A lower one counts at once, a higher one once another manager confirms it (202).
        """
        return increases.set_limit(community=community, by=user, alone_limit_fen=alone_limit_fen)
