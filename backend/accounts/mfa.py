"""The second factor: a code from an authenticator app (TOTP, RFC 6238), django-allauth's."""

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP

from backend.accounts import vault
from backend.accounts.models import User


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """What codes are made from is encrypted at rest, like phone numbers."""

    def encrypt(self, text: str) -> str:
        return vault.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return vault.decrypt(encrypted_text)


def hand_out(*, user: User, secret: str) -> None:
    """Let ``user`` make codes from ``secret`` (base32), unless they have an authenticator already.

    For people who are set up by a command; others activate theirs themselves.
    """
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, secret)
