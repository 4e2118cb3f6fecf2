"""A volunteer's pages: notices."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
