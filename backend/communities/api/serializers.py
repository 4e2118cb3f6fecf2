"""Shapes of places, and of who is what in them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.api.serializers import MaskedPhoneField
from backend.accounts.models import User
from backend.communities.models import Community, Membership
from backend.communities.selectors import memberships_of


class CommunityInBriefSerializer(serializers.ModelSerializer[Community]):
    """Which community something belongs to."""

    class Meta:
        model = Community
        fields = ("id", "code", "name")
        read_only_fields = fields


class CommunitySerializer(serializers.ModelSerializer[Community]):
    """``timezone`` is the IANA name of the zone in which its days begin."""

    class Meta:
        model = Community
        fields = ("id", "code", "name", "timezone")
        read_only_fields = fields


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """One role in one place; it reaches to the places below."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("community", "role")
        read_only_fields = fields


class MeSerializer(serializers.ModelSerializer[User]):
    """Whoever is logged in, and what they are where."""

    phone = MaskedPhoneField(read_only=True)
    memberships = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "username", "name", "phone", "second_factor_required", "memberships")
        read_only_fields = fields

    @extend_schema_field(MembershipSerializer(many=True))
    def get_memberships(self, user: User) -> object:
        return MembershipSerializer(memberships_of(user), many=True).data
