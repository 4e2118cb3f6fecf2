"""Addresses of the log-in to the rooms of people's pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
