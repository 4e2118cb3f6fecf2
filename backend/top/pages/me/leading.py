"""A volunteer's pages: leading."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
