from django.urls import path

from volunteers.api.views import activities, attendances, communities, joining, reports

urlpatterns = [
    # everybody
    path("communities/<str:code>", communities.CommunityView.as_view()),
    path("communities/<str:code>/reports", reports.CommunityReportsView.as_view()),
    path("communities/<str:code>/reports/<uuid:report_id>", reports.PublicReportView.as_view()),
    # who want to be volunteers, and volunteers
    path("communities/<str:code>/join", joining.JoinView.as_view()),
    path("communities/<str:code>/leave", joining.LeaveView.as_view()),
    path("me/join-requests", joining.MyJoinRequestListView.as_view()),
    path(
        "me/join-requests/<uuid:join_request_id>/withdraw",
        joining.WithdrawJoinRequestView.as_view(),
    ),
    path("shifts", activities.OpenShiftListView.as_view()),
    path("shifts/<uuid:shift_id>/attendances", activities.SignUpView.as_view()),
    path("me/attendances", attendances.MyAttendanceListView.as_view()),
    path("me/attendances/<uuid:attendance_id>", attendances.MyAttendanceView.as_view()),
    path("me/attendances/<uuid:attendance_id>/check-in", attendances.CheckInView.as_view()),
    path("me/attendances/<uuid:attendance_id>/check-out", attendances.CheckOutView.as_view()),
    path("me/attendances/<uuid:attendance_id>/cancel", attendances.CancelView.as_view()),
    path("me/reports", reports.MyReportListView.as_view()),
    path("me/reports/<uuid:report_id>", reports.MyReportView.as_view()),
    path("me/reports/<uuid:report_id>/photo", reports.MyPhotoView.as_view()),
    # staff
    path("communities/<str:code>/join-requests", joining.JoinRequestListView.as_view()),
    path("join-requests/<uuid:join_request_id>/approve", joining.ApproveJoinRequestView.as_view()),
    path("join-requests/<uuid:join_request_id>/reject", joining.RejectJoinRequestView.as_view()),
    path("communities/<str:code>/activities", activities.ActivityListView.as_view()),
    path("activities/<uuid:activity_id>/shifts", activities.ShiftListView.as_view()),
    path("attendances", attendances.AttendanceListView.as_view()),
    path("attendances/<uuid:attendance_id>", attendances.AttendanceView.as_view()),
    path("attendances/<uuid:attendance_id>/verify", attendances.VerifyView.as_view()),
    path("attendances/<uuid:attendance_id>/reject", attendances.RejectView.as_view()),
    path("reports", reports.ReportListView.as_view()),
    path("reports/<uuid:report_id>", reports.ReportView.as_view()),
    path("reports/<uuid:report_id>/photo", reports.PhotoView.as_view()),
    path("reports/<uuid:report_id>/accept", reports.AcceptView.as_view()),
    path("reports/<uuid:report_id>/close", reports.CloseView.as_view()),
]
