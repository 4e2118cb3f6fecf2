"""Redemption fairs 积分兑换集市: announced, listed and cancelled."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField, DateTimeField
from backend.api.filters import CommunityFilter
from backend.api.idempotency import idempotent
from backend.api.views import seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from merchants.catalogue import selectors
from merchants.catalogue.models import Fair
from merchants.catalogue.services import fairs
from merchants.partners.api.members import worked_at
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.errors import PartnerUnknown
from merchants.partners.selectors import partners_in


class FairSerializer(serializers.ModelSerializer[Fair]):
    """A fair; ``cancelled_at`` is null if it takes place."""

    community = PartnerCommunitySerializer(read_only=True)
    merchants = PartnerSerializer(source="partners", many=True, read_only=True)

    class Meta:
        model = Fair
        fields = (
            "id",
            "community",
            "title",
            "place",
            "starts_at",
            "ends_at",
            "cancelled_at",
            "merchants",
        )
        read_only_fields = fields


class AnnounceFairSerializer(serializers.Serializer[Any]):
    """A fair of at most a week and 100 merchants, by the ids of their partnerships."""

    title = CharField(max_length=60)
    place = CharField(max_length=120, allow_blank=True, default="")
    starts_at = DateTimeField()
    ends_at = DateTimeField()
    partnership_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=100
    )


class FairListView(ListAPIView[Fair]):
    """Lists fairs that are or will be where I volunteer, newest first: ``GET /api/v1/fairs``."""

    serializer_class = FairSerializer
    queryset = Fair.objects.none()
    filterset_class = CommunityFilter

    def get_queryset(self) -> QuerySet[Fair]:
        return selectors.fairs_open_to(signed_in(self.request))


class MerchantFairListView(ListAPIView[Fair]):
    """Lists the fairs at which my shop is: ``GET /api/v1/merchants/{merchant_id}/fairs``."""

    serializer_class = FairSerializer
    queryset = Fair.objects.none()

    def get_queryset(self) -> QuerySet[Fair]:
        return selectors.fairs_with(worked_at(self.request, self.kwargs["merchant_id"]))


class CommunityFairListView(ListAPIView[Fair]):
    """Lists all fairs of a community, newest first: ``GET /api/v1/communities/{code}/fairs``."""

    serializer_class = FairSerializer
    queryset = Fair.objects.none()

    def get_queryset(self) -> QuerySet[Fair]:
        seen = communities_where(signed_in(self.request), WATCHES_OVER)
        return selectors.fairs_in(get_object_or_404(seen, code=self.kwargs["code"]))

    @extend_schema(request=AnnounceFairSerializer, responses={201: FairSerializer})
    @idempotent(in_community(HANDLES, selectors.fairs_in), FairSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Announces a fair, as staff: ``POST /api/v1/communities/{code}/fairs``.

        Refused with ``fair_not_in_order``, ``fair_over``, ``partner_unknown``,
        ``partner_not_active``, ``fairs_overlap``.
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = AnnounceFairSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        facts = dict(body.validated_data)
        wanted = set(facts.pop("partnership_ids"))
        there = partners_in(community).filter(pk__in=wanted)
        if len(there) < len(wanted):
            raise PartnerUnknown
        fair = fairs.announce(community=community, partnerships=there, by=user, **facts)
        return _told(fair, status.HTTP_201_CREATED)


class CancelFairView(APIView):
    """Cancels a fair, as staff: ``POST /api/v1/fairs/{fair_id}/cancel``.

    Refused with ``fair_over``, ``own_merchant``.
    """

    @extend_schema(request=None, responses=FairSerializer)
    @idempotent(seen(selectors.fairs_handled_by, "fair_id"), FairSerializer, is_required=False)
    def post(self, request: Request, fair_id: UUID) -> Response:
        user = signed_in(request)
        fair = get_object_or_404(selectors.fairs_handled_by(user), pk=fair_id)
        return _told(fairs.cancel(fair=fair, by=user))


def _told(fair: Fair, status_code: int = status.HTTP_200_OK) -> Response:
    told = selectors.fairs_in(fair.community).get(pk=fair.pk)
    return Response(FairSerializer(told).data, status=status_code)
