"""The tokens of a log-in: a short access token and a refresh token that works once.

An access token (JWT, 5 minutes) says by itself who is asking, so a request reads no session. The
log-in behind it is a session in the database: a refresh token names it and lasts as long. Ending
the session ends the refreshing.
"""

import time
from typing import Any

from allauth.headless.internal.sessionkit import lookup_session
from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from backend.accounts.claims import claims_from

# A phone that lost the answer to its refresh, in a lift, asks again with the token it has.
LOST_ANSWER_SECONDS = 60
SPENT = "linli_spent_refresh_tokens"  # in the session: jti → when it was used


class TokenStrategy(JWTTokenStrategy):  # type: ignore[misc]  # allauth is untyped
    """Token strategy of django-allauth in which a refresh token used twice ends its log-in.

    A thief and the phone the token was stolen from can not both go on (RFC 9700, 4.14.2).
    """

    def create_access_token(self, request: HttpRequest) -> str | None:
        request.session.set_expiry(settings.HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN)
        return access_token(request.user, request.session)  # type: ignore[arg-type]

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        payload = internal.decode_token(refresh_token, "refresh")
        if payload is None:
            return None
        with transaction.atomic():
            session = _locked_session(payload)
            user = session and internal.validate_token_user(payload, session)
            if not session or not user or not user.is_active:
                return None
            jti, now = payload["jti"], time.time()
            spent: dict[str, float] = {
                other: used
                for other, used in session.get(SPENT, {}).items()
                if used > now - LOST_ANSWER_SECONDS
            }
            if jti in internal.get_refresh_token_state(session):
                internal.invalidate_refresh_token(session, payload)
                spent[jti] = now
            elif jti not in spent:
                session.delete()
                return None
            session[SPENT] = spent
            fresh = internal.create_refresh_token(user, session)
            session.save()
            return access_token(user, session), fresh


def access_token(user: AbstractBaseUser, session: SessionBase) -> str:
    """Return an access token of the log-in that ``session`` is."""
    token: str = internal.create_access_token(user, session, claims_from(user, session))
    return token


def _locked_session(payload: dict[str, Any]) -> SessionBase | None:
    """Return the session a refresh token belongs to, locked, so that two refreshes queue here."""
    key = internal.session_key_from_sid(payload["sid"])
    if not key or not Session.objects.select_for_update().filter(session_key=key).exists():
        return None
    session: SessionBase | None = lookup_session(key)
    return session
