"""Shapes of places, and of who is what in them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.api.fields import DialledField, MobileField
from backend.accounts.api.serializers import MaskedPhoneField, PersonSerializer
from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.api.fields import CharField, TextField
from backend.communities.models import Community, CoordType, Membership, Role
from backend.communities.selectors import memberships_of, places_below

GIVEN_ROLES = [choice for choice in Role.choices if choice[0] != Role.VOLUNTEER]  # they join


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
    guardian_is_missing = serializers.SerializerMethodField(
        help_text="Under 14, and no parent or guardian agrees: nothing new can be done."
    )
    erased_from = serializers.DateTimeField(
        source="erasure_due_at", read_only=True, allow_null=True
    )
    memberships = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "name",
            "phone",
            "born_on",
            "guardian_is_missing",
            "second_factor_required",
            "erased_from",
            "memberships",
        )
        read_only_fields = fields

    def get_guardian_is_missing(self, user: User) -> bool:
        return guardians.is_missing(user)

    @extend_schema_field(MembershipSerializer(many=True))
    def get_memberships(self, user: User) -> object:
        return MembershipSerializer(memberships_of(user), many=True).data


# --- where to reach a place -------------------------------------------------------------------
class ContactSerializer(serializers.ModelSerializer[Community]):
    """Where a place is and stands in the tree.

    ``parent`` is the place above, null for none; ``below`` a street's communities or a community's
    estates. Coordinates are both there or both null, to be read as ``coord_type`` says.
    """

    parent = CommunityInBriefSerializer(read_only=True, allow_null=True)
    below = serializers.SerializerMethodField()

    class Meta:
        model = Community
        fields = (
            "id",
            "code",
            "name",
            "kind",
            "parent",
            "below",
            "contact_phone",
            "address",
            "latitude",
            "longitude",
            "coord_type",
        )
        read_only_fields = fields

    @extend_schema_field(CommunityInBriefSerializer(many=True))
    def get_below(self, place: Community) -> object:
        return CommunityInBriefSerializer(places_below(place), many=True).data


class ChangeContactSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is; coordinates come both, or both as null."""

    contact_phone = DialledField(required=False, allow_blank=True)
    address = CharField(max_length=120, required=False, allow_blank=True)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False, allow_null=True)
    longitude = serializers.FloatField(
        min_value=-180, max_value=180, required=False, allow_null=True
    )
    coord_type = serializers.ChoiceField(choices=CoordType.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        told = [name for name in ("latitude", "longitude") if name in attrs]
        if len(told) == 1 or len({attrs[name] is None for name in told}) > 1:
            raise serializers.ValidationError(
                {"longitude": [_("Tell both coordinates, or neither.")]}, code="required"
            )
        return attrs


class JoinCodeSerializer(serializers.ModelSerializer[Community]):
    """Null: nobody joins by a code."""

    class Meta:
        model = Community
        fields = ("join_code",)
        read_only_fields = fields


# --- who is what ------------------------------------------------------------------------------
class MemberSerializer(serializers.ModelSerializer[Membership]):
    """Somebody and one of their roles there."""

    user = PersonSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "user", "role", "since_at")
        read_only_fields = fields


class RoleSerializer(serializers.ModelSerializer[Membership]):
    """A role, by whom it was given and how it ended.

    ``granted_by`` and ``ended_by`` are null where a command did it, or where it has not ended.
    """

    community = CommunityInBriefSerializer(read_only=True)
    user = PersonSerializer(read_only=True)
    granted_by = PersonSerializer(read_only=True, allow_null=True)
    ended_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Membership
        fields = (
            "id",
            "community",
            "user",
            "role",
            "since_at",
            "granted_by",
            "ended_at",
            "ended_by",
            "ended_because",
        )
        read_only_fields = fields


class GrantRoleSerializer(serializers.Serializer[Any]):
    """``user_id`` as ``people/search`` tells it."""

    user_id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=GIVEN_ROLES)


class WithdrawRoleSerializer(serializers.Serializer[Any]):
    because = TextField(max_length=200)


class SearchPersonSerializer(serializers.Serializer[Any]):
    phone = MobileField(help_text="All of it, eleven digits.")
