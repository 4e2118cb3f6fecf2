"""Authentication by the access token that logging in at /_allauth/app/v1/ returned."""

from datetime import datetime
from typing import Any

from allauth.headless.tokens.strategies.jwt import internal
from django.core.exceptions import ValidationError
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from backend.accounts.models import User

SCHEME = "Bearer"


class AccessTokenAuthentication(BaseAuthentication):
    """Authentication by ``Authorization: Bearer <token>``; ``request.auth`` holds the claims.

    Reads one row, the person's. A token is refused if it has expired or was tampered with, and if
    its person is inactive or has logged out everywhere since.
    """

    def authenticate(self, request: Request) -> tuple[User, dict[str, Any]] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = internal.decode_token(token, "access") if scheme == SCHEME else None
        if claims is None:
            return None
        try:
            user = User.objects.filter(pk=claims["sub"], is_active=True).first()
        except ValidationError:
            return None
        if user is None or _was_ended(claims, user.tokens_valid_from):
            return None
        return user, claims

    def authenticate_header(self, request: Request) -> str:
        # Without a challenge the framework would answer 403 where 401 is meant.
        return SCHEME


def _was_ended(claims: dict[str, Any], valid_from: datetime | None) -> bool:
    return valid_from is not None and claims["issued_ms"] < valid_from.timestamp() * 1000
