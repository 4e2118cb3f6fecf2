"""Logging in: with a username, as people paste it, and with WeChat, as one of allauth's ways."""

import math
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.headless.account import views as account
from allauth.headless.account.inputs import LoginInput
from allauth.headless.base.response import AuthenticationResponse
from allauth.headless.base.views import APIView
from allauth.headless.internal.restkit import inputs
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import Throttled

from backend.accounts.services import people
from backend.api.exceptions import http_problem, problem_of
from backend.api.filters import WordsField
from backend.api.throttling import LogInThrottle
from backend.errors import Refusal, Unavailable
from backend.wechat import client


class LogInInput(LoginInput):  # type: ignore[misc]  # allauth is untyped
    """A username as it was pasted; the password stays as it is."""

    username = WordsField(required=False)  # allauth requires it where it is the way to log in


class LogInView(account.LoginView):  # type: ignore[misc]  # allauth is untyped
    input_class = LogInInput


class WeChatLogInInput(inputs.Input):  # type: ignore[misc]  # allauth is untyped
    code = inputs.CharField(max_length=128)


class WeChatLogInView(APIView):  # type: ignore[misc]  # allauth is untyped
    """The mini-program sends what ``wx.login`` gave it: ``POST /_allauth/app/v1/auth/wechat``.

    Whoever is new is put on record. The answer is that of any log-in, a second factor included.
    Refused with ``wechat_code_invalid``, ``wechat_user_blocked``, ``wechat_unavailable``, and
    ``throttled`` beyond 60 a minute from one address.
    """

    input_class = WeChatLogInInput

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        throttle = LogInThrottle()
        if not throttle.allow_request(request, self):  # type: ignore[arg-type]  # reads META alone
            return _refused(Throttled(), after_seconds=math.ceil(throttle.wait() or 1))
        handled: HttpResponseBase = super().handle(request, *args, **kwargs)
        return handled

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            sender = client.code2session(self.input.cleaned_data["code"])
        except Unavailable as refusal:
            return _refused(refusal, after_seconds=refusal.retry_after_seconds)
        except Refusal as refusal:
            return _refused(refusal)
        user = people.known_by_wechat(openid=sender.openid, unionid=sender.unionid)
        record_authentication(request, user, method="wechat")
        response = perform_login(request, user, email_verification="none")
        answered: HttpResponse = AuthenticationResponse.from_response(request, response)
        return answered


def _refused(reason: Exception, *, after_seconds: int | None = None) -> HttpResponse:
    """``after_seconds``: when it is worth another try."""
    body = problem_of(reason)
    assert body is not None
    answer = http_problem(body)
    if after_seconds is not None:
        answer["Retry-After"] = str(after_seconds)
    return answer
