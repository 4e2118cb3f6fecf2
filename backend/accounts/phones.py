"""Phone numbers: encrypted at rest, found by a keyed hash, masked for whoever need not see them.

PIPL: a stolen dump of the database tells no phone number.
"""

import hashlib
import hmac
from functools import cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@cache
def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


def encrypt(phone: str) -> str:
    """``phone`` as a Fernet token, different each time."""
    return _fernet().encrypt(phone.encode()).decode()


def decrypt(token: str) -> str:
    """The phone number behind ``token``, written with any of the keys in use."""
    return _fernet().decrypt(token).decode()


def digest(phone: str) -> str:
    """The keyed hash (HMAC-SHA256, hex) that finds a person by phone without storing it."""
    return hmac.new(settings.PHONE_INDEX_KEY.encode(), phone.encode(), hashlib.sha256).hexdigest()


def mask(phone: str) -> str:
    """``19900000001`` as ``199****0001``."""
    return f"{phone[:3]}****{phone[-4:]}"
