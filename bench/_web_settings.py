"""The settings of the tests, and a few more addresses."""

from backend.test_settings import *  # noqa: F403

ROOT_URLCONF = "bench._web_urls"
