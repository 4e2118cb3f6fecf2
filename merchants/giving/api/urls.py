from django.urls import path

from merchants.giving.api import campaigns as causes
from merchants.giving.api import wishes

urlpatterns = [
    path("me/wishes", wishes.MyWishListView.as_view()),
    path("me/wishes/<uuid:wish_id>/withdraw", wishes.MyWishWithdrawView.as_view()),
    path("me/wishes/<uuid:wish_id>/thanks", wishes.MyWishThanksView.as_view()),
    path("wishes", wishes.WishListView.as_view()),
    path("wishes/<uuid:wish_id>/adopt", wishes.AdoptView.as_view()),
    path("wishes/<uuid:wish_id>/release", wishes.ReleaseView.as_view()),
    path("wishes/<uuid:wish_id>/decision", wishes.WishDecisionView.as_view()),
    path("communities/<slug:code>/wishes", wishes.CommunityWishListView.as_view()),
    path("merchants/<uuid:merchant_id>/wishes", wishes.MerchantWishListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/wishes/<uuid:wish_id>/adopt",
        wishes.MerchantAdoptView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/wishes/<uuid:wish_id>/release",
        wishes.MerchantReleaseView.as_view(),
    ),
    path("causes", causes.CauseListView.as_view()),
    path("causes/<uuid:cause_id>/gifts", causes.GiveView.as_view()),
    path("causes/<uuid:cause_id>/spendings", causes.SpendingListView.as_view()),
    path("causes/<uuid:cause_id>/close", causes.CloseCauseView.as_view()),
    path("me/gifts", causes.MyGiftListView.as_view()),
    path("communities/<slug:code>/causes", causes.OpenCauseView.as_view()),
    path("communities/<slug:code>/sponsorships", causes.SponsorshipListView.as_view()),
]
