"""Authentication by the access token that logging in at /_allauth/app/v1/ returned."""

from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.headless.tokens.strategies.jwt import internal
from django.db import connection
from rest_framework.authentication import BaseAuthentication
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
        claims = internal.decode_token(token, "access") if scheme == SCHEME else None
        if claims is None:
            return None
        user = _person(claims["sub"])
        if user is None or _was_ended(claims, user.tokens_valid_from):
            return None
        return user, claims

    def authenticate_header(self, request: Request) -> str:
        # Without a challenge the framework would answer 403 where 401 is meant.
        return SCHEME


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
