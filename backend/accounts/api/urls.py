from django.urls import path

from backend.accounts.api import guardians, views

# ``me`` tells of roles as well: backend/communities/api/views.py, backend/privacy/api.py.
urlpatterns = [
    path("consents", views.ConsentTextListView.as_view()),
    path("me/consents", views.MyConsentListView.as_view()),
    path("me/consents/<str:purpose>", views.MyConsentView.as_view()),
    path("me/log-out-everywhere", views.LogOutEverywhereView.as_view()),
    path("me/guardian-code", guardians.MyGuardianCodeView.as_view()),
    path("me/guardians", guardians.MyGuardianListView.as_view()),
    path("me/guardians/<uuid:guardianship_id>", guardians.MyGuardianView.as_view()),
    path("me/children", guardians.MyChildListView.as_view()),
    path("me/children/<uuid:guardianship_id>", guardians.MyChildView.as_view()),
    path("me/phone", views.MyPhoneView.as_view()),
    path("setup", views.SetUpView.as_view()),
]
