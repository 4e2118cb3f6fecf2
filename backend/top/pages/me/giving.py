"""A volunteer's pages: giving."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
