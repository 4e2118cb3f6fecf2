"""What allauth asks us: nobody signs up alone."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils import timezone

from backend.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """People are enrolled by their community (or, later, by WeChat), not by a sign-up form."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def set_password(self, user: User, password: str) -> None:
        """Access tokens handed out under the old password end with it."""
        user.tokens_valid_from = timezone.now()
        super().set_password(user, password)
