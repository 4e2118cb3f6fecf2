"""Donated points, what they were spent on, and what merchants gave."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.fields import CharField, DateField, IntegerField, TextField
from backend.api.filters import BooleanFilter, CommunityFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.shown import community, in_community, where_known
from backend.communities.models import Community
from backend.communities.selectors import HANDLES
from merchants.giving import selectors
from merchants.giving.models import Campaign, Disbursement, Donation, Sponsorship
from merchants.giving.services import campaigns
from merchants.partners.api.serializers import PartnerCommunitySerializer, PartnerSerializer
from merchants.partners.selectors import partners_in


class CampaignSerializer(ReadSerializer[Campaign]):
    """A campaign. Its pool is ``donated_points`` less ``disbursed_points``; nobody is named."""

    community = PartnerCommunitySerializer(read_only=True)
    donated_points = serializers.IntegerField(read_only=True)
    disbursed_points = serializers.IntegerField(read_only=True)

    class Meta:
        model = Campaign
        fields = ("id", "title", "description", "opened_at", "closed_at")

    rows_for = staticmethod(lambda rows, user: selectors.with_totals(rows))


class OpenCampaignSerializer(serializers.Serializer[Any]):
    title = CharField(max_length=60)
    description = TextField(max_length=500, allow_blank=True, default="")


class DonateSerializer(serializers.Serializer[Any]):
    points = IntegerField(min_value=1)


class DonationSerializer(ReadSerializer[Donation]):
    campaign = serializers.CharField(source="campaign.title", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)

    class Meta:
        model = Donation
        fields = ("id", "points", "donated_at")


class DisburseSerializer(DonateSerializer):
    """A disbursement. ``reason`` says what for, in public, and must name nobody."""

    reason = TextField(max_length=200)


class DisbursementSerializer(ReadSerializer[Disbursement]):
    class Meta:
        model = Disbursement
        fields = ("id", "points", "reason", "disbursed_at")


class SponsorSerializer(serializers.Serializer[Any]):
    """A merchant's gift. ``value_fen`` is roughly what it would have cost."""

    partnership_id = serializers.UUIDField()
    text = TextField(max_length=200)
    value_fen = IntegerField(min_value=0, max_value=10**12, required=False, allow_null=True)
    given_on = DateField()


class SponsorshipSerializer(ReadSerializer[Sponsorship]):
    merchant = PartnerSerializer(source="partnership", read_only=True)

    class Meta:
        model = Sponsorship
        fields = ("id", "text", "value_fen", "given_on")


class CampaignInCommunityFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    text = TextFilter("title", "description")
    is_open = BooleanFilter(
        field_name="closed_at", lookup_expr="isnull", label="Whether it still takes points."
    )


class CampaignFilter(CampaignInCommunityFilter, CommunityFilter):
    pass


class SponsorshipFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    partnership_id = filters.UUIDFilter(help_text="A partnership's id.")
    text = TextFilter("text", "partnership__name")


# --- volunteers, and staff who read along -----------------------------------------------------
class CampaignListView(ListView[Campaign]):
    """List the campaigns where I belong, newest first: ``GET /api/v1/campaigns``."""

    serializer_class = CampaignSerializer
    filterset_class = CampaignFilter
    finds = seen(selectors.campaigns_known_to)


one_known = seen(selectors.campaigns_known_to, "campaign_id")
one_handled = seen(selectors.campaigns_handled_by, "campaign_id")


class CampaignView(OpenView[Campaign]):
    """Open a campaign: ``GET /api/v1/campaigns/{campaign_id}``."""

    serializer_class = CampaignSerializer
    finds = one_known


class DonateView(APIView):
    """Donate points, for good: ``POST /api/v1/campaigns/{campaign_id}/donations``."""

    @writes(
        DonationSerializer,
        seen(selectors.campaigns_open_to, "campaign_id"),
        body=DonateSerializer,
        within=where_known,
        shows=seen(selectors.donations_of),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, campaign: Campaign, points: int) -> Donation:
        return campaigns.donate(campaign=campaign, volunteer=user, amount=points)


