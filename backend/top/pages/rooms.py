"""The rooms of people's pages, ``/me/`` and ``/scan/``: each with its own log-in."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_POST

from backend.accounts.claims import is_let_in
from backend.accounts.models import User
from backend.accounts.tokens import access_token
from backend.api.errors import SecondFactorRequired
from backend.api.middleware import room_of
from backend.api.throttling import PublicThrottle, SessionThrottle, throttled
from backend.top.visits import put_off_the_end

View = Callable[..., HttpResponseBase]


def begin(request: HttpRequest) -> None:
    """Let the log-in that was just made last as long as its room says.

    That of whoever owes a second factor ends as in the console: its tokens are good for all that
    they may do there.
    """
    age = settings.ROOMS[room_of(request)]
    if isinstance(request.user, User) and request.user.second_factor_required:
        age = None
    if age is not None:
        request.session.set_expiry(int(age.total_seconds()))
    put_off_the_end(request)


def let_in(view: View) -> View:
    """Show ``view`` to whoever is logged in to its room; lead others to its log-in, and back.

    Each visit puts off the end of the log-in. Whoever owes a second factor is told so: the API
    refuses them everything.
    """

    @throttled(PublicThrottle)
    def to_the_log_in(request: HttpRequest) -> HttpResponseBase:
        return redirect_to_login(request.get_full_path(), f"{room_of(request)}log-in")

    @wraps(view)
    def led(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_the_log_in(request)
        if not is_let_in(request):
            told = {"title": SecondFactorRequired.title, "room": room_of(request)}
            return render(request, "pages/second_factor.html", told, status=403)
        put_off_the_end(request)
        return view(request, *args, **kwargs)

    return led


@require_POST
@throttled(SessionThrottle)
def token(request: HttpRequest) -> HttpResponseBase:
    """Answer an access token of the room's log-in, with which a page's script asks the API.

    It is good for five minutes and stays in the script's memory; 401 once the log-in has ended.
    ``person`` is whose it is: a page that is still open may be of who was logged in before.
    """
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    made = {
        "access_token": access_token(request.user, request.session),
        "person": str(request.user.pk),
        "expires_in": settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN,
    }
    return JsonResponse(made)
