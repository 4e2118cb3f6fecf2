from django.urls import path

from points.expiry.api import views as expiry

urlpatterns = [
    path("communities/<str:code>/expiry", expiry.ExpiryView.as_view()),
    path("communities/<str:code>/expiry/policies", expiry.ExpiryPolicyView.as_view()),
]