class MyDonationListView(ListView[Donation]):
    """List my donations of points, newest first: ``GET /api/v1/me/donations``."""

    serializer_class = DonationSerializer
    finds = seen(selectors.donations_of)


class MyDonationView(OpenView[Donation]):
    """Open my donation of points: ``GET /api/v1/me/donations/{donation_id}``."""

    serializer_class = DonationSerializer
    finds = seen(selectors.donations_of, "donation_id")


class DisbursementListView(ListView[Disbursement]):
    """List a campaign's disbursements, newest first.

    ``GET /api/v1/campaigns/{campaign_id}/disbursements``
    """

    serializer_class = DisbursementSerializer
    finds = below(one_known, selectors.disbursements_of)

    @writes(
        DisbursementSerializer,
        one_handled,
        body=DisburseSerializer,
        creates=selectors.disbursements_of,
    )
    def post(self, user: User, campaign: Campaign, points: int, reason: str) -> Disbursement:
        """Spend points, as staff: ``POST /api/v1/campaigns/{campaign_id}/disbursements``."""
        return campaigns.disburse(campaign=campaign, by=user, amount=points, reason=reason)


class DisbursementView(OpenView[Disbursement]):
    """Open a disbursement of a campaign.

    ``GET /api/v1/campaigns/{campaign_id}/disbursements/{disbursement_id}``
    """

    serializer_class = DisbursementSerializer
    finds = below(one_known, selectors.disbursements_of, "disbursement_id")


# --- staff ------------------------------------------------------------------------------------
class CommunityCampaignListView(ListView[Campaign]):
    """List a community's campaigns, newest first: ``GET /api/v1/communities/{code}/campaigns``.

    For everybody who belongs there.
    """

    serializer_class = CampaignSerializer
    filterset_class = CampaignInCommunityFilter
    finds = in_community(selectors.KNOWS, selectors.campaigns_in)

    @writes(
        CampaignSerializer,
        community(HANDLES),
        body=OpenCampaignSerializer,
        creates=selectors.campaigns_in,
    )
    def post(self, user: User, community: Community, **facts: Any) -> Campaign:
        """Open a campaign, as staff: ``POST /api/v1/communities/{code}/campaigns``."""
        return campaigns.open_campaign(community=community, by=user, **facts)


class CloseCampaignView(APIView):
    """Close a campaign, as staff: ``POST /api/v1/campaigns/{campaign_id}/close``.

    It takes no more points; those in its pool can still be spent.
    """

    @writes(CampaignSerializer, one_handled)
    def post(self, user: User, campaign: Campaign) -> Campaign:
        return campaigns.close_campaign(campaign=campaign, by=user)


class SponsorshipListView(ListView[Sponsorship]):
    """List merchants' gifts, newest first: ``GET /api/v1/communities/{code}/sponsorships``."""

    serializer_class = SponsorshipSerializer
    filterset_class = SponsorshipFilter
    finds = in_community(selectors.KNOWS, selectors.sponsorships_in)

    @writes(
        SponsorshipSerializer,
        community(HANDLES),
        body=SponsorSerializer,
        creates=selectors.sponsorships_in,
    )
    def post(
        self, user: User, community: Community, partnership_id: UUID, **facts: Any
    ) -> Sponsorship:
        """Record a merchant's gift, as staff.

        ``POST /api/v1/communities/{code}/sponsorships``. A gift that is only promised is refused
        (``given_later``).
        """
        partnership = get_object_or_404(partners_in(community), pk=partnership_id)
        return campaigns.sponsor(partnership=partnership, by=user, **facts)


class SponsorshipView(OpenView[Sponsorship]):
    """Open a merchant's gift.

    ``GET /api/v1/communities/{code}/sponsorships/{sponsorship_id}``
    """

    serializer_class = SponsorshipSerializer
    finds = in_community(selectors.KNOWS, selectors.sponsorships_in, "sponsorship_id")
