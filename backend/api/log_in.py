"""Logging in: django-allauth's views with counted tries, and WeChat beside them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.headless.account import views as account
from allauth.headless.account.inputs import ChangePasswordInput, LoginInput
from allauth.headless.base.response import AuthenticationResponse
from allauth.headless.base.views import APIView
from allauth.headless.internal.restkit import inputs
from allauth.headless.internal.restkit.response import ErrorResponse
from allauth.headless.mfa import inputs as mfa_inputs
from allauth.headless.mfa import views as mfa
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ParseError

from backend.accounts.errors import TooManyAttempts
from backend.accounts.forms import GuessedCode, TypedCode, trying_password
from backend.accounts.mfa import use_up
from backend.accounts.services import people
from backend.api.exceptions import request_error
from backend.api.filters import WordsField
from backend.api.parsers import read_json
from backend.errors import Refusal
from backend.wechat import client

BODY_BYTES = 262_144  # whatever is sent to log in with is far shorter

View = Callable[..., HttpResponseBase]


def with_sound_body(view: View) -> View:
    """Hold bodies for django-allauth's views to our own standard: its parser lets through text and
    nesting that fail later, with 500. Raises RequestDataTooBig."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_BYTES:
            raise RequestDataTooBig("To log in")
        if request.body:
            try:
                read_json(request.body)
            except ParseError as exc:
                raise BadRequest(str(exc)) from exc
        return view(request, *args, **kwargs)

    return checked


class _Counted(APIView):  # type: ignore[misc]  # allauth is untyped
    """View that answers 429, in allauth's shape and with ``Retry-After``, if no try is left."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        except TooManyAttempts as refusal:
            reason = get_adapter().validation_error("too_many_login_attempts")
            answer = ErrorResponse(request, exception=reason, status=429)
            answer["Retry-After"] = str(refusal.retry_after_seconds)
        return answer


class LogInInput(LoginInput):  # type: ignore[misc]
    """A log-in whose username is tidied; the password stays as it is."""

    username = WordsField(required=False)  # allauth requires it where it is the way to log in


class LogInView(_Counted, account.LoginView):  # type: ignore[misc]
    input_class = LogInInput


class ReauthenticateView(_Counted, account.ReauthenticateView):  # type: ignore[misc]
    pass


class _ChangePasswordInput(ChangePasswordInput):  # type: ignore[misc]
    """A changed password, whose old one counts as a guess here as well."""

    def clean_current_password(self) -> str:
        with trying_password(self.user):
            password: str = super().clean_current_password()
        return password


class ChangePasswordView(_Counted, account.ChangePasswordView):  # type: ignore[misc]
    input_class = _ChangePasswordInput


class _AuthenticateInput(GuessedCode, mfa_inputs.AuthenticateInput):  # type: ignore[misc]
    pass


class _ReauthenticateInput(GuessedCode, mfa_inputs.ReauthenticateInput):  # type: ignore[misc]
    pass


class _ActivateTOTPInput(TypedCode, mfa_inputs.ActivateTOTPInput):  # type: ignore[misc]
    pass


class SecondFactorView(_Counted, mfa.AuthenticateView):  # type: ignore[misc]
    input_class = _AuthenticateInput


class SecondFactorAgainView(_Counted, mfa.ReauthenticateView):  # type: ignore[misc]
    input_class = _ReauthenticateInput


class AuthenticatorView(mfa.ManageTOTPView):  # type: ignore[misc]
    input_class: ClassVar = {"POST": _ActivateTOTPInput}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().post(request, *args, **kwargs)
        use_up(self.input.user.pk, self.input.cleaned_data["code"])
        return answer


class WeChatLogInInput(inputs.Input):  # type: ignore[misc]
    code = inputs.CharField(max_length=128)


class WeChatLogInView(APIView):  # type: ignore[misc]
    """Log in with a code of ``wx.login``: ``POST /_allauth/app/v1/auth/wechat``.

    New people are put on record. The answer is that of any log-in, a second factor included.
    Refused with ``wechat_code_invalid``, ``wechat_user_blocked``, ``wechat_unavailable``.
    """

    input_class = WeChatLogInInput

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            sender = client.code2session(self.input.cleaned_data["code"])
        except Refusal as refusal:
            return request_error(request, refusal)
        user = people.known_by_wechat(openid=sender.openid, unionid=sender.unionid)
        record_authentication(request, user, method="wechat")
        response = perform_login(request, user, email_verification="none")
        answered: HttpResponse = AuthenticationResponse.from_response(request, response)
        return answered
