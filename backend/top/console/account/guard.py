"""The guard of the console: lets in whoever is logged in with what is due, leads others there."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise

from backend.accounts.claims import is_let_in
from backend.api.throttling import LogInThrottle, PublicThrottle
from backend.errors import TooMany
from backend.top.visits import put_off_the_end

View = Callable[..., HttpResponseBase]


def refused(
    request: HttpRequest, status: int, title: str | Promise, explains: str | Promise = ""
) -> HttpResponse:
    """Return the page that says no to somebody who need not be logged in."""
    from backend.top.console.site import site  # it lets in by this module

    shown = {**site.each_context(request), "title": title, "explains": explains}
    return render(request, "console/account/refused.html", shown, status=status)


def counted(view: View) -> View:
    """Count by address the forms that are sent to ``view``, and whatever a stranger asks of it."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        throttle = LogInThrottle() if request.method == "POST" else PublicThrottle()
        is_counted = request.method == "POST" or not request.user.is_authenticated
        if is_counted and not throttle.allow_request(request, view):
            answer = refused(request, 429, TooMany.title)
            answer["Retry-After"] = str(int(throttle.wait()))
            return answer
        return view(request, *args, **kwargs)

    return checked


@counted
def to_the_log_in(request: HttpRequest) -> HttpResponseBase:
    """Lead a stranger to the log-in, and then back."""
    return redirect_to_login(request.get_full_path())


def let_in(view: View) -> View:
    """Show ``view`` to those who are let in, and lead others to what they lack, and then back.

    Who has a second factor proves it, who has none sets one up. Each visit puts off the end of the
    session, whose time runs while nobody is there.
    """

    @wraps(view)
    def led(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_let_in(request):
            put_off_the_end(request)
            return view(request, *args, **kwargs)
        if not request.user.is_authenticated:
            return to_the_log_in(request)
        has_one = is_mfa_enabled(request.user)
        lacking = "mfa_reauthenticate" if has_one else "mfa_activate_totp"
        return redirect_to_login(request.get_full_path(), reverse(lacking))

    return led
