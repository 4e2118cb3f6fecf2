"""Redemption fairs 积分兑换集市: announced, listed and cancelled."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField, DateTimeField
from backend.api.filters import CommunityFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from merchants.catalogue import selectors
from merchants.catalogue.models import Fair
from merchants.catalogue.services import fairs
from merchants.partners.api.members import at_workplace
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.errors import PartnerUnknown
from merchants.partners.selectors import partners_in


class FairSerializer(ReadSerializer[Fair]):
    """A fair; ``cancelled_at`` is null unless the fair was cancelled."""

    community = PartnerCommunitySerializer(read_only=True)
    merchants = PartnerSerializer(source="partners", many=True, read_only=True)

    class Meta:
        model = Fair
        fields = ("id", "title", "place", "starts_at", "ends_at", "cancelled_at")


class AnnounceFairSerializer(serializers.Serializer[Any]):
    """A fair of at most a week and 100 merchants, by the ids of their partnerships."""

    title = CharField(max_length=60)
    place = CharField(max_length=120, allow_blank=True, default="")
    starts_at = DateTimeField()
    ends_at = DateTimeField()
    partnership_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=100
    )


class FairListView(ListView[Fair]):
    """List current and coming fairs where I volunteer, newest first: ``GET /api/v1/fairs``."""

    serializer_class = FairSerializer
    filterset_class = CommunityFilter
    finds = seen(selectors.fairs_open_to)


class FairView(OpenView[Fair]):
    """Open a fair: ``GET /api/v1/fairs/{fair_id}``.

    Volunteers open current and coming fairs, merchants those of their shop, staff and auditors all.
    """

    serializer_class = FairSerializer
    finds = seen(selectors.fairs_known_to, "fair_id")


class MerchantFairListView(ListView[Fair]):
    """List the fairs my shop is at: ``GET /api/v1/merchants/{merchant_id}/fairs``."""

    serializer_class = FairSerializer
    finds = at_workplace(selectors.fairs_with)


class CommunityFairListView(ListView[Fair]):
    """List all fairs of a community, newest first: ``GET /api/v1/communities/{code}/fairs``."""

    serializer_class = FairSerializer
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
        there = partners_in(community).filter(pk__in=partnership_ids)
        if len(there) < len(set(partnership_ids)):
            raise PartnerUnknown
        fair = fairs.announce(community=community, partnerships=there, by=user, **facts)
        return selectors.fairs_in(community).get(pk=fair.pk)


class CancelFairView(APIView):
    """Cancel a fair, as staff: ``POST /api/v1/fairs/{fair_id}/cancel``. Idempotent."""

    @writes(FairSerializer, seen(selectors.fairs_handled_by, "fair_id"))
    def post(self, user: User, fair: Fair) -> Fair:
        cancelled = fairs.cancel(fair=fair, by=user)
        return selectors.fairs_in(cancelled.community).get(pk=cancelled.pk)
