"""Serializer fields for what people type from paper, or paste."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from backend import codes
from backend.accounts import phones


class CodeField(serializers.CharField):
    """A code of ``length`` characters, read as it was made however it is typed (backend/codes.py).

    Text that can not be a code is refused as ``not_a_code`` before anything is looked up, and does
    not count as a guess. With ``or_signed`` a JWT is taken as well, with blanks around it removed.
    """

    default_error_messages = {
        "not_a_code": _(
            "This can not be such a code. Codes here have no 0, O, 1, I or L: please look again."
        )
    }

    def __init__(self, *, length: int, or_signed: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 64)
        super().__init__(**kwargs)
        self.length, self.or_signed = length, or_signed

    def to_internal_value(self, data: Any) -> str:
        typed = super().to_internal_value(data)
        made = codes.as_made(typed)
        if codes.is_code(made, self.length) or (self.allow_blank and not made):
            return made
        signed = codes.trimmed(typed)
        if not (self.or_signed and "." in signed and signed.isascii()):
            self.fail("not_a_code")
        return signed


class MobileField(serializers.CharField):
    """A mobile number of mainland China, however it is written, read as its eleven digits."""

    default_error_messages = {
        "phone_unsupported": _("A mobile number of mainland China has 11 digits and begins with 1.")
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 40)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        number = phones.mainland(super().to_internal_value(data))
        if number is None:
            self.fail("phone_unsupported")
        return number


class DigitsField(serializers.CharField):
    """A number to copy, such as a bank account's, read with or without gaps between its digits."""

    default_error_messages = {"invalid": _("Write it in digits.")}

    def to_internal_value(self, data: Any) -> str:
        digits = codes.as_made(super().to_internal_value(data))
        if not codes.is_digits(digits):
            self.fail("invalid")
        return digits


class DialledField(serializers.CharField):
    """A number to call, such as an office's or a shop's, of any country."""

    default_error_messages = {"invalid": _("Write a phone number in digits, blanks and dashes.")}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 20)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        number = phones.as_dialled(super().to_internal_value(data))
        if number and not phones.DIALLED.fullmatch(number):
            self.fail("invalid")
        return number


class PasswordField(serializers.CharField):
    """A password, as typed: whatever stands in it is part of it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 128)
        kwargs.setdefault("write_only", True)
        kwargs.setdefault("style", {"input_type": "password"})
        super().__init__(trim_whitespace=False, **kwargs)
