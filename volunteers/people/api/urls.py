from django.urls import path

from volunteers.people.api import views as joining

urlpatterns = [
    # who want to be volunteers, and volunteers
    path("communities/<str:code>/join", joining.JoinView.as_view()),
    path("communities/<str:code>/leave", joining.LeaveView.as_view()),
    path("me/join-requests", joining.MyJoinRequestListView.as_view()),
    path(
        "me/join-requests/<uuid:join_request_id>/withdraw",
        joining.WithdrawJoinRequestView.as_view(),
    ),
    # staff
    path("communities/<str:code>/join-requests", joining.JoinRequestListView.as_view()),
    path("join-requests/<uuid:join_request_id>/approve", joining.ApproveJoinRequestView.as_view()),
    path("join-requests/<uuid:join_request_id>/reject", joining.RejectJoinRequestView.as_view()),
]
