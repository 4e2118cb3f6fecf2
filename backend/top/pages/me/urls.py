"""Addresses of a volunteer's pages: ``/me/``."""

from django.urls import path

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages.base import page
from backend.top.pages.me import home
from backend.top.pages.rooms import token

urlpatterns = [
    page("", home.HomeView, "me"),
    path("token", token, name="me-token"),
    path(
        "manifest.webmanifest",
        throttled(PublicThrottle)(home.Manifest.as_view()),
        name="me-manifest",
    ),
    path("worker.js", throttled(PublicThrottle)(home.Worker.as_view()), name="me-worker"),
]
