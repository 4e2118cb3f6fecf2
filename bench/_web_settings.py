"""The settings of the tests, and one address more."""

from backend.test_settings import *  # noqa: F403

ROOT_URLCONF = "bench._auth_urls"
