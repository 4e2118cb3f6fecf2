"""The settings for tests: cheap passwords, throwaway keys, files in memory."""

import os

os.environ.setdefault("LINLI_SECRET_KEY", "only-for-tests-and-long-enough-to-sign-with")
os.environ.setdefault("LINLI_FIELD_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("LINLI_PHONE_INDEX_KEY", "only-for-tests")
os.environ.setdefault("LINLI_LOG_LEVEL", "WARNING")

from backend.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Each test client is a server of its own, which would read all our files before its first answer.
WHITENOISE_AUTOREFRESH = True

PHOTO_WAIT_SECONDS = 60.0  # other tests decode at the same time
PAGE_SECONDS = 0  # a test looks, does something, and looks again

# Counters of one test process are not another's, and may be emptied.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_SERVER = CACHES["default"]["LOCATION"].rpartition("/")[0]  # noqa: F405
CACHES["default"]["LOCATION"] = f"{_SERVER}/{1 + _WORKER % 15}"  # noqa: F405
