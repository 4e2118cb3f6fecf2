"""Figures of what a community's people and systems are still owed, for its staff."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.idempotency import Finds
from backend.api.views import ListView, OpenView, below, writes
from backend.communities.api.shown import community
from backend.communities.models import Community, Role
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


class DeadLetterSerializer(serializers.Serializer[Any]):
    """Something that was given up: what it was, owed since ``owed_at``, tried ``attempts`` times.

    ``words`` say what it is; a person in them is masked. ``reason`` is why the last try failed.
    """

    id = serializers.UUIDField(read_only=True)
    kind = serializers.CharField(source="owed_kind", read_only=True)
    words = serializers.SerializerMethodField()
    owed_at = serializers.DateTimeField(source="owed_since", read_only=True)
    attempts = serializers.IntegerField(read_only=True)
    reason = serializers.CharField(read_only=True)
    given_up_at = serializers.DateTimeField(read_only=True)

    class Meta:
        model = Community  # for the document alone: the rows are of as many models as kinds

    def get_words(self, dead_letter: Any) -> str:
        return selectors.words_of(dead_letter)


def dead_letters(roles: tuple[Role, ...], named: str = "") -> Finds:
    """Find what was given up of the kind that the address names. Raises OwedKindUnknown."""

    def of_kind(request: Request, kind: str, **names: Any) -> Any:
        return selectors.dead_letters_in(community(roles)(request, **names), kind)

    return below(of_kind, lambda rows: rows, named)


class DeadLetterListView(ListView[Any]):
    """List what was given up of a kind, newest first.

    ``GET /api/v1/communities/{code}/outbox/{kind}/dead-letters``, with a kind that ``outbox``
    shows. For staff, managers and auditors.
    """

    serializer_class = DeadLetterSerializer
    finds = dead_letters(WATCHES_OVER)


class DeadLetterView(OpenView[Any]):
    """Open something that was given up.

    ``GET /api/v1/communities/{code}/outbox/{kind}/dead-letters/{dead_letter_id}``
    """

    serializer_class = DeadLetterSerializer
    finds = dead_letters(WATCHES_OVER, "dead_letter_id")


class RetryDeadLetterView(APIView):
    """Retry one thing that was given up.

    ``POST /api/v1/communities/{code}/outbox/{kind}/dead-letters/{dead_letter_id}/retry``. For staff
    and managers. Answers with what is then owed; 404 once it is no dead letter any more.
    """

    @writes(OutboxSerializer, dead_letters(HANDLES, "dead_letter_id"), shows=community(HANDLES))
    def post(self, user: User, dead_letter: Any) -> Community:
        services.retry_one(dead_letter, by=user)
        place: Community = dead_letter.community
        return place


KIND = "communities/<str:code>/outbox/<str:kind>"
LETTER = f"{KIND}/dead-letters/<uuid:dead_letter_id>"

urlpatterns = [
    path("communities/<str:code>/outbox", OutboxView.as_view()),
    path(f"{KIND}/retry", RetryView.as_view()),
    path(f"{KIND}/dead-letters", DeadLetterListView.as_view()),
    path(LETTER, DeadLetterView.as_view()),
    path(f"{LETTER}/retry", RetryDeadLetterView.as_view()),
]
