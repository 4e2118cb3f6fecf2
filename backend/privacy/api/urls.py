from django.urls import path

from backend.privacy.api import erasure, exports

urlpatterns = [
    path("me", erasure.MeView.as_view()),
    path("me/keep", erasure.KeepView.as_view()),
    path("me/export", exports.MyExportView.as_view()),
    path("exports/<uuid:export_id>", exports.DownloadView.as_view()),
]
