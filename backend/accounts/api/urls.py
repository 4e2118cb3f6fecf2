from django.urls import path

from backend.accounts.api import views

# ``me`` tells of roles as well and is in backend/communities/api/urls.py.
urlpatterns = [path("me/phone", views.MyPhoneView.as_view())]
