"""Our rules for allauth: nobody signs up alone, and we count the guesses."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
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

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the person with that username and password, if any. Raises TooManyAttempts."""
        tried = PasswordTry(credentials.get("username", ""), counted_as(request))
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            tried.was_right()
        return user

    def set_password(self, user: User, password: str) -> None:
        """Set the password, and end the access tokens handed out under the old one."""
        user.tokens_valid_from = timezone.now()
        super().set_password(user, password)
