"""Our rules for allauth: nobody signs up alone, and we count the guesses."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.internal.httpkit import is_headless_request
from django.http import HttpRequest
from django.utils import timezone

from backend.accounts.addresses import client_ip, counted_as
from backend.accounts.models import User
from backend.accounts.services.attempts import PasswordTry


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Adapter without sign-up: people are enrolled by their community or log in by WeChat."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request)

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # no address at all, such as ``http://[``
            return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the person with that username and password, if any. Raises TooManyAttempts."""
        tried = PasswordTry(credentials.get("username", ""), counted_as(request))
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            tried.was_right()
        return user

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Tell whether a password has to be typed again, if it is some time ago.

        In a browser that of the log-in counts: a second factor is set up right after it.
        """
        asked = bool(super().is_reauthentication_required(app=app, **kwargs))
        request = context.request
        if is_headless_request(request):
            return asked
        since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
        proofs = get_authentication_records(request, request.user)
        return asked and not any(p["method"] == "password" and p["at"] > since for p in proofs)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        template: str | None = None,
        *more: Any,
        **kwargs: Any,
    ) -> None:
        """Tell what was done, but not that somebody is logged in: they see it."""
        if template != "account/messages/logged_in.txt":
            super().add_message(request, level, template, *more, **kwargs)

    def set_password(self, user: User, password: str) -> None:
        """Set the password, and end the access tokens handed out under the old one."""
        user.tokens_valid_from = timezone.now()
        super().set_password(user, password)
