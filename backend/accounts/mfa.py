"""The second factor: a code from an authenticator app (TOTP, RFC 6238), by django-allauth."""

from datetime import timedelta
from typing import Any

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django import forms
from django.utils.translation import gettext_lazy as _

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services.attempts import is_first_use
from backend.codes import as_made, is_digits


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """Adapter that encrypts the secrets of second factors at rest, like phone numbers."""

    def encrypt(self, text: str) -> str:
        return vault.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return vault.decrypt(encrypted_text)


def remember_used_codes() -> None:
    """Make allauth remember a used code for as long as it would take it again (RFC 6238, 5.2).

    By itself allauth remembers a code for one period of 30 seconds but, with our
    ``MFA_TOTP_TOLERANCE``, takes it for three, and it forgets when Redis does.
    """
    TOTP._mark_code_used = _first_use


def read_codes_as_typed(*asked: type[forms.Form]) -> None:
    """Make allauth's forms read what people type or paste: ``１２３ 456`` is 123456.

    By itself allauth removes hyphens and blanks, and counts a text without digits as a wrong guess.
    """
    for form in asked:
        form.base_fields["code"] = TypedCodeField()


class TypedCodeField(forms.CharField):
    """A code of digits, from an authenticator or a printed list of recovery codes."""

    def to_python(self, value: Any) -> str:
        made = as_made(super().to_python(value) or "")
        if made and not is_digits(made):
            raise forms.ValidationError(_("A code here is digits only."), code="not_a_code")
        return made


def _first_use(totp: TOTP, code: str) -> bool:
    periods = 1 + 2 * app_settings.TOTP_TOLERANCE
    lasts = timedelta(seconds=periods * app_settings.TOTP_PERIOD)
    return is_first_use(totp.instance.user_id, normalize_user_code(code), lasts)


def hand_out(*, user: User, secret: str, anew: bool = False) -> None:
    """Let ``user`` make codes from ``secret`` (base32), unless they have an authenticator already.

    With ``anew`` it replaces the one they have. For people who are set up by a command; others
    activate theirs themselves.
    """
    if anew:
        Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, secret)
