"""Shapes of seals and receipts."""

from typing import Any

from rest_framework import serializers

from points.seals.models import Seal
from points.seals.services import sealing

HASH = "64 lower-case hexadecimal digits."


class SealHeaderSerializer(serializers.Serializer[Any]):
    """The fields that a seal's head is made of, exactly as they were hashed."""

    community = serializers.CharField(read_only=True)
    number = serializers.IntegerField(read_only=True, help_text="1, 2, … in the community.")
    size = serializers.IntegerField(read_only=True, help_text="How many rows are in it.")
    root = serializers.CharField(read_only=True, help_text=HASH)  # type: ignore[assignment]
    previous = serializers.CharField(
        read_only=True, help_text="The head before it; zeros before the first."
    )
    sealed_at = serializers.CharField(
        read_only=True, help_text="UTC with six decimals: `2026-11-22T21:20:32.123456Z`."
    )


class SealSerializer(SealHeaderSerializer):
    """A published seal. Whoever keeps its ``head`` notices any later change to what it seals."""

    head = serializers.CharField(read_only=True, help_text=HASH)

    class Meta:
        model = Seal

    def to_representation(self, seal: Any) -> Any:
        return super().to_representation(sealing.published(seal))


class ReceiptSerializer(serializers.Serializer[Any]):
    """A proof (RFC 6962) that the row in ``leaf``, such as a transfer, is under ``head``.

    ``points/verify_receipt.py`` checks it, also against a page of the published seals.
    """

    format = serializers.CharField(read_only=True)
    leaf = serializers.CharField(read_only=True, help_text="The row, as it was hashed.")
    index = serializers.IntegerField(read_only=True)
    path = serializers.ListField(child=serializers.CharField(), read_only=True)
    seal = SealHeaderSerializer(read_only=True)
    head = serializers.CharField(read_only=True, help_text=HASH)
