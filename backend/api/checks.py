"""Checks of settings that would work but protect nobody, run by ``manage.py check --deploy``."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

SHORTEST_KEY = 32  # characters; HMAC-SHA256 gains nothing beyond its 32 bytes
FEWEST_BYTES = 16  # different ones among 32; chance gives fewer to one key in 10¹⁶


@register(Tags.security)
def check_field_keys(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that each key is one, so that a wrong one fails here, not at the first phone number."""
    try:
        for key in settings.FIELD_KEYS:
            Fernet(key)
    except (ValueError, binascii.Error):
        return [
            checks.Error(
                "LINLI_FIELD_KEYS has to be 32 bytes in URL-safe base64, or several with commas.",
                hint="openssl rand -base64 32 | tr +/ -_",
                id="linli.E001",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def check_strength(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check for keys that somebody typed, one key for two purposes, and hosts open to all."""
    found: list[CheckMessage] = []
    if any(_is_typed(key) for key in settings.FIELD_KEYS):
        found.append(checks.Warning("A key in LINLI_FIELD_KEYS is not random.", id="linli.W002"))
    if len(settings.PHONE_INDEX_KEY) < SHORTEST_KEY:
        found.append(
            checks.Warning(
                f"LINLI_PHONE_INDEX_KEY is shorter than {SHORTEST_KEY} characters.",
                id="linli.W003",
            )
        )
    if settings.SECRET_KEY == settings.PHONE_INDEX_KEY:
        found.append(
            checks.Warning(
                "LINLI_SECRET_KEY and LINLI_PHONE_INDEX_KEY are the same.", id="linli.W004"
            )
        )
    if any("*" in host for host in settings.ALLOWED_HOSTS):
        found.append(checks.Warning("LINLI_ALLOWED_HOSTS lets any name in.", id="linli.W005"))
    if any("*" in origin or "://" not in origin for origin in settings.CORS_ALLOWED_ORIGINS):
        found.append(checks.Warning("LINLI_CORS_ORIGINS names no single origin.", id="linli.W006"))
    return found


def _is_typed(key: str) -> bool:
    try:
        secret = base64.urlsafe_b64decode(key)
    except (ValueError, binascii.Error):
        return False  # no key at all, which is another check's matter
    return len(secret) == 32 and len(set(secret)) < FEWEST_BYTES
