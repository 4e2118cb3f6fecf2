"""Redemption fairs 积分兑换集市: announced, listed and cancelled."""

from typing import Any
from uuid import UUID

from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField, DateTimeField
from backend.api.filters import PeriodFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.serializers import ReasonSerializer
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.events.api import VenueInBriefSerializer
from backend.events.models import Series, Status
from merchants.catalogue import selectors
from merchants.catalogue.models import Fair, SeriesStall
from merchants.catalogue.services import fairs
from merchants.partners.api.members import at_workplace
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.errors import PartnerUnknown
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import partners_in

STALLS_AT_MOST = 100


class FairSerializer(ReadSerializer[Fair]):
    """A fair; ``reason`` says why it was cancelled, ``occurrence_id`` of which series it is."""

    community = PartnerCommunitySerializer(read_only=True)
    venue = VenueInBriefSerializer(read_only=True, allow_null=True)
    occurrence_id = serializers.UUIDField(read_only=True, allow_null=True)
    merchants = PartnerSerializer(source="partners", many=True, read_only=True)

    class Meta:
        model = Fair
        fields = (
            "id",
            "title",
            "place",
            "starts_at",
            "ends_at",
            "status",
            "reason",
            "cancelled_at",
        )


class MoveFairSerializer(serializers.Serializer[Any]):
    """When and where a fair is. A change keeps the fields that it leaves out."""

    venue_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="A venue's id. Null: none."
    )
    place = CharField(max_length=120, required=False, allow_blank=True)
    starts_at = DateTimeField()
    ends_at = DateTimeField()


class AnnounceFairSerializer(MoveFairSerializer):
    """A fair of at most a week and 100 merchants, by the ids of their partnerships."""

    title = CharField(max_length=60)
    partnership_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=STALLS_AT_MOST
    )


class SetStallsSerializer(serializers.Serializer[Any]):
    """The merchants that are to have a stall at each occurrence, by their partnerships' ids."""

    partnership_ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=STALLS_AT_MOST
    )


class StallInSeriesSerializer(ReadSerializer[SeriesStall]):
    merchant = PartnerSerializer(source="partnership", read_only=True)

    class Meta:
        model = SeriesStall
        fields = ()


class SeriesStallsSerializer(ReadSerializer[Series]):
    """A series and the merchants that have a stall at each of its occurrences."""

    stalls = StallInSeriesSerializer(many=True, read_only=True)

    class Meta:
        model = Series
        fields = ("id", "title")


class FairFilter(PeriodFilter):
    moment, ends = "starts_at", "ends_at"
    status = filters.ChoiceFilter(choices=Status.choices)
    venue = filters.UUIDFilter(help_text="A venue's id.")
    series = filters.UUIDFilter(field_name="occurrence__series", help_text="A series' id.")
    text = TextFilter("title", "place", help_text="Part of the title or the place.")


class FairListView(ListView[Fair]):
    """List current and coming fairs where I volunteer, newest first: ``GET /api/v1/fairs``."""

    serializer_class = FairSerializer
    filterset_class = FairFilter
    finds = seen(selectors.fairs_open_to)


class FairView(OpenView[Fair]):
    """Open a fair: ``GET /api/v1/fairs/{fair_id}``.

    Volunteers open current and coming fairs, merchants those of their shop, staff and auditors all.
    """

    serializer_class = FairSerializer
    finds = seen(selectors.fairs_known_to, "fair_id")

    @writes(
        FairSerializer,
        seen(selectors.fairs_handled_by, "fair_id"),
        body=MoveFairSerializer,
        edits=True,
    )
    def patch(self, user: User, fair: Fair, **changes: Any) -> Fair:
        """Move a fair that has not begun, as staff: ``PATCH /api/v1/fairs/{fair_id}``.

        Owners of the merchants there are told, and reminded by the new times.
        """
        moved = fairs.change(fair=fair, by=user, changes=changes)
        return selectors.fairs_in(moved.community).get(pk=moved.pk)


class MerchantFairListView(ListView[Fair]):
    """List the fairs my shop is at: ``GET /api/v1/merchants/{merchant_id}/fairs``."""

    serializer_class = FairSerializer
    filterset_class = FairFilter
    finds = at_workplace(selectors.fairs_with)


class CommunityFairListView(ListView[Fair]):
    """List all fairs of a community, newest first: ``GET /api/v1/communities/{code}/fairs``."""

    serializer_class = FairSerializer
    filterset_class = FairFilter
    finds = in_community(WATCHES_OVER, selectors.fairs_in)

    @writes(
        FairSerializer,
        community(HANDLES),
        body=AnnounceFairSerializer,
        creates=selectors.fairs_in,
    )
    def post(
        self, user: User, community: Community, partnership_ids: list[UUID], **facts: Any
    ) -> Fair:
        """Announce a fair, as staff: ``POST /api/v1/communities/{code}/fairs``."""
        there = _partners(community, partnership_ids)
        fair = fairs.announce(community=community, partnerships=there, by=user, **facts)
        return selectors.fairs_in(community).get(pk=fair.pk)


class SeriesStallsView(OpenView[Series]):
    """List the stalls of a series: ``GET /api/v1/series/{series_id}/stalls``.

    For staff and auditors of the community.
    """

    serializer_class = SeriesStallsSerializer
    finds = seen(selectors.series_with_stalls, "series_id")

    @writes(
        SeriesStallsSerializer,
        seen(selectors.series_given_stalls_by, "series_id"),
        body=SetStallsSerializer,
        edits=True,
    )
    def put(self, user: User, series: Series, partnership_ids: list[UUID]) -> Series:
        """Set who has a stall at each occurrence: ``PUT /api/v1/series/{series_id}/stalls``.

        For staff. Each occurrence has a fair with these merchants, as far as they are active
        partners and at no other fair then. Fairs announced already get the stalls that are new,
        and keep the others. Owners are reminded before each fair.
        """
        there = _partners(series.community, partnership_ids)
        fairs.set_stalls(series=series, partnerships=there, by=user)
        return selectors.series_given_stalls_by(user).get(pk=series.pk)


def _partners(community: Community, partnership_ids: list[UUID]) -> list[Partnership]:
    there = list(partners_in(community).filter(pk__in=partnership_ids))
    if len(there) < len(set(partnership_ids)):
        raise PartnerUnknown
    return there


class CancelFairView(APIView):
    """Cancel a fair, as staff: ``POST /api/v1/fairs/{fair_id}/cancel``. Idempotent.

    Owners of the merchants there are told the ``reason``.
    """

    @writes(FairSerializer, seen(selectors.fairs_handled_by, "fair_id"), body=ReasonSerializer)
    def post(self, user: User, fair: Fair, **facts: Any) -> Fair:
        cancelled = fairs.cancel(fair=fair, by=user, **facts)
        return selectors.fairs_in(cancelled.community).get(pk=cancelled.pk)
