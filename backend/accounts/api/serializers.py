"""Shapes of people."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts import phones
from backend.accounts.models import User
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.models import Membership
from backend.communities.selectors import memberships_of


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


class MembershipSerializer(serializers.ModelSerializer[Membership]):
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
        fields = ("id", "username", "name", "phone", "memberships")
        read_only_fields = fields

    @extend_schema_field(MembershipSerializer(many=True))
    def get_memberships(self, user: User) -> object:
        return MembershipSerializer(memberships_of(user), many=True).data
