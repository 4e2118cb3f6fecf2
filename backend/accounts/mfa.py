"""The second factor: a code from an authenticator app (TOTP, RFC 6238), by django-allauth."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.utils.translation import gettext_lazy as _

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services.attempts import is_first_use
from backend.codes import picture


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """Adapter that encrypts the secrets of second factors at rest, like phone numbers."""

    error_messages: ClassVar = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is not right, or it has been used."),
    }

    def encrypt(self, text: str) -> str:
        return vault.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return vault.decrypt(encrypted_text)

    def build_totp_svg(self, url: str) -> str:
        return picture(url, "svg").decode()


def remember_used_codes() -> None:
    """Make allauth remember a used code for as long as it would take it again (RFC 6238, 5.2).

    By itself allauth remembers a code for one period of 30 seconds but, with our
    ``MFA_TOTP_TOLERANCE``, takes it for three, and it forgets when Redis does.
    """
    TOTP._mark_code_used = _first_use


def use_up(user_id: UUID, code: str) -> bool:
    """Use up a person's ``code`` for as long as it would be taken; False if it was used before."""
    periods = 1 + 2 * app_settings.TOTP_TOLERANCE
    lasts = timedelta(seconds=periods * app_settings.TOTP_PERIOD)
    return is_first_use(user_id, normalize_user_code(code), lasts)


def _first_use(totp: TOTP, code: str) -> bool:
    return use_up(totp.instance.user_id, code)


def hand_out(*, user: User, secret: str, anew: bool = False) -> None:
    """Let ``user`` make codes from ``secret`` (base32), unless they have an authenticator already.

    With ``anew`` it replaces the one they have. For people who are set up by a command; others
    activate theirs themselves.
    """
    if anew:
        Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, secret)
