"""How often one may ask: what protects the machine, counted in Redis, which may be away.

What protects a secret is counted in the database (backend/accounts/services/attempts.py).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from backend.accounts.addresses import counted_as
from backend.api.exceptions import request_error

View = Callable[..., HttpResponseBase]


class CountingThrottle(SimpleRateThrottle):
    """So many requests from the first one on, however many come at once.

    The framework's own reads a list, and writes it back: of requests at one moment it counts some.
    While Redis is away nothing is counted and nobody is refused (backend/api/counters.py).
    """

    def allow_request(self, request: Request | HttpRequest, view: object) -> bool:
        who = self.who(request)
        if who is None:
            return True
        key = self.cache_format % {"scope": self.scope, "ident": who}
        limit, seconds = self.parse_rate(self.rate)
        counters: Any = cache
        count, self._seconds_left = counters.hit(key, seconds)
        return bool(count <= limit)

    def wait(self) -> float:
        return float(self._seconds_left)

    def who(self, request: Request | HttpRequest) -> str | None:
        """Whose requests are counted together; None: they are not counted."""
        raise NotImplementedError


class PublicThrottle(CountingThrottle):
    """By address, for what needs no log-in; the rate is the setting ``DEFAULT_THROTTLE_RATES``."""

    scope = "public"

    def who(self, request: Request | HttpRequest) -> str | None:
        is_known = isinstance(request, Request) and request.user.is_authenticated
        return None if is_known else counted_as(request)


class LogInThrottle(PublicThrottle):
    """For whatever is sent with a secret to log in with; wrong ones are counted elsewhere."""

    scope = "log_in"


class SessionThrottle(PublicThrottle):
    """For what a phone that is logged in asks by itself, with many others behind one address."""

    scope = "session"


class UserThrottle(CountingThrottle):
    """By person, for what costs others something."""

    def who(self, request: Request | HttpRequest) -> str | None:
        return str(request.user.pk)


def throttled(throttle: type[CountingThrottle]) -> Callable[[View], View]:
    """Count what asks a view that is not REST framework's; beyond the rate it is 429."""

    def decorate(view: View) -> View:
        @wraps(view)
        def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            counter = throttle()
            if counter.allow_request(request, None):
                return view(request, *args, **kwargs)
            throttled: Any = Throttled  # untyped
            return request_error(request, throttled(wait=counter.wait()))

        return counted

    return decorate
