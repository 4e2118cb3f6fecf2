"""Claims of a log-in: in which ways somebody proved who they are.

A phone's access token carries it for five minutes; a browser's session is asked at each request.
"""

import time
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from backend.accounts.models import User

SECOND_FACTOR = "mfa"  # of the ways in which allauth says somebody proved who they are


def claims_of(request: HttpRequest) -> dict[str, Any]:
    """Return the claims of the browser's log-in, those that an access token made now would have.

    They are read once a request.
    """
    asked: Any = request
    if not hasattr(asked, "claims"):
        asked.claims = claims_from(asked.user, asked.session)
    claims: dict[str, Any] = asked.claims
    return claims


def is_let_in(request: HttpRequest) -> bool:
    """Tell whether the request's person is logged in, with a second factor where that is due.

    The API asks for one by the same rule (``SecondFactorWhereDue``).
    """
    user = request.user
    if not isinstance(user, User):
        return False
    return not user.second_factor_required or SECOND_FACTOR in claims_of(request)["methods"]


def claims_from(user: AbstractBaseUser, session: SessionBase) -> dict[str, Any]:
    """Return ``methods``, the ways of the log-in, and ``issued_ms``, this moment.

    A second factor that was removed since the log-in no longer counts.
    """
    methods = [m["method"] for m in session.get("account_authentication_methods", [])]
    if SECOND_FACTOR in methods and not Authenticator.objects.filter(user=user).exists():
        methods = [method for method in methods if method != SECOND_FACTOR]
    return {"methods": methods, "issued_ms": time.time_ns() // 1_000_000}
