from django.urls import path

from backend.communities.api import audit, views

# A community's own page, communities/{code}, tells of points and hours: volunteers/api/urls.py.
urlpatterns = [
    path("me", views.MeView.as_view()),
    path("communities", views.CommunityListView.as_view()),
    path("communities/<str:code>/audit-entries", audit.AuditEntryListView.as_view()),
]
