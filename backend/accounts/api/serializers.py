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


class BindPhoneSerializer(serializers.Serializer[User]):
    """``code``: what ``open-type="getPhoneNumber"`` gave the mini-program, good once."""

    code = serializers.CharField(max_length=128)
    name = serializers.CharField(max_length=60, required=False, allow_blank=True)


class BoundPhoneSerializer(serializers.Serializer[User]):
    """``log_in_again``: the caller is the person on record with this number from now on."""

    phone = MaskedPhoneField(read_only=True)
    log_in_again = serializers.BooleanField(read_only=True)
