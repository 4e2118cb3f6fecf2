"""Who is let in to the console, and where the others are led."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from backend.accounts.claims import SECOND_FACTOR, claims_of
from backend.accounts.models import User

View = Callable[..., HttpResponseBase]

SEEN = "linli_seen"  # in the session: when its end was last put off
PUT_OFF_SECONDS = 600  # so a session is not written with each request


def is_let_in(request: HttpRequest) -> bool:
    """Tell whether the request's person is logged in, with a second factor where that is due.

    The API asks for one by the same rule (``SecondFactorWhereDue``).
    """
    user = request.user
    if not isinstance(user, User):
        return False
    return not user.second_factor_required or SECOND_FACTOR in claims_of(request)["methods"]


def let_in(view: View) -> View:
    """Show ``view`` to those who are let in, and lead others to what they lack, and then back.

    Who has a second factor proves it, who has none sets one up. Each visit puts off the end of the
    session, whose time runs while nobody is there.
    """

    @wraps(view)
    def led(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_let_in(request):
            _put_off_the_end(request)
            return view(request, *args, **kwargs)
        if not request.user.is_authenticated:
            lacking = "account_login"
        else:
            has_one = is_mfa_enabled(request.user)
            lacking = "mfa_reauthenticate" if has_one else "mfa_activate_totp"
        return redirect_to_login(request.get_full_path(), reverse(lacking))

    return led


def _put_off_the_end(request: HttpRequest) -> None:
    now = time.time()
    if now - request.session.get(SEEN, 0) > PUT_OFF_SECONDS:
        request.session[SEEN] = now
