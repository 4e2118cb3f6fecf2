"""Every address: the public's pages, the operator's, log-in (django-allauth), and the API."""

from allauth.headless.account import views as account
from allauth.headless.base.views import ConfigView
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from allauth.headless.tokens import views as tokens
from allauth.headless.usersessions import views as sessions
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from backend.api.health import healthz, readyz
from backend.api.log_in import WeChatLogInView
from backend.api.throttling import PublicThrottle

API_APPS = [
    "merchants",  # the counter's comes first: addresses are looked through in their order
    "backend.accounts",
    "backend.communities",
    "backend.notices",
    "backend.documents",
    "points",
    "volunteers",
    "backend.privacy",
]

# Of what django-allauth has, what people log in with here. The rest is about e-mail addresses and
# phones, of which it would keep its own and to which it would write; nobody has any with it.
LOG_IN = [
    path(f"app/v1/{address}", view.as_api_view(client=Client.APP))
    for address, view in {
        "config": ConfigView,
        "auth/login": account.LoginView,
        "auth/wechat": WeChatLogInView,
        "auth/session": account.SessionView,
        "auth/sessions": sessions.SessionsView,
        "auth/reauthenticate": account.ReauthenticateView,
        "auth/2fa/authenticate": mfa.AuthenticateView,
        "auth/2fa/reauthenticate": mfa.ReauthenticateView,
        "tokens/refresh": tokens.RefreshTokenView,
        "account/password/change": account.ChangePasswordView,
        "account/authenticators": mfa.AuthenticatorsView,
        "account/authenticators/totp": mfa.ManageTOTPView,
        "account/authenticators/recovery-codes": mfa.ManageRecoveryCodesView,
    }.items()
]

urlpatterns = [
    path("", include("backend.board.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path(
        "_allauth/",
        include(([*LOG_IN, path("", include("allauth.headless.spec.urls"))], "headless")),
    ),
    path(
        "api/v1/schema",
        SpectacularJSONAPIView.as_view(throttle_classes=[PublicThrottle]),
        name="schema",
    ),
    path(
        "api/v1/docs",
        SpectacularSwaggerSplitView.as_view(template_name="board/docs.html"),
        name="docs",
    ),
    *(path("api/v1/", include(f"{app}.api.urls")) for app in API_APPS),
]

handler400 = "backend.api.exceptions.request_error"
handler403 = "backend.api.exceptions.request_error"
handler404 = "backend.api.exceptions.request_error"
handler500 = "backend.api.exceptions.server_error"
