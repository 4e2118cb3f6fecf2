"""All addresses: public pages, the operator's, log-in (django-allauth), Open311, and the API."""

from collections.abc import Iterator

from allauth.headless.account import views as account
from allauth.headless.base.views import ConfigView
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from allauth.headless.tokens import views as tokens
from allauth.headless.usersessions import views as sessions
from django.urls import ResolverMatch, URLPattern, URLResolver, include, path
from django.urls.resolvers import RoutePattern
from drf_spectacular.views import SpectacularSwaggerSplitView

from backend.api import log_in
from backend.api.documents import LabelListView, openapi, served
from backend.api.health import healthz, readyz
from backend.api.throttling import LogInThrottle, PublicThrottle, SessionThrottle, throttled
from backend.metrics import metrics

Pattern = URLPattern | URLResolver

APIS = [
    "merchants.urls",  # the counter's comes first: addresses are looked through in their order
    "backend.accounts.api.urls",
    "backend.communities.api.urls",
    "backend.outbox.api",
    "backend.operating.api",
    "backend.notices.api.urls",
    "backend.notices.channels.wechat.api",
    "backend.people.api.urls",
    "backend.documents.api",
    "backend.imports.api",
    "backend.events.api",
    "backend.payouts.api",
    "backend.sampling.api",
    "backend.verification.api.urls",
    "backend.wechat.api",
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
        ("account/authenticators/totp", log_in.AuthenticatorView, SessionThrottle),
        ("account/authenticators/recovery-codes", mfa.ManageRecoveryCodesView, SessionThrottle),
    ]
]


class LookedUp(URLResolver):
    """The addresses below ``begin``, looked up: whole, or by the words that they begin with.

    Django looks through addresses one by one, and of 300 that was a tenth of what a request costs.
    Those that begin alike stay in their order.
    """

    def __init__(self, begin: str, patterns: list[Pattern]) -> None:
        super().__init__(RoutePattern(begin), patterns)
        self._begin = begin
        self._by: dict[str, URLResolver] = {}
        for route, one in _each(patterns):
            key = _beginning(route) if "<" in route else route
            narrow = self._by.setdefault(key, URLResolver(RoutePattern(begin), []))
            narrow.url_patterns.append(path(route, one.callback, one.default_args, one.name))

    def resolve(self, path: str) -> ResolverMatch:
        asked = str(path).removeprefix(self._begin)
        narrow = self._by.get(asked) or self._by.get(_beginning(asked))
        return narrow.resolve(path) if narrow else super().resolve(path)


def _beginning(route: str) -> str:
    """Return the first word of an address, and of what a place has the third."""
    first, *rest = route.split("/")
    third = rest[1] if first == "communities" and len(rest) > 1 else ""
    return f"{first}/{third}"


def _each(patterns: list[Pattern], begin: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every address below ``patterns``, with its whole route."""
    for one in patterns:
        route = f"{begin}{one.pattern}"
        if isinstance(one, URLResolver):
            yield from _each(one.url_patterns, route)
        else:
            yield route, one


urlpatterns = [
    LookedUp("api/v1/", [path("", include(api)) for api in APIS]),
    path("", include("backend.top.pages.urls")),
    path("console/account", include("backend.top.console.account.urls")),
    path("console/", include("backend.top.console.urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("_allauth/", include((LOG_IN, "headless"))),
    path("api/v1/schema", throttled(PublicThrottle)(served(openapi)), name="schema"),
    path(
        "api/v1/docs",
        SpectacularSwaggerSplitView.as_view(template_name="pages/docs.html"),
        name="docs",
    ),
    path("api/v1/labels", LabelListView.as_view()),
    path("open311/v2/", include("volunteers.reports.api.open311.urls")),
]

handler400 = "backend.api.exceptions.request_error"
handler403 = "backend.api.exceptions.request_error"
handler404 = "backend.api.exceptions.request_error"
handler500 = "backend.api.exceptions.server_error"
