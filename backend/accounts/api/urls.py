from django.urls import path

from backend.accounts.api import views

urlpatterns = [path("me", views.MeView.as_view())]
