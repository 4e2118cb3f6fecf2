"""What is encrypted at rest: phone numbers, and what makes second factors.

PIPL: a stolen dump of the database tells neither. The keys are the setting ``FIELD_KEYS``: the
first encrypts, all decrypt.
"""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


@cache
def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


def encrypt(text: str) -> str:
    """``text`` as a Fernet token, different each time."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text behind ``token``, written with any of the keys in use."""
    return _fernet().decrypt(token).decode()


def is_newest(token: str) -> bool:
    """Whether ``token`` was encrypted with the first of the keys."""
    try:
        Fernet(settings.FIELD_KEYS[0]).decrypt(token)
    except InvalidToken:
        return False
    return True


def reencrypt(token: str) -> str:
    """Return the text encrypted anew, with the first of the keys."""
    return _fernet().rotate(token).decode()
