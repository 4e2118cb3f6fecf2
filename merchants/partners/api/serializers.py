"""Shapes of offers, vouchers and statements."""

from typing import Any

from rest_framework import serializers

from backend.accounts.api.fields import CodeField
from backend.accounts.models import User
from backend.communities.models import Community
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import invitations


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


class WorkplaceSerializer(serializers.ModelSerializer[Merchant]):
    role = serializers.ChoiceField(choices=MerchantMember.Role.choices, read_only=True)

    class Meta:
        model = Merchant
        fields = ("id", "name", "trade", "role")
        read_only_fields = fields


class ColleagueSerializer(serializers.ModelSerializer[User]):
    """Somebody at work: four eyes, and who answers for a counter, need names."""

    name = serializers.CharField(source="shown_name", read_only=True)

    class Meta:
        model = User
        fields = ("id", "name")
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

    status = serializers.ChoiceField(choices=Invitation.Status.choices, read_only=True)
    invited_by = ColleagueSerializer(read_only=True)
    accepted_by = ColleagueSerializer(read_only=True, allow_null=True)
    revoked_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = (
            "id",
            "role",
            "status",
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
