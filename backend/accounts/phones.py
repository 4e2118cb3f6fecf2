"""Phone numbers: which ones are kept, found by a keyed hash, and masked."""

import hashlib
import hmac
import re
import unicodedata

from django.conf import settings

from backend.names import of_person
from backend.text import bare, is_dash

CHINA = "86"
_MOBILE = re.compile(r"(?:(?:\+|00)?86)?(1[0-9]{10})")
DIALLED = re.compile(r"\+?[0-9][0-9 -]*")  # an office's, say: also a landline, also abroad
_COUNTRY = re.compile(r"(?:\+|00)?([1-9][0-9]{0,3})")


def mainland(written: str, *, country: str | float | None = CHINA) -> str | None:
    """Return a mobile number of mainland China as its 11 digits; None if it is not one.

    ``country`` is the calling code that was told beside it, as text or number. The same digits with
    another calling code are somebody else's number, and without any are refused.
    """
    if isinstance(country, float) and country.is_integer():
        country = int(country)  # JSON's 86.0 is 86
    told = _COUNTRY.fullmatch(_plain(str(country))) if country is not None else None
    if told is None or told[1] != CHINA:
        return None
    match = _MOBILE.fullmatch(_plain(written))
    return match[1] if match else None


def as_dialled(written: str) -> str:
    """Return a number to call, of any country, in plain digits, dashes and spaces."""
    words = unicodedata.normalize("NFKC", written).split()
    return " ".join("".join("-" if is_dash(sign) else sign for sign in bare(w)) for w in words)


def digest(phone: str) -> str:
    """Return a phone number's keyed hash (HMAC-SHA256, hex), which finds a person by it."""
    return hmac.new(settings.PHONE_INDEX_KEY.encode(), phone.encode(), hashlib.sha256).hexdigest()


def digest_when_withdrawn(phone: str, name: str) -> str:
    """Return the keyed hash of a withdrawn number and its name, to recognise it on a list."""
    return digest(f"withdrawn {phone} {of_person(name)}")


def mask(phone: str) -> str:
    """Return ``19900000001`` as ``199****0001``."""
    return f"{phone[:3]}****{phone[-4:]}"


def _plain(written: str) -> str:
    """Return the text without what people put between digits: blanks, dashes, brackets and dots."""
    return "".join(sign for sign in bare(written) if not is_dash(sign) and sign not in "().·")
