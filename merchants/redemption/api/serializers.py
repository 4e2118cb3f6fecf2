"""Serializers of vouchers and redemptions."""

from typing import Any

from rest_framework import serializers

from backend.accounts.api.fields import CodeField
from backend.accounts.api.serializers import ColleagueSerializer
from backend.api.fields import IntegerField
from backend.api.serializers import ReadSerializer
from merchants.catalogue.api.serializers import TakenOfferSerializer
from merchants.partners.api.serializers import PartnerSerializer
from merchants.redemption.models import Redemption
from merchants.redemption.selectors import told_to
from merchants.redemption.services import vouchers as redemption


class TakeSerializer(serializers.Serializer[Any]):
    quantity = IntegerField(min_value=1, max_value=100, default=1)


class VoucherSerializer(ReadSerializer[Redemption]):
    """A voucher as its owner sees it: ``price_points`` is for the whole quantity.

    With ``offline_until`` it can be scanned without signal (see ``offline-code``); if cancelled or
    lapsed it is given back at that time.
    """

    refunded_points = serializers.IntegerField(read_only=True)
    offer = TakenOfferSerializer(read_only=True)
    merchant = PartnerSerializer(source="partnership", read_only=True)

    class Meta:
        model = Redemption
        fields = (
            "id",
            "code",
            "quantity",
            "price_points",
            "refunded_quantity",
            "status",
            "taken_at",
            "expires_at",
            "offline_until",
            "cancel_asked_at",
            "closed_at",
        )


class ScanSerializer(serializers.Serializer[Any]):
    """The voucher's code, or its signed code.

    With ``quantity``, that many pieces are handed out; the rest is refunded at once.
    """

    code = CodeField(length=redemption.CODE_LENGTH, or_signed=True, max_length=1_000)
    quantity = IntegerField(min_value=1, max_value=100, required=False)


_FIGURES = ("id", "quantity", "price_points")


class RedeemedSerializer(ReadSerializer[Redemption]):
    """A redemption as the merchant sees it: a masked name, and nothing else of the person."""

    offer_title = serializers.CharField(source="offer.title", read_only=True)
    redeemed_at = serializers.DateTimeField(source="closed_at", read_only=True)
    volunteer = serializers.CharField(source="volunteer.masked_name", read_only=True)

    class Meta:
        model = Redemption
        fields: tuple[str, ...] = (*_FIGURES, "refunded_quantity")


TOLD_TO_ALL = tuple(RedeemedSerializer().fields)


def as_told(told: dict[str, Any], redemption: Any) -> dict[str, Any]:
    """Remove the fields that the ``reader`` of a redemption may not see."""
    if redemption.reader == "staff":
        return told
    names = TOLD_TO_ALL if redemption.reader == "clerk" else (*TOLD_TO_ALL, "redeemed_by")
    return {name: told[name] for name in names}


class OwnersRedeemedSerializer(RedeemedSerializer):
    """A redemption as owners see it, with ``redeemed_by``, the clerk; clerks do not see it.

    ``redeemed_by`` is null if the volunteer confirmed it with the shop's code.
    """

    redeemed_by = ColleagueSerializer(required=False, allow_null=True)

    rows_for = staticmethod(told_to)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return as_told(super().to_representation(instance), instance)


class StatementLineSerializer(RedeemedSerializer):
    """A redemption with its clerk, and the rate frozen when it was taken.

    ``redeemed_by`` is null if the volunteer confirmed it with the shop's code.
    """

    offer_code = serializers.CharField(source="offer.code", read_only=True)
    redeemed_by = ColleagueSerializer(read_only=True, allow_null=True)
    volunteer: Any = None

    class Meta(RedeemedSerializer.Meta):
        fields = (*_FIGURES, "fen_per_point", "amount_fen")
