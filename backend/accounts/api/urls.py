from django.urls import path

from backend.accounts.api import views

# ``me`` tells of roles as well and is in backend/communities/api/urls.py.
urlpatterns = [
    path("consents", views.ConsentTextListView.as_view()),
    path("me/consents", views.MyConsentListView.as_view()),
    path("me/consents/<str:purpose>", views.MyConsentView.as_view()),
    path("me/log-out-everywhere", views.LogOutEverywhereView.as_view()),
    path("me/phone", views.MyPhoneView.as_view()),
]
