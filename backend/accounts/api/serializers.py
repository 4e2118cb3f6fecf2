"""Shapes of people."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from backend.accounts import phones
from backend.accounts.api.fields import CodeField, PasswordField
from backend.accounts.models import Consent, Guardianship, User
from backend.accounts.purposes import GUARDIAN_TEXT, GUARDIANSHIP, TEXTS
from backend.accounts.services import logins, operators
from backend.accounts.services.guardians import CODE_LENGTH
from backend.api.fields import CharField, DateField, IntegerField
from backend.api.serializers import ReadSerializer


class MaskedPhoneField(serializers.CharField):
    """A phone number as ``199****0001``, or ``""`` if there is none on record."""

    def to_representation(self, phone: str) -> str:
        return phones.mask(phone) if phone else ""


class PersonSerializer(ReadSerializer[User]):
    """A person as staff see them: the name in full, the phone masked.

    The phone is empty for whoever may read the name alone, such as a team's leader.
    """

    name = serializers.CharField(source="shown_name", read_only=True)
    phone = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id",)

    def get_phone(self, user: User) -> str:
        phone = "" if user.is_shown_without_phone else user.phone
        return MaskedPhoneField().to_representation(phone)


class ColleagueSerializer(ReadSerializer[User]):
    """A person at work, by name: four eyes, and answering for a counter, need names."""

    name = serializers.CharField(source="shown_name", read_only=True)

    class Meta:
        model = User
        fields = ("id",)


class ConsentTextSerializer(serializers.Serializer[Any]):
    """A purpose that one may agree to, and its text in the language asked for."""

    purpose = serializers.ChoiceField(
        choices=[*Consent.Purpose.choices, (GUARDIANSHIP, "Guardianship")], read_only=True
    )
    version = serializers.IntegerField(read_only=True)
    text = serializers.CharField(read_only=True)


class ConsentSerializer(ReadSerializer[Consent]):
    """A consent. ``in_force`` is false if it was withdrawn or the text has changed since."""

    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Consent
        fields = ("purpose", "version", "given_at", "withdrawn_at")

    def get_in_force(self, consent: Consent) -> bool:
        current = TEXTS[Consent.Purpose(consent.purpose)].version
        return consent.withdrawn_at is None and consent.version == current


class GiveConsentSerializer(serializers.Serializer[Any]):
    """A consent to give. ``version`` is that of the text that was read."""

    version = IntegerField(min_value=1, max_value=32_767)


class BindPhoneSerializer(serializers.Serializer[User]):
    """A phone number to bind. ``code``, good once, is from ``open-type="getPhoneNumber"``."""

    code = CharField(max_length=128)
    name = CharField(max_length=60, required=False, allow_blank=True)


class BoundPhoneSerializer(serializers.Serializer[dict[str, Any]]):
    """The bound number. ``log_in_again``: the caller is now the person on record with it."""

    phone = MaskedPhoneField(read_only=True)
    log_in_again = serializers.BooleanField(read_only=True)


class ProfileSerializer(serializers.Serializer[User]):
    """The facts that people tell about themselves; fields that are left out stay as they are."""

    name = CharField(max_length=60, required=False)
    born_on = DateField(required=False, help_text="Told once, it is final.")


class GuardianCodeSerializer(serializers.Serializer[Any]):
    """A code for the guardian to enter once, until ``expires_at``; ``code`` is null once used."""

    code = serializers.CharField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)


class GuardianshipSerializer(ReadSerializer[Guardianship]):
    """A guardianship; names are masked. ``in_force``: not withdrawn, and to today's text."""

    child = serializers.CharField(source="child.masked_name", read_only=True)
    guardian = serializers.CharField(source="guardian.masked_name", read_only=True)
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Guardianship
        fields = ("id", "relation", "version", "given_at", "withdrawn_at")

    def get_in_force(self, guardianship: Guardianship) -> bool:
        return guardianship.withdrawn_at is None and guardianship.version == GUARDIAN_TEXT.version


class AgreeAsGuardianSerializer(serializers.Serializer[Guardianship]):
    """A guardian's consent: the ``code`` that the child shows, the ``version`` that was read."""

    code = CodeField(length=CODE_LENGTH)
    relation = serializers.ChoiceField(choices=Guardianship.Relation.choices)
    version = IntegerField(min_value=1, max_value=32_767)


class NewPersonSerializer(serializers.Serializer[Any]):
    """A person who is not on record yet: the name, and the log-in that they choose themselves."""

    name = CharField(max_length=60)
    username = CharField(max_length=150)
    password = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            logins.refuse_weak(
                User(username=attrs["username"], name=attrs["name"]), attrs["password"]
            )
        except ValidationError as error:
            raise serializers.ValidationError(serializers.as_serializer_error(error)) from None
        return attrs


class SetUpSerializer(NewPersonSerializer):
    """An operator, and the code of the link that the installation showed when it started."""

    code = CodeField(length=operators.CODE_LENGTH)


class LogInSerializer(ReadSerializer[User]):
    """A person who can log in by now."""

    class Meta:
        model = User
        fields = ("id", "username", "name")
