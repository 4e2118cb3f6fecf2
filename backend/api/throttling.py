"""How often one address may ask without being logged in."""

from rest_framework.throttling import AnonRateThrottle


class PublicThrottle(AnonRateThrottle):
    """For endpoints that need no log-in; the rate is the setting ``DEFAULT_THROTTLE_RATES``."""

    scope = "public"
