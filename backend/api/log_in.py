"""Logging in with WeChat, beside django-allauth's own ways and as one of them."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.headless.base.response import AuthenticationResponse
from allauth.headless.base.views import APIView
from allauth.headless.internal.restkit import inputs
from django.http import HttpRequest, HttpResponse

from backend.accounts.services import people
from backend.api.exceptions import http_problem, problem_of
from backend.errors import Refusal, Unavailable
from backend.wechat import client


class WeChatLogInInput(inputs.Input):  # type: ignore[misc]  # allauth is untyped
    code = inputs.CharField(max_length=128)


class WeChatLogInView(APIView):  # type: ignore[misc]  # allauth is untyped
    """The mini-program sends what ``wx.login`` gave it: ``POST /_allauth/app/v1/auth/wechat``.

    Whoever is new is put on record. The answer is that of any log-in, a second factor included.
    Refused with ``wechat_code_invalid``, ``wechat_user_blocked``, ``wechat_unavailable``.
    """

    input_class = WeChatLogInInput

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            sender = client.code2session(self.input.cleaned_data["code"])
        except Refusal as refusal:
            body = problem_of(refusal)
            assert body is not None
            answer = http_problem(body)
            if isinstance(refusal, Unavailable):
                answer["Retry-After"] = str(refusal.retry_after_seconds)
            return answer
        user = people.known_by_wechat(openid=sender.openid, unionid=sender.unionid)
        record_authentication(request, user, method="wechat")
        response = perform_login(request, user, email_verification="none")
        answered: HttpResponse = AuthenticationResponse.from_response(request, response)
        return answered
