"""What allauth asks us: nobody signs up alone."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """People are enrolled by their community (or, later, by WeChat), not by a sign-up form."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
