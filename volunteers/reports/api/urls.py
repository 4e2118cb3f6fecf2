from django.urls import path

from volunteers.reports.api import reports

urlpatterns = [
    path("communities/<str:code>/reports", reports.CommunityReportsView.as_view()),
    path("communities/<str:code>/reports/<uuid:report_id>", reports.PublicReportView.as_view()),
    path("me/reports", reports.MyReportListView.as_view()),
    path("reports", reports.ReportListView.as_view()),
    path("reports/<uuid:report_id>", reports.ReportView.as_view()),
    path("reports/<uuid:report_id>/photo", reports.PhotoView.as_view()),
    path("reports/<uuid:report_id>/accept", reports.AcceptView.as_view()),
    path("reports/<uuid:report_id>/close", reports.CloseView.as_view()),
    path("reports/<uuid:report_id>/void", reports.VoidView.as_view()),
]
