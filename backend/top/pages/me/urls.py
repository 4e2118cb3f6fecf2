"""Addresses of a volunteer's pages: ``/me/``."""

from django.urls import include, path

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages.base import page
from backend.top.pages.me import home
from backend.top.pages.rooms import token

_counted = throttled(PublicThrottle)

urlpatterns = [
    page("", home.HomeView, "me"),
    path("token", token, name="me-token"),
    path("manifest.webmanifest", _counted(home.Manifest.as_view()), name="me-manifest"),
    path("worker.js", _counted(home.Worker.as_view()), name="me-worker"),
    *(path("", include(f"backend.top.pages.me.{area}")) for area in home.AREAS),
]
