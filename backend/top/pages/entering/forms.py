"""The forms of the log-in to a room: django-allauth's, counted as a phone's are."""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from django import forms
from django.utils.translation import gettext_lazy as _

from backend.accounts.forms import CountedForm, GuessedCode, TypedCodeField
from backend.accounts.phones import mainland
from backend.api.filters import WordsField


class LogInForm(CountedForm, account.LoginForm):  # type: ignore[misc]  # allauth is untyped
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)  # it would repeat the label

    def clean_login(self) -> str:
        username: str = WordsField().clean(self.cleaned_data["login"])
        return username


class SecondFactorForm(CountedForm, GuessedCode, mfa.AuthenticateForm):  # type: ignore[misc]
    pass


class PhoneForm(CountedForm):
    """The number of somebody who wants a code by SMS."""

    phone = forms.CharField(
        label=_("Your mobile number"),
        max_length=30,
        widget=forms.TextInput({"type": "tel", "autocomplete": "tel"}),
    )

    def clean_phone(self) -> str:
        number = mainland(self.cleaned_data["phone"])
        if number is None:
            raise forms.ValidationError(_("Please type a mobile number of 11 digits."))
        return number


class TextedCodeForm(CountedForm):
    """The code that came by SMS, and the name on the community's list."""

    code = TypedCodeField(label=_("The code of 6 digits"), max_length=20)
    name = WordsField(label=_("Your name"), max_length=60)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class LinkForm(CountedForm):
    """The code of a link that staff handed out."""

    code = WordsField(
        label=_("The code on your paper"),
        max_length=60,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "characters"}),
    )
