"""Shapes of places, and of roles in them."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.api.fields import CodeField, DialledField, MobileField
from backend.accounts.api.serializers import (
    ColleagueSerializer,
    MaskedPhoneField,
    NewPersonSerializer,
    PersonSerializer,
)
from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.api.fields import CharField, TextField
from backend.api.serializers import ReadSerializer
from backend.communities import selectors
from backend.communities.models import Community, CoordType, Membership, Role, RoleInvitation
from backend.communities.selectors import memberships_of, places_below
from backend.invitations.services import CODE_LENGTH

GIVEN_ROLES = [choice for choice in Role.choices if choice[0] != Role.VOLUNTEER]  # they join


class CommunityInBriefSerializer(ReadSerializer[Community]):
    """A place that something belongs to: a community, or an estate of it."""

    class Meta:
        model = Community
        fields = ("id", "code", "name")


class CommunitySerializer(ReadSerializer[Community]):
    """A community and where its office is.

    ``timezone`` is the IANA name of the zone in which its days begin. Coordinates are both null
    where it told none, and are read as ``coord_type`` says.
    """

    class Meta:
        model = Community
        fields = ("id", "code", "name", "timezone", "latitude", "longitude", "coord_type")


class MembershipSerializer(ReadSerializer[Membership]):
    """A role in one place, which reaches the places below."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("role",)


class MeSerializer(ReadSerializer[User]):
    """The person who is logged in, and the roles they hold."""

    phone = MaskedPhoneField(read_only=True)
    guardian_is_missing = serializers.SerializerMethodField(
        help_text="The person is under 14 and no guardian agrees, so they can start nothing new."
    )
    erased_from = serializers.DateTimeField(
        source="erasure_due_at", read_only=True, allow_null=True
    )
    memberships = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "username", "name", "born_on", "second_factor_required")

    def get_guardian_is_missing(self, user: User) -> bool:
        return guardians.is_missing(user)

    @extend_schema_field(MembershipSerializer(many=True))
    def get_memberships(self, user: User) -> object:
        return MembershipSerializer(memberships_of(user), many=True).data


