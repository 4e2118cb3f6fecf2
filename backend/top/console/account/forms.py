"""The forms of the log-in: django-allauth's, counted as a phone's are and drawn as the console's.

Passkeys are left out. They need a name with a certificate, and many an office opens the console by
the number of a machine in its own network; and somebody with nothing else could no longer log in to
the mini-program, where there are none. They would stand beside these as ``allauth.mfa.webauthn``.
"""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp.forms import ActivateTOTPForm
from unfold.widgets import BASE_INPUT_CLASSES

from backend.accounts.forms import CountedForm, GuessedCode, TypedCode, trying_password
from backend.api.filters import WordsField


class PageForm(CountedForm):
    """Form in the console's dress, whose first field has the focus."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, field in enumerate(self.fields.values()):
            field.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)
            field.widget.attrs.pop("placeholder", None)  # it would repeat the label
            if number == 0:
                field.widget.attrs["autofocus"] = True


class LogInForm(PageForm, account.LoginForm):  # type: ignore[misc]  # allauth is untyped
    def clean_login(self) -> str:
        username: str = WordsField().clean(self.cleaned_data["login"])
        return username


class SecondFactorForm(PageForm, GuessedCode, mfa.AuthenticateForm):  # type: ignore[misc]
    pass


class SecondFactorAgainForm(PageForm, GuessedCode, mfa.ReauthenticateForm):  # type: ignore[misc]
    pass


class PasswordAgainForm(PageForm, account.ReauthenticateForm):  # type: ignore[misc]
    pass


class AuthenticatorForm(PageForm, TypedCode, ActivateTOTPForm):  # type: ignore[misc]
    pass


class ChangePasswordForm(PageForm, account.ChangePasswordForm):  # type: ignore[misc]
    def clean_oldpassword(self) -> str:
        with trying_password(self.user):
            password: str = super().clean_oldpassword()
        return password
