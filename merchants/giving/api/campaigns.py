"""Giving points back, what they were spent on, and what merchants gave."""

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
from backend.api.fields import CharField, DateField, IntegerField, TextField
from backend.api.filters import CommunityFilter
from backend.api.idempotency import below, idempotent, seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, communities_where
from merchants.giving import selectors
from merchants.giving.models.campaigns import Cause, Gift, Spending, Sponsorship
from merchants.giving.services import campaigns as causes
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.selectors import partners_in


class CauseSerializer(serializers.ModelSerializer[Cause]):
    """``given_points`` less ``spent_points`` is what its pool has; nobody is named."""

    community = PartnerCommunitySerializer(read_only=True)
    given_points = serializers.IntegerField(read_only=True)
    spent_points = serializers.IntegerField(read_only=True)

    class Meta:
        model = Cause
        fields = (
            "id",
            "title",
            "description",
            "community",
            "given_points",
            "spent_points",
            "opened_at",
            "closed_at",
        )
        read_only_fields = fields


class OpenCauseSerializer(serializers.Serializer[Any]):
    title = CharField(max_length=60)
    description = TextField(max_length=500, allow_blank=True, default="")


class GiveSerializer(serializers.Serializer[Any]):
    points = IntegerField(min_value=1)


class GiftSerializer(serializers.ModelSerializer[Gift]):
    cause = serializers.CharField(source="cause.title", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Gift
        fields = ("id", "community", "cause", "points", "given_at")
        read_only_fields = fields


class SpendSerializer(GiveSerializer):
    """``words`` say what for, for everybody to read: they name nobody."""

    words = TextField(max_length=200)


class SpendingSerializer(serializers.ModelSerializer[Spending]):
    class Meta:
        model = Spending
        fields = ("id", "points", "words", "spent_at")
        read_only_fields = fields


class SponsorSerializer(serializers.Serializer[Any]):
    """``value_fen``: about what it would have cost."""

    partnership_id = serializers.UUIDField()
    words = TextField(max_length=200)
    value_fen = IntegerField(min_value=0, max_value=10**12, required=False, allow_null=True)
    given_on = DateField()


class SponsorshipSerializer(serializers.ModelSerializer[Sponsorship]):
    merchant = PartnerSerializer(source="partnership", read_only=True)

    class Meta:
        model = Sponsorship
        fields = ("id", "merchant", "words", "value_fen", "given_on")
        read_only_fields = fields


# --- volunteers, and staff who read along -----------------------------------------------------
class CauseListView(ListAPIView[Cause]):
    """What points are collected for where I belong, newest first: ``GET /api/v1/causes``."""

    serializer_class = CauseSerializer
    queryset = Cause.objects.none()
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = CommunityFilter

    def get_queryset(self) -> QuerySet[Cause]:
        return selectors.causes_known_to(signed_in(self.request))


class GiveView(APIView):
    """I give points back, for good: ``POST /api/v1/causes/{cause_id}/gifts``.

    Refused with ``cause_closed``, ``insufficient_points``.
    """

    @extend_schema(request=GiveSerializer, responses={201: GiftSerializer})
    @idempotent(
        seen(selectors.gifts_of),
        GiftSerializer,
        address=seen(selectors.causes_open_to, "cause_id"),
    )
    def post(self, request: Request, cause_id: UUID) -> Response:
        user = signed_in(request)
        cause = get_object_or_404(selectors.causes_open_to(user), pk=cause_id)
        body = GiveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        gift = causes.give(cause=cause, volunteer=user, amount=body.validated_data["points"])
        return Response(GiftSerializer(gift).data, status=status.HTTP_201_CREATED)


class MyGiftListView(ListAPIView[Gift]):
    """What I gave back, newest first: ``GET /api/v1/me/gifts``."""

    serializer_class = GiftSerializer
    queryset = Gift.objects.none()

    def get_queryset(self) -> QuerySet[Gift]:
        return selectors.gifts_of(signed_in(self.request))


class SpendingListView(ListAPIView[Spending]):
    """What its points were spent on, newest first: ``GET /api/v1/causes/{cause_id}/spendings``."""

    serializer_class = SpendingSerializer
    queryset = Spending.objects.none()

    def get_queryset(self) -> QuerySet[Spending]:
        known = selectors.causes_known_to(signed_in(self.request))
        return selectors.spendings_of(get_object_or_404(known, pk=self.kwargs["cause_id"]))

    @extend_schema(request=SpendSerializer, responses={201: SpendingSerializer})
    @idempotent(
        below(seen(selectors.causes_handled_by, "cause_id"), selectors.spendings_of),
        SpendingSerializer,
    )
    def post(self, request: Request, cause_id: UUID) -> Response:
        """Staff spend some: ``POST /api/v1/causes/{cause_id}/spendings``.

        Refused with ``pool_too_small``.
        """
        user = signed_in(request)
        cause = get_object_or_404(selectors.causes_handled_by(user), pk=cause_id)
        body = SpendSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        spent = causes.spend(
            cause=cause,
            by=user,
            amount=body.validated_data["points"],
            words=body.validated_data["words"],
        )
        return Response(SpendingSerializer(spent).data, status=status.HTTP_201_CREATED)


# --- staff ------------------------------------------------------------------------------------
class OpenCauseView(APIView):
    """Collect for something: ``POST /api/v1/communities/{code}/causes``.

    Refused with ``cause_title_taken``.
    """

    @extend_schema(request=OpenCauseSerializer, responses={201: CauseSerializer})
    @idempotent(in_community(HANDLES, selectors.causes_in), CauseSerializer)
    def post(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = OpenCauseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        cause = causes.open_cause(community=community, by=user, **body.validated_data)
        return _told(cause, status.HTTP_201_CREATED)


class CloseCauseView(APIView):
    """It takes no more: ``POST /api/v1/causes/{cause_id}/close``. Again, the first time stands."""

    @extend_schema(request=None, responses=CauseSerializer)
    @idempotent(seen(selectors.causes_handled_by, "cause_id"), CauseSerializer, is_required=False)
    def post(self, request: Request, cause_id: UUID) -> Response:
        user = signed_in(request)
        cause = get_object_or_404(selectors.causes_handled_by(user), pk=cause_id)
        return _told(causes.close_cause(cause=cause, by=user), status.HTTP_200_OK)


def _told(cause: Cause, status_code: int) -> Response:
    told = selectors.with_totals(Cause.objects.filter(pk=cause.pk)).get()
    return Response(CauseSerializer(told).data, status=status_code)


class SponsorshipListView(ListAPIView[Sponsorship]):
    """What merchants gave, newest first: ``GET /api/v1/communities/{code}/sponsorships``."""

    serializer_class = SponsorshipSerializer
    queryset = Sponsorship.objects.none()

    def get_queryset(self) -> QuerySet[Sponsorship]:
        known = selectors.communities_with_causes_for(signed_in(self.request))
        return selectors.sponsorships_in(get_object_or_404(known, code=self.kwargs["code"]))

    @extend_schema(request=SponsorSerializer, responses={201: SponsorshipSerializer})
    @idempotent(in_community(HANDLES, selectors.sponsorships_in), SponsorshipSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Staff put it on record: ``POST /api/v1/communities/{code}/sponsorships``.

        Refused with ``given_later``: what is promised is not given yet.
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = SponsorSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        facts = dict(body.validated_data)
        partnership = get_object_or_404(partners_in(community), pk=facts.pop("partnership_id"))
        given = causes.sponsor(partnership=partnership, by=user, **facts)
        return Response(SponsorshipSerializer(given).data, status=status.HTTP_201_CREATED)
