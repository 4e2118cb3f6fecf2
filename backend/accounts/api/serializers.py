"""Shapes of people."""

from rest_framework import serializers

from backend.accounts import phones
from backend.accounts.models import User


class MaskedPhoneField(serializers.CharField):
    """``199****0001``, or ``""`` for who has no phone on record."""

    def to_representation(self, phone: str) -> str:
        return phones.mask(phone) if phone else ""


class PersonSerializer(serializers.ModelSerializer[User]):
    """Somebody as staff see them: by name, to tell who it was; the phone stays masked."""

    phone = MaskedPhoneField(read_only=True)

    class Meta:
        model = User
        fields = ("id", "name", "phone")
        read_only_fields = fields
