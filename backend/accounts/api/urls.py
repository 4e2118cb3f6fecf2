"""No addresses: ``me`` tells of roles as well and is in backend/communities/api/urls.py."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
