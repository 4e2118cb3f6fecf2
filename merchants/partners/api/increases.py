"""What raises what a community owes: who asked for it, who confirmed it, and the limit."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import IntegerField, TextField
from backend.api.filters import PersonFilter
from backend.api.idempotency import Waiting, idempotent
from backend.api.views import seen
from backend.communities.api.shown import managed_community
from backend.communities.models import Community
from backend.communities.selectors import MANAGES, WATCHES_OVER, communities_where
from merchants.partners import selectors
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.partners.models.increases import Increase
from merchants.partners.services import increases

FEN_AT_MOST = 100_000_000  # a million yuan


class IncreaseSerializer(serializers.ModelSerializer[Increase]):
    """An increase: ``facts`` are what is asked for, ``subject_id`` is of what.

    A partnership's terms, an offer's price or listing, or a wish; null for the limit.
    ``amount_fen`` is what it may cost more, null: no bound. ``alone``: done by one person, below
    the community's limit; another can still confirm it.
    """

    partnership_id = serializers.UUIDField(read_only=True, allow_null=True)
    subject_id = serializers.UUIDField(read_only=True, allow_null=True)
    facts = serializers.DictField(read_only=True)
    asked_by = ColleagueSerializer(read_only=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Increase
        fields = (
            "id",
            "kind",
            "partnership_id",
            "subject_id",
            "facts",
            "amount_fen",
            "status",
            "asked_at",
            "asked_by",
            "decided_at",
            "decided_by",
        )
        read_only_fields = fields


class IncreaseDecisionSerializer(serializers.Serializer[Any]):
    """``reason`` is told where somebody is told, as of a wish."""

    accept = serializers.BooleanField()
    reason = TextField(max_length=200, allow_blank=True, default="")


class AloneLimitSerializer(serializers.ModelSerializer[Community]):
    """What one person of the staff raises alone in 30 days, in fen."""

    alone_limit_fen = IntegerField(min_value=0, max_value=FEN_AT_MOST)

    class Meta:
        model = Community
        fields = ("alone_limit_fen",)


class IncreaseFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Increase.Status.choices)
    kind = filters.ChoiceFilter(choices=Increase.Kind.choices)
    asked_by = PersonFilter("asked_by")


# Somebody else confirms it.
AS_INCREASE = Waiting(Increase, seen(selectors.increases_handled_by), IncreaseSerializer)


def waits(increase: Increase) -> Response:
    """What was asked is not done yet: somebody else confirms it."""
    return Response(IncreaseSerializer(increase).data, status=status.HTTP_202_ACCEPTED)


class IncreaseListView(ListAPIView[Increase]):
    """List what takes a second person, newest first: ``GET /api/v1/communities/{code}/increases``.

    ``?status=pending`` is the queue; the rest is what became of it.
    """

    serializer_class = IncreaseSerializer
    queryset = Increase.objects.none()
    filterset_class = IncreaseFilter

    def get_queryset(self) -> QuerySet[Increase]:
        seen = communities_where(signed_in(self.request), WATCHES_OVER)
        return selectors.increases_in(get_object_or_404(seen, code=self.kwargs["code"]))


class IncreaseView(RetrieveAPIView[Increase]):
    """Open one, as staff or auditor: ``GET /api/v1/increases/{increase_id}``."""

    serializer_class = IncreaseSerializer
    queryset = Increase.objects.none()
    lookup_url_kwarg = "increase_id"

    def get_queryset(self) -> QuerySet[Increase]:
        return selectors.increases_seen_by(signed_in(self.request))


class IncreaseDecisionView(APIView):
    """Confirm it, as somebody else of the staff: ``POST /api/v1/increases/{increase_id}/decision``.

    Then it is done as it was asked. A higher limit is confirmed by another manager, of the place
    or one above. Who asked can only reject it. Refused with ``own_increase``,
    ``increase_decided``, ``own_merchant``, ``own_wish``, and what doing it is refused with.
    """

    @extend_schema(request=IncreaseDecisionSerializer, responses=IncreaseSerializer)
    @idempotent(
        seen(selectors.increases_handled_by, "increase_id"), IncreaseSerializer, is_required=False
    )
    def post(self, request: Request, increase_id: UUID) -> Response:
        user = signed_in(request)
        increase = get_object_or_404(selectors.increases_handled_by(user), pk=increase_id)
        body = IncreaseDecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        decided = increases.decide(increase=increase, by=user, **body.validated_data)
        return Response(IncreaseSerializer(decided).data)


class AloneLimitView(APIView):
    """Read what one person raises alone: ``GET /api/v1/communities/{code}/increase-limit``."""

    @extend_schema(responses=AloneLimitSerializer)
    def get(self, request: Request, code: str) -> Response:
        seen = communities_where(signed_in(request), WATCHES_OVER)
        return Response(AloneLimitSerializer(get_object_or_404(seen, code=code)).data)

    @extend_schema(
        request=AloneLimitSerializer,
        responses={200: AloneLimitSerializer, 202: IncreaseSerializer},
    )
    @idempotent(
        managed_community,
        AloneLimitSerializer,
        is_required=False,
        waiting=AS_INCREASE,
        edits=True,
    )
    def put(self, request: Request, code: str) -> Response:
        """Set it, as a manager: ``PUT /api/v1/communities/{code}/increase-limit``.

        A lower one counts at once, a higher one once another manager confirms it (202).
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, MANAGES), code=code)
        body = AloneLimitSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = increases.set_limit(community=community, by=user, **body.validated_data)
        if asked is not None:
            return waits(asked)
        community.refresh_from_db(fields=["alone_limit_fen"])
        return Response(AloneLimitSerializer(community).data)
