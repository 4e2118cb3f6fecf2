from django.urls import path

from backend.api.code_pictures import code_pictures
from backend.people.api import views

urlpatterns = [
    path("communities/<str:code>/people", views.PersonListView.as_view()),
    path("communities/<str:code>/people/<uuid:user_id>", views.PersonView.as_view()),
    path(
        "communities/<str:code>/people/<uuid:user_id>/reset-authenticator",
        views.ResetAuthenticatorView.as_view(),
    ),
    path("communities/<str:code>/people/<uuid:user_id>/alike", views.AlikeListView.as_view()),
    path("communities/<str:code>/people/<uuid:user_id>/suspensions", views.SuspendView.as_view()),
    path(
        "communities/<str:code>/people/<uuid:user_id>/log-in-changes",
        views.ProposeLogInChangeView.as_view(),
    ),
    path(
        "communities/<str:code>/people/<uuid:user_id>/log-in-links",
        views.MakeLogInLinkView.as_view(),
    ),
    path("log-in-links/<uuid:log_in_link_id>", views.LogInLinkView.as_view()),
    path("log-in-links/<uuid:log_in_link_id>/revoke", views.RevokeLogInLinkView.as_view()),
    *code_pictures("log-in-links/<uuid:log_in_link_id>", views.LogInLinkPictureView),
    path("communities/<str:code>/people/<uuid:user_id>/merges", views.ProposeMergeView.as_view()),
    path("communities/<str:code>/suspensions", views.SuspensionListView.as_view()),
    path("me/suspensions", views.MySuspensionListView.as_view()),
    path("suspensions/<uuid:suspension_id>", views.SuspensionView.as_view()),
    path("suspensions/<uuid:suspension_id>/lift", views.LiftSuspensionView.as_view()),
    path("communities/<str:code>/log-in-changes", views.LogInChangeListView.as_view()),
    path("log-in-changes/<uuid:log_in_change_id>", views.LogInChangeView.as_view()),
    path("log-in-changes/<uuid:log_in_change_id>/confirm", views.ConfirmLogInChangeView.as_view()),
    path("log-in-changes/<uuid:log_in_change_id>/reject", views.RejectLogInChangeView.as_view()),
    path("communities/<str:code>/merges", views.MergeListView.as_view()),
    path("merges/<uuid:merge_id>", views.MergeView.as_view()),
    path("merges/<uuid:merge_id>/confirm", views.ConfirmMergeView.as_view()),
    path("merges/<uuid:merge_id>/reject", views.RejectMergeView.as_view()),
]
