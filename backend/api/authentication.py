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
    """``Authorization: Bearer <token>``; what the token says is ``request.auth``.

    One row is read, the person's: a token of somebody made inactive since, or who has logged out
    everywhere, is nobody's, as is one that has run out or was tampered with.
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
