"""Addresses of a clerk's pages: ``/scan/``."""

from django.urls import path

from backend.api.throttling import PublicThrottle, throttled
from backend.top.pages.base import page
from backend.top.pages.rooms import token
from backend.top.pages.scan import counter

urlpatterns = [
    page("", counter.CounterView, "scan"),
    path("token", token, name="scan-token"),
    path(
        "manifest.webmanifest",
        throttled(PublicThrottle)(counter.Manifest.as_view()),
        name="scan-manifest",
    ),
    path("worker.js", throttled(PublicThrottle)(counter.Worker.as_view()), name="scan-worker"),
]
