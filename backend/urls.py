"""Every address: the public's pages, the operator's, log-in (django-allauth), and the API."""

from allauth.headless.account import views as account
from allauth.headless.base.views import ConfigView
from allauth.headless.constants import Client
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

# Of what django-allauth has, what people log in with here. The rest is about e-mail addresses and
# phones, of which it would keep its own and to which it would write; nobody has any with it.
LOG_IN = [
    path("app/v1/config", ConfigView.as_api_view(client=Client.APP)),
    path("app/v1/auth/login", account.LoginView.as_api_view(client=Client.APP)),
    path("app/v1/auth/session", account.SessionView.as_api_view(client=Client.APP)),
    path("app/v1/auth/reauthenticate", account.ReauthenticateView.as_api_view(client=Client.APP)),
    path(
        "app/v1/account/password/change", account.ChangePasswordView.as_api_view(client=Client.APP)
    ),
    path("", include("allauth.headless.spec.urls")),
]

urlpatterns = [
    path("", include("backend.board.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("_allauth/", include((LOG_IN, "headless"))),
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
