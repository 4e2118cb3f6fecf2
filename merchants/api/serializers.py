"""Shapes of offers, vouchers and statements."""

from typing import Any

from rest_framework import serializers

from backend.accounts.api.fields import CodeField
from backend.accounts.models import User
from backend.api.fields import CharField, DateField, IntegerField
from backend.communities.models import Community
from merchants.models import (
    Invitation,
    Merchant,
    MerchantMember,
    Offer,
    Partnership,
    Redemption,
    Statement,
)
from merchants.services import invitations, redemption


class PartnerSerializer(serializers.ModelSerializer[Partnership]):
    """A merchant, under the name by which the community lists it."""

    id = serializers.UUIDField(source="merchant_id", read_only=True)

    class Meta:
        model = Partnership
        fields = ("id", "name")
        read_only_fields = fields


class PartnerCommunitySerializer(serializers.ModelSerializer[Community]):
    class Meta:
        model = Community
        fields = ("code", "name")
        read_only_fields = fields


class OfferSerializer(serializers.ModelSerializer[Offer]):
    """What it is, what it costs, and for whom: null or empty is no condition.

    ``limit_quantity`` pieces per ``limit_period`` for one person; days are the community's, both
    included.
    """

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    picture = serializers.CharField(source="picture_url", read_only=True, allow_null=True)

    class Meta:
        model = Offer
        fields: tuple[str, ...] = (
            "id",
            "code",
            "title",
            "kind",
            "description",
            "picture",
            "starts_at",
            "price_points",
            "stock",
            "valid_from",
            "valid_until",
            "limit_quantity",
            "limit_period",
            "min_hours",
            "min_stars",
            "groups",
            "min_age",
            "max_age",
            "scans_offline",
            "offline_hours",
            "merchant",
            "community",
        )
        read_only_fields = fields


class TakeSerializer(serializers.Serializer[Any]):
    quantity = IntegerField(min_value=1, max_value=100, default=1)


class TakenOfferSerializer(serializers.ModelSerializer[Offer]):
    picture = serializers.CharField(source="picture_url", read_only=True, allow_null=True)

    class Meta:
        model = Offer
        fields = ("id", "code", "title", "picture")
        read_only_fields = fields


class VoucherSerializer(serializers.ModelSerializer[Redemption]):
    """What its owner sees: ``price_points`` is for the whole quantity.

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


class WorkplaceSerializer(serializers.ModelSerializer[Merchant]):
    role = serializers.ChoiceField(choices=MerchantMember.Role.choices, read_only=True)

    class Meta:
        model = Merchant
        fields = ("id", "name", "trade", "role")
        read_only_fields = fields


class ScanSerializer(serializers.Serializer[Any]):
    """The voucher's code, or its signed one. Of a voucher for several, fewer may be handed out:
    ``quantity``; the rest is given back at once."""

    code = CodeField(length=redemption.CODE_LENGTH, or_signed=True, max_length=1_000)
    quantity = IntegerField(min_value=1, max_value=100, required=False)


class RedeemedSerializer(serializers.ModelSerializer[Redemption]):
    """What the merchant sees: the item, and of the person a masked name and nothing else."""

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


class ColleagueSerializer(serializers.ModelSerializer[User]):
    """Somebody at work: four eyes, and who answers for a counter, need names."""

    name = serializers.CharField(source="shown_name", read_only=True)

    class Meta:
        model = User
        fields = ("id", "name")
        read_only_fields = fields


class OwnersRedeemedSerializer(RedeemedSerializer):
    """The same as owners see it; a clerk is not told ``redeemed_by``, which clerk it was.

    Null if the volunteer confirmed it with the shop's code.
    """

    redeemed_by = ColleagueSerializer(required=False, allow_null=True)

    class Meta(RedeemedSerializer.Meta):
        fields = (*RedeemedSerializer.Meta.fields, "redeemed_by")
        read_only_fields = fields


class MemberOfMerchantSerializer(serializers.ModelSerializer[MerchantMember]):
    """``ended_at`` is null while they work there."""

    user = ColleagueSerializer(read_only=True)

    class Meta:
        model = MerchantMember
        fields = ("id", "user", "role", "since_at", "ended_at")
        read_only_fields = fields


class InviteSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(
        choices=MerchantMember.Role.choices, default=MerchantMember.Role.CLERK
    )


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An invitation without its code."""

    state = serializers.ChoiceField(choices=Invitation.State.choices, read_only=True)
    invited_by = ColleagueSerializer(read_only=True)
    accepted_by = ColleagueSerializer(read_only=True, allow_null=True)
    revoked_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = (
            "id",
            "role",
            "state",
            "invited_at",
            "invited_by",
            "expires_at",
            "accepted_at",
            "accepted_by",
            "revoked_at",
            "revoked_by",
        )
        read_only_fields = fields


