"""Logging in with a code sent by SMS to the phone number on record.

django-allauth has a log-in by code, which keeps the code and the number in clear, counts guesses
by session alone, and asks for phone numbers of its own. Here the browser that asked keeps a keyed
hash of the code in its session, so nobody else can use the code; guesses are counted in the
database.
"""

import secrets
import time
from datetime import timedelta

from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare, salted_hmac

from backend.accounts.errors import (
    PhoneBelongsToAnother,
    TextedCodeExpired,
    TextedCodeWrong,
)
from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.accounts.services import attempts
from backend.names import is_one_person

LASTS = timedelta(minutes=5)
DIGITS = 6
KEPT = "linli_texted_code"  # in the session


def make(*, session: SessionBase, phone: str, address: str) -> str | None:
    """Return a code that is to be sent to ``phone`` (11 digits); None if the number is nobody's.

    ``session`` is of the browser that asks, from ``address``; it forgets an earlier code, and does
    not show whether the number is known. Raises TooManyAttempts.
    """
    attempts.take_text(phone, address)
    user = User.objects.filter(phone_digest=digest(phone)).first()
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    nonce = secrets.token_urlsafe(16)
    session[KEPT] = {
        "nonce": nonce,
        "phone": digest(phone),
        "code": _hashed(nonce, code if user else secrets.token_urlsafe()),
        "until": time.time() + LASTS.total_seconds(),
    }
    return code if user else None


def is_waited_for(session: SessionBase) -> bool:
    """Tell whether a code was asked for that is still good."""
    return bool(time.time() < session.get(KEPT, {"until": 0})["until"])


def prove(*, session: SessionBase, code: str, name: str, address: str) -> User:
    """Return the person whose phone got ``code``, which is good once.

    ``name`` is theirs on record: a list may have another's number, and carriers give numbers to
    others. Raises TooManyAttempts, TextedCodeExpired, TextedCodeWrong, PhoneBelongsToAnother.
    """
    with attempts.guessing(address, TextedCodeWrong, PhoneBelongsToAnother):
        if not is_waited_for(session):
            raise TextedCodeExpired
        kept = session[KEPT]
        attempts.take(attempts.TEXTED_CODE, kept["nonce"])
        if not constant_time_compare(_hashed(kept["nonce"], code), kept["code"]):
            raise TextedCodeWrong
        user = User.objects.filter(phone_digest=kept["phone"]).first()
        if user is None:  # the number was taken off the record since
            raise TextedCodeExpired
        if not is_one_person(user.name, name):
            raise PhoneBelongsToAnother
        del session[KEPT]
    return user


def _hashed(nonce: str, code: str) -> str:
    told = f"{nonce} {code}"
    return salted_hmac("backend.accounts.texted_codes", told, algorithm="sha256").hexdigest()
