"""Log-in to our pages by WeChat's web authorisation 网页授权, as django-allauth's Weixin provider
leads to it. Source: shared/WECHAT.md, section 4.

In WeChat's own browser it is the official account's, silent unless its scope asks for a profile;
in others it is the open platform's, whose page shows a QR code. Each has its own credentials.
"""

from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.weixin.client import WeixinOAuth2Client
from allauth.socialaccount.providers.weixin.provider import WeixinProvider
from allauth.socialaccount.providers.weixin.views import WeixinOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from backend.wechat.client import Identity, identity_on_page

CODE_AT_MOST = 128


@dataclass(frozen=True)
class Way:
    """A way to log in: where WeChat asks, as which app of ours, and for what."""

    path: str
    app_id: str
    secret: str
    scope: str


def is_in_wechat(request: HttpRequest) -> bool:
    """Tell whether the page is shown in WeChat's own browser."""
    return "MicroMessenger" in request.headers.get("User-Agent", "")


def way_of(request: HttpRequest) -> Way | None:
    """Return the way for this browser; None if the operator has none for it."""
    if is_in_wechat(request):
        way = Way(
            path="/connect/oauth2/authorize",
            app_id=settings.WECHAT_ACCOUNT_APP_ID,
            secret=settings.WECHAT_ACCOUNT_SECRET,
            scope=settings.WECHAT_ACCOUNT_SCOPE,
        )
    else:
        way = Way(
            path="/connect/qrconnect",
            app_id=settings.WECHAT_SITE_APP_ID,
            secret=settings.WECHAT_SITE_SECRET,
            scope="snsapi_login",
        )
    return way if way.app_id else None


def lead(request: HttpRequest, way: Way, *, back: str, then: str) -> HttpResponse:
    """Lead the browser to WeChat, which leads it to ``back``, an address of ours.

    The session keeps a state, so that only this browser can come back, and ``then``.
    """
    answer: HttpResponse = _Provider(request, way, back).redirect(request, "login", then)
    return answer


def come_back(request: HttpRequest, way: Way) -> tuple[Identity, str]:
    """Return who has come back from WeChat, and where they wanted to go.

    A code works once, for five minutes, and so does a state. Raises PermissionDenied if this
    browser was not led there, WeChatCodeInvalid, WeChatUserBlocked, WeChatUnavailable.
    """
    state = _Provider(request, way, "").unstash_redirect_state(request, request.GET.get("state"))
    identity = identity_on_page(
        appid=way.app_id, secret=way.secret, code=request.GET.get("code", "")[:CODE_AT_MOST]
    )
    return identity, state["next"]


class _Client(WeixinOAuth2Client):  # type: ignore[misc]  # allauth is untyped
    def get_redirect_url(self, *args: Any) -> str:
        return f"{super().get_redirect_url(*args)}#wechat_redirect"


class _Adapter(WeixinOAuth2Adapter):  # type: ignore[misc]
    """Adapter that asks WeChat where our settings say it is."""

    client_class = _Client

    def __init__(self, request: HttpRequest, way: Way, back: str) -> None:
        super().__init__(request)
        self._way, self._back = way, back

    @property
    def authorize_url(self) -> str:
        return f"{settings.WECHAT_OPEN_BASE}{self._way.path}"

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return request.build_absolute_uri(self._back)


class _Provider(WeixinProvider):  # type: ignore[misc]
    def __init__(self, request: HttpRequest, way: Way, back: str) -> None:
        super().__init__(
            request, SocialApp(provider=self.id, client_id=way.app_id, secret=way.secret)
        )
        self._way, self._back = way, back

    def get_default_scope(self) -> list[str]:
        return [self._way.scope]

    def get_oauth2_adapter(self, request: HttpRequest) -> _Adapter:
        return _Adapter(request, self._way, self._back)