class NewInvitationSerializer(InvitationSerializer):
    """With its code, to be read aloud or sent as a message; null once it is no longer good."""

    code = serializers.CharField(read_only=True, allow_null=True)

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "code")
        read_only_fields = fields


class AcceptInvitationSerializer(serializers.Serializer[Any]):
    """``code`` as the owner told it, in any case, with or without the hyphens."""

    code = CodeField(length=invitations.GROUPS * invitations.LETTERS)


class ServiceSerializer(serializers.Serializer[Any]):
    """What volunteers did for the merchant in one activity: never worth money."""

    activity_id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(read_only=True)
    volunteers = serializers.IntegerField(read_only=True)
    minutes = serializers.IntegerField(read_only=True)


class StatementSerializer(serializers.ModelSerializer[Statement]):
    """What the merchant sees. The end of the period is not part of it.

    ``points`` and ``amount_fen`` are of its lines, refunds taken off; ``carried_fen``, 0 or less,
    is left over from the statement before, and ``due_fen`` is what is paid. From approval on there
    are a ``number`` and a ``digest`` (SHA-256) of all of it.
    """

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    number = serializers.CharField(read_only=True)
    due_fen = serializers.IntegerField(read_only=True)
    services = ServiceSerializer(many=True, read_only=True)

    class Meta:
        model = Statement
        fields: tuple[str, ...] = (
            "id",
            "merchant",
            "community",
            "period_start",
            "period_end",
            "status",
            "number",
            "redemptions_count",
            "refunds_count",
            "points",
            "amount_fen",
            "carried_fen",
            "due_fen",
            "services",
            "digest",
            "drafted_at",
            "approved_at",
            "paid_at",
            "payment_reference",
        )
        read_only_fields = fields


class HandledStatementSerializer(StatementSerializer):
    """What staff and auditors see: also who did what; nobody drafted it if it was the night."""

    drafted_by = ColleagueSerializer(read_only=True, allow_null=True)
    approved_by = ColleagueSerializer(read_only=True, allow_null=True)
    paid_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta(StatementSerializer.Meta):
        fields = (*StatementSerializer.Meta.fields, "drafted_by", "approved_by", "paid_by")
        read_only_fields = fields


class StatementLineSerializer(serializers.ModelSerializer[Redemption]):
    """One redemption with the rate that was frozen when it was taken, and the clerk it was.

    ``redeemed_by`` is null if the volunteer confirmed it with the shop's code.
    """

    offer_code = serializers.CharField(source="offer.code", read_only=True)
    offer_title = serializers.CharField(source="offer.title", read_only=True)
    redeemed_at = serializers.DateTimeField(source="closed_at", read_only=True)
    redeemed_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Redemption
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


class PeriodSerializer(serializers.Serializer[Any]):
    """The community's days; the end is not part of the period."""

    period_start = DateField()
    period_end = DateField()


class PaymentSerializer(serializers.Serializer[Any]):
    """``reference`` is the bank's, for instance; nothing is paid to who donates."""

    reference = CharField(max_length=64, allow_blank=True, default="")
