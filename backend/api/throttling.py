"""How often one may ask: an address without being logged in, a person with a code to guess."""

from rest_framework.throttling import AnonRateThrottle, UserRateThrottle


class PublicThrottle(AnonRateThrottle):
    """For endpoints that need no log-in; the rate is the setting ``DEFAULT_THROTTLE_RATES``.

    While Redis is away nothing is counted and nobody is refused (backend/api/counters.py).
    """

    scope = "public"


class LogInThrottle(PublicThrottle):
    """For log-ins that are not django-allauth's, which counts its own."""

    scope = "log_in"


class GuessThrottle(UserRateThrottle):
    """For what is sent with a code: nobody needs to try them all, of whatever kind they are."""

    scope = "guess"
    rate = "20/hour"
