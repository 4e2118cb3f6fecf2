"""The settings, only quicker and harmless: cheap passwords, throwaway keys, files in memory."""

import os

os.environ.setdefault("LINLI_SECRET_KEY", "only-for-tests")
os.environ.setdefault("LINLI_FIELD_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("LINLI_PHONE_INDEX_KEY", "only-for-tests")
os.environ.setdefault("LINLI_LOG_LEVEL", "WARNING")

from backend.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
