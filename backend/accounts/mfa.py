"""The second factor: a code from an authenticator app (TOTP, RFC 6238), django-allauth's."""

from datetime import timedelta

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services.attempts import is_first_use


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """What codes are made from is encrypted at rest, like phone numbers."""

    def encrypt(self, text: str) -> str:
        return vault.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return vault.decrypt(encrypted_text)


def remember_used_codes() -> None:
    """Have allauth remember a used code for as long as it would take it again (RFC 6238, 5.2).

    By itself it does so for one period of 30 seconds, takes a code for three with our
    ``MFA_TOTP_TOLERANCE``, and forgets with Redis.
    """
    TOTP._mark_code_used = _first_use


def _first_use(totp: TOTP, code: str) -> bool:
    periods = 1 + 2 * app_settings.TOTP_TOLERANCE
    lasts = timedelta(seconds=periods * app_settings.TOTP_PERIOD)
    return is_first_use(totp.instance.user_id, normalize_user_code(code), lasts)


def hand_out(*, user: User, secret: str, anew: bool = False) -> None:
    """Let ``user`` make codes from ``secret`` (base32), unless they have an authenticator already.

    ``anew``: instead of the one they have. For people who are set up by a command; others activate
    theirs themselves.
    """
    if anew:
        Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, secret)
