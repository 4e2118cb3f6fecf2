from django.urls import path

from merchants.partners.api import increases, lists
from merchants.partners.api import members as clerks
from merchants.partners.api import partnerships as partners

urlpatterns = [
    path("list-entries", lists.ListEntryListView.as_view()),
    path("list-entries/<uuid:entry_id>/close", lists.ListEntryCloseView.as_view()),
    path("list-entries/<uuid:entry_id>/matches", lists.MatchView.as_view()),
    path("list-entries/<uuid:entry_id>/matches/<uuid:match_id>/end", lists.EndMatchView.as_view()),
    path("partners/<uuid:partnership_id>/list-entries", lists.PartnerListEntryListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>/list-entries",
        lists.MyListEntryListView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/list-entries/<uuid:entry_id>/close",
        lists.MyListEntryCloseView.as_view(),
    ),
    path("shops", partners.ShopListView.as_view()),
    path("communities/<slug:code>/partners", partners.CommunityPartnerListView.as_view()),
    path("partners/<uuid:partnership_id>", partners.PartnerView.as_view()),
    path("partners/<uuid:partnership_id>/state", partners.PartnerStateView.as_view()),
    path("partners/<uuid:partnership_id>/terms", partners.PartnerTermsView.as_view()),
    path(
        "partners/<uuid:partnership_id>/terms/<uuid:terms_id>/withdraw",
        partners.WithdrawTermsView.as_view(),
    ),
    path("partners/<uuid:partnership_id>/invitations", partners.PartnerInvitationView.as_view()),
    path("merchants/<uuid:merchant_id>/partnerships", partners.MyPartnershipListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>",
        partners.MyPartnershipView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>/answer",
        partners.AnswerPartnershipView.as_view(),
    ),
    path("communities/<slug:code>/increases", increases.IncreaseListView.as_view()),
    path("communities/<slug:code>/increase-limit", increases.AloneLimitView.as_view()),
    path("increases/<uuid:increase_id>/decision", increases.IncreaseDecisionView.as_view()),
    path("merchants/<uuid:merchant_id>/clerks", clerks.ClerkListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/clerks/<uuid:member_id>/dismiss", clerks.DismissView.as_view()
    ),
    path("merchants/<uuid:merchant_id>/invitations", clerks.InvitationListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/invitations/<uuid:invitation_id>/revoke",
        clerks.RevokeInvitationView.as_view(),
    ),
    path("invitations/accept", clerks.AcceptInvitationView.as_view()),
]
