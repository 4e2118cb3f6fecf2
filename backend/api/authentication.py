"""Who is asking: the session token that logging in at /_allauth/app/v1/auth/login returned."""

from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.http import HttpRequest
from rest_framework.request import Request


class SessionTokenAuthentication(XSessionTokenAuthentication):  # type: ignore[misc]
    """``X-Session-Token: <token>``. An unknown or expired token, or one of somebody who has been
    made inactive, is nobody's."""

    def get_session_token(self, request: HttpRequest) -> str | None:
        token: str | None = super().get_session_token(request)
        # Session keys are letters and digits; anything else need not reach the database.
        return token if token and token.isascii() and token.isalnum() else None

    def authenticate_header(self, request: Request) -> str:
        # Without a challenge the framework would answer 403 where 401 is meant.
        return 'SessionToken header="X-Session-Token"'
