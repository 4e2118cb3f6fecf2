"""The settings of tests, for a web whose readers ask more often than the public may."""

from backend.test_settings import *  # noqa: F403

REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(  # noqa: F405
    REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"],  # noqa: F405
    "100000/minute",
)
