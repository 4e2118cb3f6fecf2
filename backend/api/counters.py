"""Where attempts and throttles are counted: Redis, which may be away."""

from typing import Any

from django_redis.cache import RedisCache


class Counters(RedisCache):  # type: ignore[misc]  # django-redis is untyped
    """What can not be counted is let through, and the log says so (settings, ``CACHES``).

    django-redis answers nothing where it ignores that Redis is away. Whoever asks whether they
    were the first, as django-allauth does to lock its counters and to see that a code is used
    once, would take that for no, and nobody could log in.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        added = super().add(*args, **kwargs)
        return True if added is None else bool(added)
