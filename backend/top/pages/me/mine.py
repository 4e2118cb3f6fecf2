"""A volunteer's pages: mine."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
