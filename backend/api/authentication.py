"""Authentication by the access token that logging in at /_allauth/app/v1/ returned."""

import time
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from allauth.headless.tokens.strategies.jwt import internal
from django.conf import settings
from django.db import connection
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from backend.accounts.models import User

SCHEME = "Bearer"
_FIELDS = [field.attname for field in User._meta.concrete_fields]
_COLUMNS = ", ".join(f'"{field.column}"' for field in User._meta.concrete_fields)
_PERSON = f'SELECT {_COLUMNS} FROM "{User._meta.db_table}" WHERE id = %s AND is_active'  # noqa: S608  # of constants


class AccessTokenAuthentication(BaseAuthentication):
    """Authentication by ``Authorization: Bearer <token>``; ``request.auth`` holds the claims.

    Reads one row, the person's. A token is refused if it has expired or was tampered with, and if
    its person is inactive or has logged out everywhere since.
    """

    def authenticate(self, request: Request) -> tuple[User, dict[str, Any]] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return person_of(token) if scheme == SCHEME else None

    def authenticate_header(self, request: Request) -> str:
        # Without a challenge the framework would answer 403 where 401 is meant.
        return SCHEME


def person_of(token: str) -> tuple[User, dict[str, Any]] | None:
    """Return whose access token it is, and its claims; None if it is not good."""
    try:
        claims = _claims(token, settings.SECRET_KEY)
    except AuthenticationFailed:
        return None
    if claims["exp"] <= time.time():
        return None
    user = _person(claims["sub"])
    if user is None or _was_ended(claims, user.tokens_valid_from):
        return None
    return user, claims


@lru_cache(maxsize=4096)  # a phone asks many times with one token; a few megabytes a process
def _claims(token: str, key: str) -> dict[str, Any]:
    """Return the claims of an access token that ``key`` signed; the caller looks at its expiry.

    Raises AuthenticationFailed, which is not remembered: nobody fills the memory with forgeries.
    """
    claims: dict[str, Any] | None = internal.decode_token(token, "access")
    if claims is None:
        raise AuthenticationFailed
    return claims


def _person(subject: str) -> User | None:
    """Return the active person with this id, or None.

    Every request comes by here, and Django takes three times as long to put this statement together
    as it takes to ask it; so it is put together once.
    """
    try:
        person_id = UUID(subject)
    except ValueError:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_PERSON, [person_id])
        row = cursor.fetchone()
    return row and User.from_db(connection.alias, _FIELDS, row)


def _was_ended(claims: dict[str, Any], valid_from: datetime | None) -> bool:
    return valid_from is not None and claims["issued_ms"] < valid_from.timestamp() * 1000
