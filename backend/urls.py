"""Every address: the public's pages, the operator's, log-in (django-allauth), and the API."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from backend.api.health import healthz, readyz
from backend.api.throttling import PublicThrottle

API_APPS = [
    "backend.accounts",
    "backend.communities",
    "backend.notices",
    "points",
    "volunteers",
    "merchants",
]

urlpatterns = [
    path("", include("backend.board.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("_allauth/", include("allauth.headless.urls")),
    path(
        "api/v1/schema",
        SpectacularJSONAPIView.as_view(throttle_classes=[PublicThrottle]),
        name="schema",
    ),
    path("api/v1/docs", SpectacularSwaggerView.as_view(), name="docs"),
    *(path("api/v1/", include(f"{app}.api.urls")) for app in API_APPS),
]

handler400 = "backend.api.exceptions.request_error"
handler403 = "backend.api.exceptions.request_error"
handler404 = "backend.api.exceptions.request_error"
handler500 = "backend.api.exceptions.server_error"
