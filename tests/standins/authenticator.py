"""An authenticator app: what it shows (TOTP, RFC 6238)."""

import time

from allauth.mfa.totp.internal import auth

PERIOD_SECONDS = 30


def code_of(secret: str) -> str:
    """Return the code that an app with ``secret`` (base32) shows now."""
    return auth.format_hotp_value(auth.hotp_value(secret, int(time.time()) // PERIOD_SECONDS))
