"""A partner's two lists: what it needs, what it can lend, and which activities come of them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField, TextField
from backend.api.filters import CommunityFilter
from backend.api.idempotency import below, idempotent, seen
from merchants.partners import selectors
from merchants.partners.api.members import at_owned, owned
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.models.lists import ActivityMatch, ListEntry
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import lists


class ActivityMatchSerializer(serializers.ModelSerializer[ActivityMatch]):
    class Meta:
        model = ActivityMatch
        fields = ("id", "activity_id", "activity_title", "matched_at")
        read_only_fields = fields


class ListEntrySerializer(serializers.ModelSerializer[ListEntry]):
    """A ``need`` 服务清单 or a ``resource`` 资源清单; ``closed_at`` is null while it is open."""

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    activities = ActivityMatchSerializer(source="current_matches", many=True, read_only=True)

    class Meta:
        model = ListEntry
        fields = (
            "id",
            "merchant",
            "community",
            "kind",
            "title",
            "description",
            "added_at",
            "closed_at",
            "activities",
        )
        read_only_fields = fields


class AddEntrySerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ListEntry.Kind.choices)
    title = CharField(max_length=60)
    description = TextField(max_length=500, allow_blank=True, default="")


class MatchSerializer(serializers.Serializer[Any]):
    activity_id = serializers.UUIDField()


# --- volunteers -------------------------------------------------------------------------------
class ListEntryFilter(CommunityFilter):
    kind = filters.ChoiceFilter(choices=ListEntry.Kind.choices)


class ListEntryListView(ListAPIView[ListEntry]):
    """What partners need and lend where I volunteer, newest first: ``GET /api/v1/list-entries``.

    Its activities are those one can sign up for.
    """

    serializer_class = ListEntrySerializer
    queryset = ListEntry.objects.none()
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = ListEntryFilter

    def get_queryset(self) -> QuerySet[ListEntry]:
        return selectors.list_entries_open_to(signed_in(self.request))


# --- owners -----------------------------------------------------------------------------------
class MyListEntryListView(ListAPIView[ListEntry]):
    """My two lists, newest first, closed entries as well.

    ``GET /api/v1/merchants/{merchant_id}/partnerships/{partnership_id}/list-entries``
    """

    serializer_class = ListEntrySerializer
    queryset = ListEntry.objects.none()

    def get_queryset(self) -> QuerySet[ListEntry]:
        return selectors.list_entries_of(self._partnership())

    @extend_schema(request=AddEntrySerializer, responses={201: ListEntrySerializer})
    @idempotent(
        below(at_owned(selectors.partnerships_of, "partnership_id"), selectors.list_entries_of),
        ListEntrySerializer,
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One more: what I need, or can lend. Refused with ``partner_ended``, ``list_full``."""
        return _added(request, self._partnership())

    def _partnership(self) -> Partnership:
        mine = selectors.partnerships_of(owned(self.request, self.kwargs["merchant_id"]))
        return get_object_or_404(mine, pk=self.kwargs["partnership_id"])


class MyListEntryCloseView(APIView):
    """It is over: ``POST /api/v1/merchants/{merchant_id}/list-entries/{entry_id}/close``."""

    @extend_schema(request=None, responses=ListEntrySerializer)
    @idempotent(
        at_owned(selectors.list_entries_at, "entry_id"), ListEntrySerializer, is_required=False
    )
    def post(self, request: Request, merchant_id: UUID, entry_id: UUID) -> Response:
        mine = selectors.list_entries_at(owned(request, merchant_id))
        entry = get_object_or_404(mine, pk=entry_id)
        return _told(lists.close(entry=entry, by=signed_in(request)))


# --- staff ------------------------------------------------------------------------------------
class PartnerListEntryListView(ListAPIView[ListEntry]):
    """The same for staff and auditors: ``GET /api/v1/partners/{partnership_id}/list-entries``."""

    serializer_class = ListEntrySerializer
    queryset = ListEntry.objects.none()

    def get_queryset(self) -> QuerySet[ListEntry]:
        seen = selectors.partners_seen_by(signed_in(self.request))
        return selectors.list_entries_of(get_object_or_404(seen, pk=self.kwargs["partnership_id"]))

    @extend_schema(request=AddEntrySerializer, responses={201: ListEntrySerializer})
    @idempotent(
        below(seen(selectors.partners_handled_by, "partnership_id"), selectors.list_entries_of),
        ListEntrySerializer,
    )
    def post(self, request: Request, partnership_id: UUID) -> Response:
        """Staff write one down for it: ``POST /api/v1/partners/{partnership_id}/list-entries``.

        Refused with ``partner_ended``, ``list_full``.
        """
        handled = selectors.partners_handled_by(signed_in(request))
        return _added(request, get_object_or_404(handled, pk=partnership_id), is_staff=True)


class ListEntryCloseView(APIView):
    """The same for staff: ``POST /api/v1/list-entries/{entry_id}/close``."""

    @extend_schema(request=None, responses=ListEntrySerializer)
    @idempotent(
        seen(selectors.list_entries_handled_by, "entry_id"), ListEntrySerializer, is_required=False
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        entry = _handled(request, entry_id)
        return _told(lists.close(entry=entry, by=signed_in(request), is_staff=True))


class MatchView(APIView):
    """An activity serves it: ``POST /api/v1/list-entries/{entry_id}/matches``.

    What is verified there is a service that the merchant received. Again, the first time stands.
    Refused with ``list_entry_closed``, ``activity_unknown``.
    """

    @extend_schema(request=MatchSerializer, responses={201: ActivityMatchSerializer})
    @idempotent(
        below(seen(selectors.list_entries_handled_by, "entry_id"), selectors.matches_of),
        ActivityMatchSerializer,
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        entry = _handled(request, entry_id)
        body = MatchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = lists.match(entry=entry, by=signed_in(request), **body.validated_data)
        return Response(ActivityMatchSerializer(made).data, status=status.HTTP_201_CREATED)


class EndMatchView(APIView):
    """It does not any more: ``POST /api/v1/list-entries/{entry_id}/matches/{match_id}/end``."""

    @extend_schema(request=None, responses=ListEntrySerializer)
    @idempotent(
        seen(selectors.list_entries_handled_by, "entry_id"), ListEntrySerializer, is_required=False
    )
    def post(self, request: Request, entry_id: UUID, match_id: UUID) -> Response:
        entry = _handled(request, entry_id)
        made = get_object_or_404(selectors.matches_of(entry), pk=match_id)
        lists.end_match(match=made, by=signed_in(request))
        return _told(entry)


def _handled(request: Request, entry_id: UUID) -> ListEntry:
    return get_object_or_404(selectors.list_entries_handled_by(signed_in(request)), pk=entry_id)


def _added(request: Request, partnership: Partnership, *, is_staff: bool = False) -> Response:
    body = AddEntrySerializer(data=request.data)
    body.is_valid(raise_exception=True)
    entry = lists.add(
        partnership=partnership, by=signed_in(request), is_staff=is_staff, **body.validated_data
    )
    return _told(entry, status.HTTP_201_CREATED)


def _told(entry: ListEntry, status_code: int = status.HTTP_200_OK) -> Response:
    told = selectors.list_entries_of(entry.partnership).get(pk=entry.pk)
    return Response(ListEntrySerializer(told).data, status=status_code)
