"""Throttles that protect the machine, counted in Redis, which may be down.

Limits that protect a secret are counted in the database (backend/accounts/services/attempts.py).
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
    """Throttle that counts requests from the first one on, however many come at once.

    The framework's own reads a list and writes it back, so it misses some of many requests at one
    moment. While Redis is down nothing is counted and nobody is refused (backend/api/counters.py).
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
        """Return the name under which requests are counted together; None: not counted."""
        raise NotImplementedError


class PublicThrottle(CountingThrottle):
    """Throttle by address, without a log-in; its rate is in ``DEFAULT_THROTTLE_RATES``."""

    scope = "public"

    def who(self, request: Request | HttpRequest) -> str | None:
        is_known = isinstance(request, Request) and request.user.is_authenticated
        return None if is_known else counted_as(request)


class LogInThrottle(PublicThrottle):
    """Throttle of log-ins, right and wrong; wrong secrets are also counted elsewhere."""

    scope = "log_in"


class SessionThrottle(PublicThrottle):
    """Throttle of what logged-in phones ask by themselves, with many behind one address."""

    scope = "session"


class UserThrottle(CountingThrottle):
    """Throttle by person, for operations that cost others something."""

    def who(self, request: Request | HttpRequest) -> str | None:
        return str(request.user.pk)


def throttled(throttle: type[CountingThrottle]) -> Callable[[View], View]:
    """Throttle a view that is not REST framework's; beyond the rate it answers 429."""

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
