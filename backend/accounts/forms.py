"""Forms of what proves who somebody is, read and counted alike on a phone and in the console.

Each of these stands before a form of django-allauth's, for phones one of its headless part.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.fields import PasswordField, SetPasswordField
from allauth.account.forms import PasswordVerificationMixin
from allauth.core import context
from allauth.usersessions.forms import ManageUserSessionsForm
from allauth.usersessions.internal import flows
from allauth.usersessions.models import UserSession
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backend.accounts.addresses import counted_as
from backend.accounts.errors import TooManyAttempts
from backend.accounts.models import User
from backend.accounts.services.attempts import PasswordTry, trying_code
from backend.codes import as_made, is_digits

_USERNAME = User._meta.get_field("username")


class CountedForm(forms.Form):
    """Form of a page. If somebody has no try left, it says for how long: nothing was looked up."""

    retry_after_seconds = 0

    def full_clean(self) -> None:
        try:
            super().full_clean()
        except TooManyAttempts as refusal:
            self.wait(refusal)

    def wait(self, refusal: TooManyAttempts) -> None:
        """Say for how long there is no try."""
        self.retry_after_seconds = refusal.retry_after_seconds
        minutes = -(-refusal.retry_after_seconds // 60)
        told = _("Too many wrong guesses. You can try again in {minutes} min.")
        self.add_error(None, told.format(minutes=minutes))


class TypedCodeField(forms.CharField):
    """A code of digits, from an authenticator or a printed list of recovery codes.

    It is read as people type or paste it: ``１２３ 456`` is 123456. By itself allauth removes
    hyphens and blanks, and counts a text without digits as a wrong guess.
    """

    widget = forms.TextInput({"autocomplete": "one-time-code"})

    def to_python(self, value: Any) -> str:
        made = as_made(super().to_python(value) or "")
        if made and not is_digits(made):
            raise forms.ValidationError(_("A code here is digits only."), code="not_a_code")
        return made


class TypedCode(forms.Form):
    """The first code from a new authenticator."""

    code = TypedCodeField(label=_("One-time code"))


class GuessedCode(TypedCode):
    """A code from an authenticator, or a recovery code: a wrong one is a try. Raises
    TooManyAttempts."""

    user: User

    def clean_code(self) -> str:
        with trying_code(self.user.pk):
            code: str = super().clean_code()  # type: ignore[misc]  # of allauth's form
        return code


@contextmanager
def trying_password(user: User) -> Iterator[None]:
    """Count a try at the password that ``user``, who is logged in, has; none if the block ends
    well. Raises TooManyAttempts."""
    tried = PasswordTry(user.username, counted_as(context.request))
    yield
    tried.was_right()


class FirstPasswordForm(PasswordVerificationMixin, forms.Form):  # type: ignore[misc]
    """A username, and a password typed twice, which somebody without one chooses.

    ``user`` is a person on record, or a new one who is not saved yet.
    """

    username = forms.CharField(
        label=_("Username"),
        max_length=_USERNAME.max_length,
        validators=_USERNAME.validators,
        widget=forms.TextInput({"autocomplete": "username"}),
    )
    password1 = SetPasswordField(label=_("Password"))
    password2 = PasswordField(label=_("Password (again)"), autocomplete="new-password")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        password: Any = self.fields["password1"]  # allauth's, which validates for a user
        password.user = user


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
