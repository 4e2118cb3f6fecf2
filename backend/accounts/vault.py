"""Encryption at rest: phone numbers, and the secrets of second factors.

A stolen dump of the database reveals neither (PIPL). The keys are the setting ``FIELD_KEYS``: the
first encrypts, all decrypt.
"""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


@cache
def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


def encrypt(text: str) -> str:
    """Return ``text`` as a Fernet token, different each time."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the text of ``token``, encrypted with any of the keys in use."""
    return _fernet().decrypt(token).decode()


def is_newest(token: str) -> bool:
    """Tell whether ``token`` was encrypted with the first of the keys."""
    try:
        Fernet(settings.FIELD_KEYS[0]).decrypt(token)
    except InvalidToken:
        return False
    return True


def reencrypt(token: str) -> str:
    """Return the text of ``token`` encrypted anew with the first of the keys."""
    return _fernet().rotate(token).decode()
