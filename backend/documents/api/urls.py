from django.urls import path

from backend.documents.api import documents

urlpatterns = [
    path("communities/<str:code>/documents/<uuid:document_id>", documents.DocumentView.as_view()),
]
