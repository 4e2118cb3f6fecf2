"""Serializers that the slices of merchants share, and those of people who work there."""

from typing import Any

from rest_framework import serializers

from backend.accounts.api.fields import CodeField
from backend.accounts.api.serializers import ColleagueSerializer, NewPersonSerializer
from backend.api.fields import TextField
from backend.api.serializers import ReadSerializer
from backend.communities.models import Community
from backend.invitations.services import CODE_LENGTH
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership


class PartnerSerializer(ReadSerializer[Partnership]):
    """A merchant, under the name by which the community lists it."""

    id = serializers.UUIDField(source="merchant_id", read_only=True)

    class Meta:
        model = Partnership
        fields = ("id", "name")


class PartnerCommunitySerializer(ReadSerializer[Community]):
    class Meta:
        model = Community
        fields = ("code", "name")


class WorkplaceSerializer(ReadSerializer[Merchant]):
    role = serializers.ChoiceField(choices=MerchantMember.Role.choices, read_only=True)

    class Meta:
        model = Merchant
        fields = ("id", "name", "trade")


class DecisionSerializer(serializers.Serializer[Any]):
    """A decision. ``reason`` is passed on where a person is told, as of a wish."""

    accept = serializers.BooleanField()
    reason = TextField(max_length=200, allow_blank=True, default="")


class MemberOfMerchantSerializer(ReadSerializer[MerchantMember]):
    """A person who works or worked there; ``ended_at`` is null while they work there."""

    user = ColleagueSerializer(read_only=True)

    class Meta:
        model = MerchantMember
        fields = ("id", "role", "since_at", "ended_at")


class InviteSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(
        choices=MerchantMember.Role.choices, default=MerchantMember.Role.CLERK
    )


class InvitationSerializer(ReadSerializer[Invitation]):
    """An invitation without its code."""

    status = serializers.ChoiceField(choices=Invitation.Status.choices, read_only=True)
    invited_by = ColleagueSerializer(read_only=True)
    accepted_by = ColleagueSerializer(read_only=True, allow_null=True)
    revoked_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields = ("id", "role", "invited_at", "expires_at", "accepted_at", "revoked_at")


class NewInvitationSerializer(InvitationSerializer):
    """An invitation with its code, to be read aloud or sent; null once it is no longer good."""

    code = serializers.CharField(read_only=True, allow_null=True)


class AcceptInvitationSerializer(serializers.Serializer[Any]):
    """A ``code`` as the owner told it, in either case, with or without the hyphens."""

    code = CodeField(length=CODE_LENGTH)


class AcceptAsNewWorkerSerializer(AcceptInvitationSerializer, NewPersonSerializer):
    """A code, and who accepts it: somebody who is not on record yet."""


class InvitedToWorkSerializer(ReadSerializer[Invitation]):
    """The merchant and the role that a code is good for, for whoever has the code."""

    merchant = serializers.CharField(source="merchant.name", read_only=True)
    invited_by = serializers.CharField(source="invited_by.masked_name", read_only=True)

    class Meta:
        model = Invitation
        fields = ("role", "expires_at")


class NewWorkerSerializer(ReadSerializer[MerchantMember]):
    """Somebody new who works at a merchant, and how they log in."""

    username = serializers.CharField(source="user.username", read_only=True)
    merchant = serializers.CharField(source="merchant.name", read_only=True)

    class Meta:
        model = MerchantMember
        fields = ("id", "role")
