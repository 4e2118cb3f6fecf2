"""WeChat's server API for the mini-program and for pages, as much of it as we use.

One thin function a call, which returns plain values or raises a refusal of errors.py. What passes
through here (codes, openids, session keys, tokens, phones) is never logged. Source:
shared/WECHAT.md, sections 1 and 4.
"""

import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from django.conf import settings
from django.core.cache import cache as shared
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from backend.wechat.errors import (
    WeChatCodeInvalid,
    WeChatMessageRefused,
    WeChatNotAccepted,
    WeChatSendsAlready,
    WeChatUnanswered,
    WeChatUnavailable,
    WeChatUserAway,
    WeChatUserBlocked,
)

logger = logging.getLogger(__name__)

CODE_INVALID = {40029, 40163}  # unknown or too old; used already
USER_BLOCKED = 40226
USER_AWAY = {40003, 61010}  # not a person of ours; not in the mini-program for two hours
TOKEN_INVALID = {40001, 40014, 42001}
BUSY = -1
NOT_ACCEPTED = {43101, 43107}  # no accept left, or withdrawn; banned
SENDS_ALREADY = 43108
# The template, the page, a value; a word that nobody may send.
MESSAGE_REFUSED = {40037, 41030, 47003, 45168}
FIELD = re.compile(r"data\.(\w+)")  # the one that is wrong, in an errmsg
SCENE_FORUM = 3  # what others will read
NOT_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout)
TEXT_AT_MOST = 2_500  # characters of one check
TOKEN_KEY = "wechat:access_token"  # noqa: S105
TOKEN_SPARE_SECONDS = 300  # a token is good for so long after WeChat has made the next


@dataclass(frozen=True)
class Identity:
    """The person behind a code; ``unionid`` is "" unless the account has an open platform's."""

    openid: str
    unionid: str


class _Busy(Exception):
    """The error of WeChat being busy."""


def code2session(code: str) -> Identity:
    """Return the person of a ``wx.login`` code. The session key is not needed and not read.

    Raises WeChatCodeInvalid, WeChatUserBlocked, WeChatUnavailable.
    """
    answer = _call(
        "GET",
        "/sns/jscode2session",
        params={
            "appid": settings.WECHAT_APP_ID,
            "secret": settings.WECHAT_SECRET,
            "js_code": code,
            "grant_type": "authorization_code",
        },
    )
    return Identity(openid=_text(answer, "openid"), unionid=str(answer.get("unionid") or ""))


def identity_on_page(*, appid: str, secret: str, code: str) -> Identity:
    """Return the person of a code with which WeChat led their browser back to our page.

    The openid is another than the mini-program's. The unionid is asked for where the person agreed
    to tell their profile, of which nothing else is kept. Raises WeChatCodeInvalid,
    WeChatUserBlocked, WeChatUnavailable.
    """
    answer = _call(
        "GET",
        "/sns/oauth2/access_token",
        params={
            "appid": appid,
            "secret": secret,
            "code": code,
            "grant_type": "authorization_code",
        },
    )
    openid, unionid = _text(answer, "openid"), answer.get("unionid")
    if not unionid and "snsapi_userinfo" in str(answer.get("scope")):
        asked = {"access_token": _text(answer, "access_token"), "openid": openid, "lang": "zh_CN"}
        unionid = _call("GET", "/sns/userinfo", params=asked).get("unionid")
    return Identity(openid=openid, unionid=str(unionid or ""))


@dataclass(frozen=True)
class PhoneNumber:
    """A ``number`` of ``country``, its calling code: "86", or None if WeChat tells none."""

    country: str | float | None
    number: str


def phone_number(code: str) -> PhoneNumber:
    """Return the phone number of a ``getPhoneNumber`` code.

    Raises WeChatCodeInvalid, WeChatUnavailable.
    """
    answer = _call_with_token("/wxa/business/getuserphonenumber", {"code": code})
    told = answer.get("phone_info")
    told = told if isinstance(told, dict) else {}
    country = told.get("countryCode")
    return PhoneNumber(
        country=country if isinstance(country, str | float | int) else None,
        number=_text(told, "purePhoneNumber"),
    )


def check_text(openid: str, text: str) -> str:
    """Return WeChat's opinion of what a person wrote: ``pass``, ``review`` or ``risky``.

    Raises WeChatUserAway, WeChatUnavailable.
    """
    about = {"version": 2, "openid": openid, "scene": SCENE_FORUM, "content": text[:TEXT_AT_MOST]}
    answer = _call_with_token("/wxa/msg_sec_check", about)
    result = answer.get("result")
    return _text(result if isinstance(result, dict) else {}, "suggest")


def check_photo(openid: str, url: str) -> str:
    """Let WeChat look at a person's photo, which it fetches. Returns the id of its coming verdict.

    Raises WeChatUserAway, WeChatUnavailable.
    """
    about = {"version": 2, "openid": openid, "scene": SCENE_FORUM, "media_type": 2}
    answer = _call_with_token("/wxa/media_check_async", about | {"media_url": url})
    return _text(answer, "trace_id")


