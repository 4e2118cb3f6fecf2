"""Shapes of vouchers and redemptions."""

from typing import Any

from rest_framework import serializers

from backend.accounts.api.fields import CodeField
from backend.api.fields import IntegerField
from merchants.catalogue.api.serializers import TakenOfferSerializer
from merchants.partners.api.serializers import ColleagueSerializer, PartnerSerializer
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers as redemption


class TakeSerializer(serializers.Serializer[Any]):
    quantity = IntegerField(min_value=1, max_value=100, default=1)


class VoucherSerializer(serializers.ModelSerializer[Redemption]):
    """A voucher as its owner sees it: ``price_points`` is for the whole quantity.

    With ``offline_until`` it can be scanned without signal, see ``offline-code``, and what is
    cancelled or lapses is given back then.
    """

    refunded_points = serializers.IntegerField(read_only=True)
    offer = TakenOfferSerializer(read_only=True)
    merchant = PartnerSerializer(source="partnership", read_only=True)

    class Meta:
        model = Redemption
        fields = (
            "id",
            "code",
            "offer",
            "merchant",
            "quantity",
            "price_points",
            "refunded_quantity",
            "refunded_points",
            "status",
            "taken_at",
            "expires_at",
            "offline_until",
            "cancel_asked_at",
            "closed_at",
        )
        read_only_fields = fields


class ScanSerializer(serializers.Serializer[Any]):
    """The voucher's code, or its signed one.

    Of a voucher for several, ``quantity`` may be handed out; the rest is given back at once.
    """

    code = CodeField(length=redemption.CODE_LENGTH, or_signed=True, max_length=1_000)
    quantity = IntegerField(min_value=1, max_value=100, required=False)


class RedeemedSerializer(serializers.ModelSerializer[Redemption]):
    """A redemption as the merchant sees it: of the person a masked name and nothing else."""

    offer_title = serializers.CharField(source="offer.title", read_only=True)
    redeemed_at = serializers.DateTimeField(source="closed_at", read_only=True)
    volunteer = serializers.CharField(source="volunteer.masked_name", read_only=True)

    class Meta:
        model = Redemption
        fields: tuple[str, ...] = (
            "id",
            "offer_title",
            "quantity",
            "price_points",
            "refunded_quantity",
            "redeemed_at",
            "volunteer",
        )
        read_only_fields = fields


class OwnersRedeemedSerializer(RedeemedSerializer):
    """A redemption as owners see it, with ``redeemed_by``, the clerk; clerks are not told.

    Null if the volunteer confirmed it with the shop's code.
    """

    redeemed_by = ColleagueSerializer(required=False, allow_null=True)

    class Meta(RedeemedSerializer.Meta):
        fields = (*RedeemedSerializer.Meta.fields, "redeemed_by")
        read_only_fields = fields


class StatementLineSerializer(OwnersRedeemedSerializer):
    """One redemption with the rate that was frozen when it was taken, and the clerk it was.

    ``redeemed_by`` is null if the volunteer confirmed it with the shop's code.
    """

    offer_code = serializers.CharField(source="offer.code", read_only=True)
    redeemed_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(RedeemedSerializer.Meta):
        fields: tuple[str, ...] = (
            "id",
            "offer_code",
            "offer_title",
            "quantity",
            "price_points",
            "fen_per_point",
            "amount_fen",
            "redeemed_at",
            "redeemed_by",
        )
        read_only_fields = fields
