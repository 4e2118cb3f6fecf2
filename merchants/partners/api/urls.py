from django.urls import path

from merchants.partners.api import increases, listings, members, partnerships
from merchants.partners.models.listings import Listing

PARTNERSHIP = "partnerships/<uuid:partnership_id>"
MERCHANT = "merchants/<uuid:merchant_id>"
TERMS = f"{PARTNERSHIP}/terms/<uuid:terms_id>"
CLERK = f"{MERCHANT}/clerks/<uuid:member_id>"
INVITATION = f"{MERCHANT}/invitations/<uuid:invitation_id>"

urlpatterns = [
    path("shops", partnerships.ShopListView.as_view()),
    path(
        "communities/<slug:code>/partnerships", partnerships.CommunityPartnershipListView.as_view()
    ),
    path(f"{MERCHANT}/partnerships", partnerships.MerchantPartnershipListView.as_view()),
    path(PARTNERSHIP, partnerships.PartnershipView.as_view()),
    path(f"{PARTNERSHIP}/answer", partnerships.AnswerPartnershipView.as_view()),
    path(f"{PARTNERSHIP}/status", partnerships.PartnershipStatusView.as_view()),
    path(f"{PARTNERSHIP}/terms", partnerships.TermsListView.as_view()),
    path(TERMS, partnerships.TermsView.as_view()),
    path(f"{TERMS}/withdraw", partnerships.WithdrawTermsView.as_view()),
    path(f"{PARTNERSHIP}/invitations", partnerships.FirstOwnerView.as_view()),
    path("communities/<slug:code>/increases", increases.IncreaseListView.as_view()),
    path("communities/<slug:code>/increase-limit", increases.AloneLimitView.as_view()),
    path("increases/<uuid:increase_id>", increases.IncreaseView.as_view()),
    path("increases/<uuid:increase_id>/decision", increases.IncreaseDecisionView.as_view()),
    path("merchants", members.WorkplaceListView.as_view()),
    path(MERCHANT, members.WorkplaceView.as_view()),
    path(f"{MERCHANT}/clerks", members.ClerkListView.as_view()),
    path(CLERK, members.ClerkView.as_view()),
    path(f"{CLERK}/dismiss", members.DismissView.as_view()),
    path(f"{MERCHANT}/invitations", members.InvitationListView.as_view()),
    path(INVITATION, members.InvitationView.as_view()),
    path(f"{INVITATION}/revoke", members.RevokeInvitationView.as_view()),
    path("invitations/look", members.LookAtInvitationView.as_view()),
    path("invitations/accept", members.AcceptInvitationView.as_view()),
    path("invitations/accept-as-new", members.AcceptInvitationAsNewView.as_view()),
]

for word, kind in (("needs", Listing.Kind.NEED), ("resources", Listing.Kind.RESOURCE)):
    one, of = f"{word}/<uuid:listing_id>", {"kind": kind}
    urlpatterns += [
        path(word, listings.ListingListView.as_view(), of),
        path(f"communities/<slug:code>/{word}", listings.CommunityListingListView.as_view(), of),
        path(f"{PARTNERSHIP}/{word}", listings.PartnershipListingListView.as_view(), of),
        path(one, listings.ListingView.as_view(), of),
        path(f"{one}/close", listings.ListingCloseView.as_view(), of),
        path(f"{one}/matches", listings.MatchListView.as_view(), of),
        path(f"{one}/matches/<uuid:match_id>", listings.MatchView.as_view(), of),
        path(f"{one}/matches/<uuid:match_id>/end", listings.EndMatchView.as_view(), of),
    ]
