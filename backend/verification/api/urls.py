from django.urls import path

from backend.api.files import SHEETS, in_each_format
from backend.verification.api import exports, views

VERIFICATION = "communities/<str:code>/verifications/<uuid:verification_id>"

urlpatterns = [
    path("communities/<str:code>/verifications", views.VerificationListView.as_view()),
    path(VERIFICATION, views.VerificationView.as_view()),
    path(f"{VERIFICATION}/findings", views.VerificationFindingListView.as_view()),
    path("communities/<str:code>/findings", views.FindingListView.as_view()),
    *in_each_format("communities/<str:code>/findings", exports.FindingExportView, SHEETS),
    *in_each_format("communities/<str:code>/audit-entries", exports.AuditExportView, SHEETS),
    path("findings/<uuid:finding_id>", views.FindingView.as_view()),
    path("findings/<uuid:finding_id>/sign-off", views.SignOffView.as_view()),
    path("verifications/<uuid:verification_id>/stop", views.StopView.as_view()),
]