# --- where to reach a place -------------------------------------------------------------------
class ContactSerializer(ReadSerializer[Community]):
    """The location of a place, and its neighbours in the tree of places.

    ``parent`` is the place above, or null; ``below`` lists a street's communities or a community's
    estates. Coordinates are both set or both null, and are read as ``coord_type`` says.
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
            "contact_phone",
            "address",
            "latitude",
            "longitude",
            "coord_type",
        )

    @extend_schema_field(CommunityInBriefSerializer(many=True))
    def get_below(self, place: Community) -> object:
        return CommunityInBriefSerializer(places_below(place), many=True).data


class PointSerializer(serializers.Serializer[Any]):
    """Coordinates of a place. Send both, or both as null."""

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


class ChangeContactSerializer(PointSerializer):
    """Fields that are left out stay as they are. Send both coordinates, or both as null."""

    contact_phone = DialledField(required=False, allow_blank=True)
    address = CharField(max_length=120, required=False, allow_blank=True)


class JoinCodeSerializer(ReadSerializer[Community]):
    """The code to join with. Null: people ask to join instead."""

    class Meta:
        model = Community
        fields = ("join_code",)


# --- roles ------------------------------------------------------------------------------------
class MemberSerializer(ReadSerializer[Membership]):
    """A person and one of the roles they hold in the place."""

    user = PersonSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "role", "since_at")


class RoleSerializer(ReadSerializer[Membership]):
    """A role: who gave it and when it ended, by whom and for which ``reason``.

    ``granted_by`` and ``ended_by`` are null if a command did it, or if the role has not ended.
    """

    community = CommunityInBriefSerializer(read_only=True)
    user = PersonSerializer(read_only=True)
    granted_by = PersonSerializer(read_only=True, allow_null=True)
    ended_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Membership
        fields = ("id", "role", "since_at", "ended_at", "reason")


class GrantRoleSerializer(serializers.Serializer[Any]):
    """A role for a person. ``people/search`` finds their ``user_id``."""

    user_id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=GIVEN_ROLES)


class ReasonSerializer(serializers.Serializer[Any]):
    """A reason to withdraw, reject or cancel something: the person concerned reads it."""

    reason = TextField(max_length=200)


class SearchPersonSerializer(serializers.Serializer[Any]):
    phone = MobileField(help_text="The whole number, eleven digits.")


# --- places -----------------------------------------------------------------------------------
class ManagerSerializer(ReadSerializer[Membership]):
    """A manager of the place, by name; ``id`` is that of the role."""

    user = ColleagueSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "since_at")


class KeptPlaceSerializer(ReadSerializer[Community]):
    """A street, a community, or an estate or grid cell of one, and who manages it."""

    parent = CommunityInBriefSerializer(read_only=True, allow_null=True)
    managers = serializers.SerializerMethodField()

    class Meta:
        model = Community
        fields: tuple[str, ...] = ("id", "kind", "code", "name", "timezone", "moved_at")

    @staticmethod
    def context_of(*places: Community) -> dict[str, Any]:
        managers: defaultdict[UUID, list[Membership]] = defaultdict(list)
        for one in selectors.managers_of(places):
            managers[one.community_id].append(one)
        return {"managers": managers}

    @extend_schema_field(ManagerSerializer(many=True))
    def get_managers(self, place: Community) -> object:
        return ManagerSerializer(self.context["managers"][place.pk], many=True).data


class FoundPlaceSerializer(PointSerializer):
    """A place to found. ``parent`` is the code of the street or community that it stands in."""

    kind = serializers.ChoiceField(choices=Community.Kind.choices)
    name = CharField(max_length=60)
    code = serializers.SlugField(
        max_length=40, required=False, help_text="For addresses. Estates get one of their own."
    )
    parent = CharField(  # type: ignore[assignment]  # that of serializers within others
        max_length=40, required=False, allow_null=True
    )
    timezone = CharField(
        max_length=40, required=False, help_text="An IANA name; else that of the place above."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] != Community.Kind.ESTATE and "code" not in attrs:
            self.fields["code"].fail("required")
        return super().validate(attrs)


class RenamePlaceSerializer(serializers.Serializer[Any]):
    name = CharField(max_length=60)


# --- invitations ------------------------------------------------------------------------------
class RoleInvitationSerializer(ReadSerializer[RoleInvitation]):
    """An invitation to a role, without its code."""

    place = CommunityInBriefSerializer(read_only=True)
    status = serializers.ChoiceField(choices=RoleInvitation.Status.choices, read_only=True)
    invited_by = ColleagueSerializer(read_only=True)
    accepted_by = ColleagueSerializer(read_only=True, allow_null=True)
    revoked_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = RoleInvitation
        fields = ("id", "role", "invited_at", "expires_at", "accepted_at", "revoked_at")


class NewRoleInvitationSerializer(RoleInvitationSerializer):
    """An invitation with its code, to be told or sent; null once it is no longer good.

    ``link`` is the console's page by which it is accepted.
    """

    code = serializers.CharField(read_only=True, allow_null=True)
    link = serializers.SerializerMethodField()

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_link(self, invitation: RoleInvitation) -> str | None:
        if invitation.code is None:
            return None
        here = self.context["request"].build_absolute_uri(settings.CONSOLE_PATH)
        return f"{settings.CONSOLE_URL or here.rstrip('/')}/invitations?code={invitation.code}"


class InviteToRoleSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=GIVEN_ROLES)


class InvitationCodeSerializer(serializers.Serializer[Any]):
    """A ``code`` as it was told, in either case, with or without the hyphens."""

    code = CodeField(length=CODE_LENGTH)


class AcceptAsNewSerializer(InvitationCodeSerializer, NewPersonSerializer):
    """A code, and who accepts it: somebody who is not on record yet."""


class InvitedToSerializer(ReadSerializer[RoleInvitation]):
    """The role that a code is good for, for whoever has the code."""

    place = CommunityInBriefSerializer(read_only=True)
    invited_by = serializers.CharField(source="invited_by.masked_name", read_only=True)

    class Meta:
        model = RoleInvitation
        fields = ("role", "expires_at")


class NewMemberSerializer(ReadSerializer[Membership]):
    """A role that was accepted, and how its holder logs in."""

    username = serializers.CharField(source="user.username", read_only=True)
    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "role")


class FoundedPlaceSerializer(KeptPlaceSerializer):
    """A new place, and the invitation of its first manager; null for an estate."""

    invitation = serializers.SerializerMethodField()

    class Meta(KeptPlaceSerializer.Meta):
        pass

    @extend_schema_field(NewRoleInvitationSerializer(allow_null=True))
    def get_invitation(self, place: Community) -> object:
        first = selectors.role_invitations_in(place).filter(role=Role.MANAGER).last()
        return first and NewRoleInvitationSerializer(first, context=self.context).data