def send_message(
    *, openid: str, template_id: str, page: str, values: dict[str, str], language: str
) -> None:
    """Send a subscribe message, for which the person's accept is spent.

    Raises WeChatNotAccepted, WeChatSendsAlready, WeChatMessageRefused, WeChatUserAway,
    WeChatUnanswered if it may have been sent, WeChatUnavailable if it was not.
    """
    about: dict[str, Any] = {
        "touser": openid,
        "template_id": template_id,
        "data": {field: {"value": value} for field, value in values.items()},
        "miniprogram_state": "formal",
        "lang": "zh_CN" if language.startswith("zh") else "en_US",
    }
    _call_with_token("/cgi-bin/message/subscribe/send", about | ({"page": page} if page else {}))


def access_token(*, renew: bool = False) -> str:
    """Return the mini-program's one token, shared by all processes while Redis is there.

    Without Redis each call asks WeChat, which answers with the same token.
    """
    token: str | None = None if renew else shared.get(TOKEN_KEY)
    if token is None:
        asked = {
            "grant_type": "client_credential",
            "appid": settings.WECHAT_APP_ID,
            "secret": settings.WECHAT_SECRET,
            "force_refresh": renew,
        }
        try:
            answer = _call("POST", "/cgi-bin/stable_token", json=asked)
        except WeChatUnanswered:  # nothing that the token is for was asked yet
            raise WeChatUnavailable from None
        token = _text(answer, "access_token")
        expires_in = answer.get("expires_in")
        if not isinstance(expires_in, int):
            raise WeChatUnavailable
        if expires_in > TOKEN_SPARE_SECONDS:
            shared.set(TOKEN_KEY, token, expires_in - TOKEN_SPARE_SECONDS)
    return token


def _call_with_token(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call with our access token, and once more with a new one if WeChat refuses it."""
    for renew in (False, True):
        with suppress(_TokenRefused):
            token = access_token(renew=renew)
            return _call("POST", path, params={"access_token": token}, json=body)
    raise WeChatUnavailable


class _TokenRefused(WeChatUnavailable):
    """The refusal of an access token or, in a call without one, of the secret."""


def _call(method: str, path: str, **sent: Any) -> dict[str, Any]:
    """Call WeChat and return its answer, retrying where that can do no harm.

    A request that may have arrived is not repeated: a code works once.
    """
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type((*NOT_ARRIVED, _Busy)),
            stop=stop_after_attempt(3),
            wait=wait_exponential(multiplier=0.1, max=1),
            reraise=True,
        ):
            with attempt:
                return _sound(_client().request(method, path, **sent), path)
    except (httpx.HTTPError, _Busy) as error:
        logger.warning("WeChat %s: %s", path, type(error).__name__)
        if isinstance(error, (*NOT_ARRIVED, _Busy)):
            raise WeChatUnavailable from None
        raise WeChatUnanswered from None
    raise AssertionError("tenacity either returns or raises")


def _sound(response: httpx.Response, path: str) -> dict[str, Any]:
    """Return the answer if it has no error. Raises our refusal for the error."""
    try:
        answer = response.json() if response.status_code == 200 else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        logger.warning("WeChat %s: unreadable answer, status %s", path, response.status_code)
        raise WeChatUnanswered
    errcode = answer.get("errcode") or 0
    if not isinstance(errcode, int):
        logger.warning("WeChat %s: an errcode that is no number", path)
        raise WeChatUnanswered
    if errcode == 0:
        return answer
    if errcode in CODE_INVALID:
        raise WeChatCodeInvalid
    if errcode == USER_BLOCKED:
        raise WeChatUserBlocked
    if errcode in USER_AWAY:
        raise WeChatUserAway
    if errcode in TOKEN_INVALID:
        raise _TokenRefused
    if errcode == BUSY:
        raise _Busy
    if errcode in NOT_ACCEPTED:
        raise WeChatNotAccepted
    if errcode == SENDS_ALREADY:
        raise WeChatSendsAlready
    logger.warning("WeChat %s: errcode %s", path, errcode)
    if errcode in MESSAGE_REFUSED:
        field = FIELD.search(str(answer.get("errmsg")))
        raise WeChatMessageRefused(errcode=errcode, field=field[1] if field else "")
    raise WeChatUnavailable


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        logger.warning("WeChat: an answer without %s", name)
        raise WeChatUnavailable
    return value


@cache
def _client() -> httpx.Client:
    """Return the process's one connection pool. Not used before a worker forks."""
    return httpx.Client(
        base_url=settings.WECHAT_API_BASE, timeout=httpx.Timeout(settings.WECHAT_TIMEOUT_SECONDS)
    )
