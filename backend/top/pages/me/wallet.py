"""A volunteer's pages: wallet."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
