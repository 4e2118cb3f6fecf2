from django.urls import path

from merchants.giving.api import campaigns, wishes

urlpatterns = [
    path("me/wishes", wishes.MyWishListView.as_view()),
    path("me/wishes/<uuid:wish_id>", wishes.MyWishView.as_view()),
    path("me/wishes/<uuid:wish_id>/withdraw", wishes.MyWishWithdrawView.as_view()),
    path("me/wishes/<uuid:wish_id>/thanks", wishes.MyWishThanksView.as_view()),
    path("wishes", wishes.WishListView.as_view()),
    path("wishes/<uuid:wish_id>", wishes.WishView.as_view()),
    path("wishes/<uuid:wish_id>/adopt", wishes.AdoptView.as_view()),
    path("wishes/<uuid:wish_id>/release", wishes.ReleaseView.as_view()),
    path("wishes/<uuid:wish_id>/decision", wishes.WishDecisionView.as_view()),
    path("communities/<slug:code>/wishes", wishes.CommunityWishListView.as_view()),
    path("merchants/<uuid:merchant_id>/wishes", wishes.MerchantWishListView.as_view()),
    path("campaigns", campaigns.CampaignListView.as_view()),
    path("campaigns/<uuid:campaign_id>", campaigns.CampaignView.as_view()),
    path("campaigns/<uuid:campaign_id>/donations", campaigns.DonateView.as_view()),
    path("campaigns/<uuid:campaign_id>/disbursements", campaigns.DisbursementListView.as_view()),
    path(
        "campaigns/<uuid:campaign_id>/disbursements/<uuid:disbursement_id>",
        campaigns.DisbursementView.as_view(),
    ),
    path("campaigns/<uuid:campaign_id>/close", campaigns.CloseCampaignView.as_view()),
    path("me/donations", campaigns.MyDonationListView.as_view()),
    path("me/donations/<uuid:donation_id>", campaigns.MyDonationView.as_view()),
    path("communities/<slug:code>/campaigns", campaigns.CommunityCampaignListView.as_view()),
    path("communities/<slug:code>/sponsorships", campaigns.SponsorshipListView.as_view()),
    path(
        "communities/<slug:code>/sponsorships/<uuid:sponsorship_id>",
        campaigns.SponsorshipView.as_view(),
    ),
]
