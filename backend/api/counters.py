"""Counters of attempts and throttles in Redis, which may be down."""

import logging
import sys
from typing import Any

from django_redis.cache import RedisCache
from redis.exceptions import RedisError


class Briefly(logging.LoggerAdapter[logging.Logger]):
    """Logger with one line for what django-redis logs with a traceback at each operation."""

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        error = sys.exception()
        cause = type((error and error.__cause__) or error).__name__
        self.warning("Redis can not be asked (%s): nothing is counted", cause)


class Counters(RedisCache):  # type: ignore[misc]  # django-redis is untyped
    """Cache that lets pass what can not be counted, and logs it (settings, ``CACHES``).

    While Redis is down and ignored, django-redis returns None. Callers that ask whether they were
    first, as django-allauth does to lock its counters and to see that a code is used once, would
    take that for no, and nobody could log in.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.logger: Briefly = Briefly(logging.getLogger("django_redis"))

    def hit(self, key: str, seconds: int) -> tuple[int, int]:
        """Count one more under ``key``, atomically. Returns the count and the seconds until it
        ends, which are ``seconds`` from the first one on; both are 0 if Redis can not be asked."""
        name = self.make_key(key)
        try:
            counting = self.client.get_client(write=True).pipeline(transaction=True)
            counting.set(name, 0, ex=seconds, nx=True)
            counting.incr(name)
            counting.ttl(name)
            _, count, left = counting.execute()
        except (RedisError, OSError):
            self.logger.exception("Redis")
            return 0, 0
        return count, max(left, 1)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        added = super().add(*args, **kwargs)
        return True if added is None else bool(added)
