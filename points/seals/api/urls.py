from django.urls import path

from points.seals.api import views as seals

urlpatterns = [
    path("communities/<str:code>/seals", seals.SealListView.as_view(), name="seals"),
    path("communities/<str:code>/seals/<int:number>", seals.SealView.as_view()),
    path(
        "communities/<str:code>/audit-entries/<uuid:entry_id>/proof",
        seals.AuditEntryProofView.as_view(),
    ),
]
