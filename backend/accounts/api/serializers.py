"""Shapes of people."""

from typing import Any

from rest_framework import serializers

from backend.accounts import phones
from backend.accounts.api.fields import CodeField
from backend.accounts.models import Consent, Guardianship, User
from backend.accounts.purposes import GUARDIAN_TEXT, GUARDIANSHIP, TEXTS
from backend.accounts.services.guardians import CODE_LENGTH
from backend.api.fields import CharField, DateField, IntegerField
from backend.api.serializers import ReadSerializer


class MaskedPhoneField(serializers.CharField):
    """``199****0001``, or ``""`` for who has no phone on record."""

    def to_representation(self, phone: str) -> str:
        return phones.mask(phone) if phone else ""


class PersonSerializer(ReadSerializer[User]):
    """Person as staff see them: by name, to tell who it was; the phone stays masked."""

    name = serializers.CharField(source="shown_name", read_only=True)
    phone = MaskedPhoneField(read_only=True)

    class Meta:
        model = User
        fields = ("id",)


class ConsentTextSerializer(serializers.Serializer[Any]):
    """What one may agree to, in the language asked for."""

    purpose = serializers.ChoiceField(
        choices=[*Consent.Purpose.choices, (GUARDIANSHIP, "Guardianship")], read_only=True
    )
    version = serializers.IntegerField(read_only=True)
    text = serializers.CharField(read_only=True)


class ConsentSerializer(ReadSerializer[Consent]):
    """``in_force`` is false of words that have changed since, or where it was withdrawn."""

    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Consent
        fields = ("purpose", "version", "given_at", "withdrawn_at")

    def get_in_force(self, consent: Consent) -> bool:
        current = TEXTS[Consent.Purpose(consent.purpose)].version
        return consent.withdrawn_at is None and consent.version == current


class GiveConsentSerializer(serializers.Serializer[Any]):
    """``version`` of the words that were read."""

    version = IntegerField(min_value=1, max_value=32_767)


class BindPhoneSerializer(serializers.Serializer[User]):
    """``code``: what ``open-type="getPhoneNumber"`` gave the mini-program, good once."""

    code = CharField(max_length=128)
    name = CharField(max_length=60, required=False, allow_blank=True)


class BoundPhoneSerializer(serializers.Serializer[dict[str, Any]]):
    """``log_in_again``: the caller is the person on record with this number from now on."""

    phone = MaskedPhoneField(read_only=True)
    log_in_again = serializers.BooleanField(read_only=True)


class ProfileSerializer(serializers.Serializer[User]):
    """What somebody may tell about themselves; what is left out stays as it is."""

    name = CharField(max_length=60, required=False)
    born_on = DateField(required=False, help_text="Told once, it is final.")


class GuardianCodeSerializer(serializers.Serializer[Any]):
    """``code``: for the guardian to enter, once, until ``expires_at``; null once it was used."""

    code = serializers.CharField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)


class GuardianshipSerializer(ReadSerializer[Guardianship]):
    """A guardianship; names are masked. ``in_force``: not withdrawn, and to today's words."""

    child = serializers.CharField(source="child.masked_name", read_only=True)
    guardian = serializers.CharField(source="guardian.masked_name", read_only=True)
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Guardianship
        fields = ("id", "relation", "version", "given_at", "withdrawn_at")

    def get_in_force(self, guardianship: Guardianship) -> bool:
        return guardianship.withdrawn_at is None and guardianship.version == GUARDIAN_TEXT.version


class AgreeAsGuardianSerializer(serializers.Serializer[Guardianship]):
    """``code``: what the child shows; ``version`` of the words that were read."""

    code = CodeField(length=CODE_LENGTH)
    relation = serializers.ChoiceField(choices=Guardianship.Relation.choices)
    version = IntegerField(min_value=1, max_value=32_767)
