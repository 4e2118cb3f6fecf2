"""Giving points back, what they were spent on, and what merchants gave."""

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
from backend.api.fields import CharField, DateField, IntegerField, TextField
from backend.api.filters import BooleanFilter, CommunityFilter, TextFilter
from backend.api.idempotency import idempotent
from backend.api.views import below, seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, communities_where
from merchants.giving import selectors
from merchants.giving.models import Campaign, Disbursement, Donation, Sponsorship
from merchants.giving.services import campaigns
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.selectors import partners_in


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    """``donated_points`` less ``disbursed_points`` is what its pool has; nobody is named."""

    community = PartnerCommunitySerializer(read_only=True)
    donated_points = serializers.IntegerField(read_only=True)
    disbursed_points = serializers.IntegerField(read_only=True)

    class Meta:
        model = Campaign
        fields = (
            "id",
            "title",
            "description",
            "community",
            "donated_points",
            "disbursed_points",
            "opened_at",
            "closed_at",
        )
        read_only_fields = fields


class OpenCampaignSerializer(serializers.Serializer[Any]):
    title = CharField(max_length=60)
    description = TextField(max_length=500, allow_blank=True, default="")


class DonateSerializer(serializers.Serializer[Any]):
    points = IntegerField(min_value=1)


class DonationSerializer(serializers.ModelSerializer[Donation]):
    campaign = serializers.CharField(source="campaign.title", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Donation
        fields = ("id", "community", "campaign", "points", "donated_at")
        read_only_fields = fields


class DisburseSerializer(DonateSerializer):
    """``reason`` says what for, for everybody to read: it names nobody."""

    reason = TextField(max_length=200)


class DisbursementSerializer(serializers.ModelSerializer[Disbursement]):
    class Meta:
        model = Disbursement
        fields = ("id", "points", "reason", "disbursed_at")
        read_only_fields = fields


class SponsorSerializer(serializers.Serializer[Any]):
    """``value_fen``: about what it would have cost."""

    partnership_id = serializers.UUIDField()
    text = TextField(max_length=200)
    value_fen = IntegerField(min_value=0, max_value=10**12, required=False, allow_null=True)
    given_on = DateField()


class SponsorshipSerializer(serializers.ModelSerializer[Sponsorship]):
    merchant = PartnerSerializer(source="partnership", read_only=True)

    class Meta:
        model = Sponsorship
        fields = ("id", "merchant", "text", "value_fen", "given_on")
        read_only_fields = fields


class CampaignFilter(CommunityFilter):
    text = TextFilter("title", "description")
    is_open = BooleanFilter(
        field_name="closed_at", lookup_expr="isnull", label="Whether it still takes points."
    )


class SponsorshipFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    partnership_id = filters.UUIDFilter(help_text="A partnership's id.")
    text = TextFilter("text", "partnership__name")


# --- volunteers, and staff who read along -----------------------------------------------------
class CampaignListView(ListAPIView[Campaign]):
    """List the campaigns where I belong, newest first: ``GET /api/v1/campaigns``."""

    serializer_class = CampaignSerializer
    queryset = Campaign.objects.none()
    filterset_class = CampaignFilter

    def get_queryset(self) -> QuerySet[Campaign]:
        return selectors.campaigns_known_to(signed_in(self.request))


class CampaignView(RetrieveAPIView[Campaign]):
    """Open a campaign: ``GET /api/v1/campaigns/{campaign_id}``."""

    serializer_class = CampaignSerializer
    queryset = Campaign.objects.none()
    lookup_url_kwarg = "campaign_id"

    def get_queryset(self) -> QuerySet[Campaign]:
        return selectors.campaigns_known_to(signed_in(self.request))


class DonateView(APIView):
    """Give points back, for good: ``POST /api/v1/campaigns/{campaign_id}/donations``.

    Refused with ``campaign_closed``, ``insufficient_points``.
    """

    @extend_schema(request=DonateSerializer, responses={201: DonationSerializer})
    @idempotent(
        seen(selectors.donations_of),
        DonationSerializer,
        address=seen(selectors.campaigns_open_to, "campaign_id"),
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        user = signed_in(request)
        campaign = get_object_or_404(selectors.campaigns_open_to(user), pk=campaign_id)
        body = DonateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        donation = campaigns.donate(
            campaign=campaign, volunteer=user, amount=body.validated_data["points"]
        )
        return Response(DonationSerializer(donation).data, status=status.HTTP_201_CREATED)


class MyDonationListView(ListAPIView[Donation]):
    """List what I gave back, newest first: ``GET /api/v1/me/donations``."""

    serializer_class = DonationSerializer
    queryset = Donation.objects.none()

    def get_queryset(self) -> QuerySet[Donation]:
        return selectors.donations_of(signed_in(self.request))


class DisbursementListView(ListAPIView[Disbursement]):
    """List what a campaign's points were spent on, newest first.

    ``GET /api/v1/campaigns/{campaign_id}/disbursements``
    """

    serializer_class = DisbursementSerializer
    queryset = Disbursement.objects.none()

    def get_queryset(self) -> QuerySet[Disbursement]:
        known = selectors.campaigns_known_to(signed_in(self.request))
        return selectors.disbursements_of(get_object_or_404(known, pk=self.kwargs["campaign_id"]))

    @extend_schema(request=DisburseSerializer, responses={201: DisbursementSerializer})
    @idempotent(
        below(seen(selectors.campaigns_handled_by, "campaign_id"), selectors.disbursements_of),
        DisbursementSerializer,
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Spend its points, as staff: ``POST /api/v1/campaigns/{campaign_id}/disbursements``.

        Refused with ``pool_too_small``.
        """
        user = signed_in(request)
        campaign = get_object_or_404(selectors.campaigns_handled_by(user), pk=campaign_id)
        body = DisburseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        spent = campaigns.disburse(
            campaign=campaign,
            by=user,
            amount=body.validated_data["points"],
            reason=body.validated_data["reason"],
        )
        return Response(DisbursementSerializer(spent).data, status=status.HTTP_201_CREATED)


# --- staff ------------------------------------------------------------------------------------
class OpenCampaignView(APIView):
    """Collect points for something, as staff: ``POST /api/v1/communities/{code}/campaigns``.

    Refused with ``campaign_title_taken``.
    """

    @extend_schema(request=OpenCampaignSerializer, responses={201: CampaignSerializer})
    @idempotent(in_community(HANDLES, selectors.campaigns_in), CampaignSerializer)
    def post(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = OpenCampaignSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        campaign = campaigns.open_campaign(community=community, by=user, **body.validated_data)
        return _told(campaign, status.HTTP_201_CREATED)


class CloseCampaignView(APIView):
    """Close a campaign, as staff: ``POST /api/v1/campaigns/{campaign_id}/close``.

    It takes no more points; what is in its pool can still be spent.
    """

    @extend_schema(request=None, responses=CampaignSerializer)
    @idempotent(
        seen(selectors.campaigns_handled_by, "campaign_id"), CampaignSerializer, is_required=False
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        user = signed_in(request)
        campaign = get_object_or_404(selectors.campaigns_handled_by(user), pk=campaign_id)
        return _told(campaigns.close_campaign(campaign=campaign, by=user), status.HTTP_200_OK)


def _told(campaign: Campaign, status_code: int) -> Response:
    told = selectors.with_totals(Campaign.objects.filter(pk=campaign.pk)).get()
    return Response(CampaignSerializer(told).data, status=status_code)


class SponsorshipListView(ListAPIView[Sponsorship]):
    """List what merchants gave, newest first: ``GET /api/v1/communities/{code}/sponsorships``."""

    serializer_class = SponsorshipSerializer
    queryset = Sponsorship.objects.none()
    filterset_class = SponsorshipFilter

    def get_queryset(self) -> QuerySet[Sponsorship]:
        known = selectors.communities_with_campaigns_for(signed_in(self.request))
        return selectors.sponsorships_in(get_object_or_404(known, code=self.kwargs["code"]))

    @extend_schema(request=SponsorSerializer, responses={201: SponsorshipSerializer})
    @idempotent(in_community(HANDLES, selectors.sponsorships_in), SponsorshipSerializer)
    def post(self, request: Request, code: str) -> Response:
        """Put on record what a merchant gave, as staff.

        ``POST /api/v1/communities/{code}/sponsorships``. Refused with ``given_later``: what is
        promised is not given yet.
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = SponsorSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        facts = dict(body.validated_data)
        partnership = get_object_or_404(partners_in(community), pk=facts.pop("partnership_id"))
        given = campaigns.sponsor(partnership=partnership, by=user, **facts)
        return Response(SponsorshipSerializer(given).data, status=status.HTTP_201_CREATED)
