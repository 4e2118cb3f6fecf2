"""Phone numbers: found by a keyed hash, masked for whoever need not see them."""

import hashlib
import hmac

from django.conf import settings


def digest(phone: str) -> str:
    """The keyed hash (HMAC-SHA256, hex) that finds a person by phone without storing it."""
    return hmac.new(settings.PHONE_INDEX_KEY.encode(), phone.encode(), hashlib.sha256).hexdigest()


def mask(phone: str) -> str:
    """``19900000001`` as ``199****0001``."""
    return f"{phone[:3]}****{phone[-4:]}"
