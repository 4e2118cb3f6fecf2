"""All addresses: public pages, the operator's, log-in (django-allauth), and the API."""

from collections.abc import Iterator

from allauth.headless.account import views as account
from allauth.headless.base.views import ConfigView
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from allauth.headless.tokens import views as tokens
from allauth.headless.usersessions import views as sessions
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from backend.api import log_in
from backend.api.documents import LabelListView, document, openapi
from backend.api.health import healthz, readyz
from backend.api.throttling import LogInThrottle, PublicThrottle, SessionThrottle, throttled

Pattern = URLPattern | URLResolver

APIS = [
    "merchants.urls",  # the counter's comes first: addresses are looked through in their order
    "backend.accounts.api.urls",
    "backend.communities.api.urls",
    "backend.outbox.api",
    "backend.notices.api",
    "backend.documents.api",
    "backend.events.api",
    "backend.payouts.api",
    "backend.sampling.api",
    "backend.verification.api",
    "points.urls",
    "volunteers.urls",
    "backend.privacy.api",
]

# The part of django-allauth that people log in with here. The rest is about e-mail addresses and
# phones, of which it would keep its own and write to them; nobody has any there.
# Each is throttled by address, because a session is looked up before it is known to exist.
LOG_IN = [
    path(
        f"app/v1/{address}",
        throttled(throttle)(log_in.with_sound_body(view.as_api_view(client=Client.APP))),
    )
    for address, view, throttle in [
        ("config", ConfigView, PublicThrottle),
        ("auth/login", log_in.LogInView, LogInThrottle),
        ("auth/wechat", log_in.WeChatLogInView, LogInThrottle),
        ("auth/session", account.SessionView, SessionThrottle),
        ("auth/sessions", sessions.SessionsView, SessionThrottle),
        ("auth/reauthenticate", log_in.ReauthenticateView, LogInThrottle),
        ("auth/2fa/authenticate", log_in.SecondFactorView, LogInThrottle),
        ("auth/2fa/reauthenticate", log_in.SecondFactorAgainView, LogInThrottle),
        ("tokens/refresh", tokens.RefreshTokenView, SessionThrottle),
        ("account/password/change", log_in.ChangePasswordView, LogInThrottle),
        ("account/authenticators", mfa.AuthenticatorsView, SessionThrottle),
        ("account/authenticators/totp", mfa.ManageTOTPView, SessionThrottle),
        ("account/authenticators/recovery-codes", mfa.ManageRecoveryCodesView, SessionThrottle),
    ]
]


def by_first_word(patterns: list[Pattern]) -> list[Pattern]:
    """Return the addresses below ``patterns``, those with the same first word together.

    Django looks through addresses one by one, and of 300 that was a tenth of what a request costs.
    Those that begin alike stay in their order.
    """
    found: dict[str, list[Pattern]] = {}
    for route, one in _each(patterns):
        word, slash, rest = route.partition("/")
        view = path(rest if slash else word, one.callback, one.default_args, one.name)
        found.setdefault(word + slash, []).append(view)
    return [
        one
        for begin, views in found.items()
        for one in ([path(begin, include(views))] if begin.endswith("/") else views)
    ]


def _each(patterns: list[Pattern], begin: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every address below ``patterns``, with its whole route."""
    for one in patterns:
        route = f"{begin}{one.pattern}"
        if isinstance(one, URLResolver):
            yield from _each(one.url_patterns, route)
        else:
            yield route, one


urlpatterns = [
    path("", include("backend.top.pages.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("_allauth/", include((LOG_IN, "headless"))),
    path("api/v1/schema", throttled(PublicThrottle)(document(openapi)), name="schema"),
    path(
        "api/v1/docs",
        SpectacularSwaggerSplitView.as_view(template_name="pages/docs.html"),
        name="docs",
    ),
    path("api/v1/labels", LabelListView.as_view()),
    path("api/v1/", include(by_first_word([path("", include(api)) for api in APIS]))),
]

handler400 = "backend.api.exceptions.request_error"
handler403 = "backend.api.exceptions.request_error"
handler404 = "backend.api.exceptions.request_error"
handler500 = "backend.api.exceptions.server_error"
