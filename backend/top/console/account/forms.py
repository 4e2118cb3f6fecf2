"""The forms of the log-in: django-allauth's, counted as a phone's are and drawn as the console's.

Passkeys are left out. They need a name with a certificate, and many an office opens the console by
the number of a machine in its own network; and somebody with nothing else could no longer log in to
the mini-program, where there are none. They would stand beside these as ``allauth.mfa.webauthn``.
"""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.usersessions.forms import ManageUserSessionsForm
from allauth.usersessions.internal import flows
from allauth.usersessions.models import UserSession
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.widgets import BASE_INPUT_CLASSES

from backend.accounts.errors import TooManyAttempts
from backend.accounts.forms import GuessedCode, TypedCode, trying_password
from backend.api.filters import WordsField


class PageForm(forms.Form):
    """Form in the console's dress, whose first field has the focus.

    If somebody has no try left, it says for how long: nothing was looked up.
    """

    retry_after_seconds = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, field in enumerate(self.fields.values()):
            field.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)
            field.widget.attrs.pop("placeholder", None)  # it would repeat the label
            if number == 0:
                field.widget.attrs["autofocus"] = True

    def full_clean(self) -> None:
        try:
            super().full_clean()
        except TooManyAttempts as refusal:
            self.retry_after_seconds = refusal.retry_after_seconds
            minutes = -(-refusal.retry_after_seconds // 60)
            told = _("Too many wrong guesses. You can try again in {minutes} min.")
            self.add_error(None, told.format(minutes=minutes))


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


class EndSessionsForm(ManageUserSessionsForm):  # type: ignore[misc]
    """The one log-in that is to end; if none is chosen, all others than this."""

    session = forms.ModelChoiceField(UserSession.objects.none(), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["session"]
        chosen.queryset = UserSession.objects.filter(user=self.request.user)

    def save(self, request: HttpRequest) -> None:
        if chosen := self.cleaned_data["session"]:
            flows.sessions.end_sessions(request, [chosen])
        else:
            super().save(request)
