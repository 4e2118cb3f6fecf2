"""Shapes of what staff decide about somebody's record."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from backend.accounts import ages
from backend.accounts.api.fields import MobileField
from backend.accounts.api.serializers import (
    ColleagueSerializer,
    GuardianshipSerializer,
    MaskedPhoneField,
    PersonSerializer,
)
from backend.accounts.models import User
from backend.accounts.selectors import guardians_of, is_on_wechat
from backend.accounts.services import guardians
from backend.api.fields import DateTimeField, TextField
from backend.api.serializers import ReadSerializer
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.models import Membership, Role, Suspension
from backend.people import selectors
from backend.people.models import LogInChange, LogInLink, Loss, Merge, Proposal
from backend.registries import merging, volunteering


class PersonInBriefSerializer(PersonSerializer):
    """A person of a place. ``is_suspended`` there now, or everywhere."""

    is_suspended = serializers.BooleanField(read_only=True)


class RoleHeldSerializer(ReadSerializer[Membership]):
    """A role of a person, also one that has ended."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "role", "since_at", "ended_at", "reason")


class SuspensionSerializer(ReadSerializer[Suspension]):
    """A suspension from a place and all below it, or ``is_everywhere``.

    It ends by itself at ``ends_at`` (null: it has to be lifted). ``suspended_by`` and ``lifted_by``
    are null if the operator did it.
    """

    community = CommunityInBriefSerializer(read_only=True)
    user = PersonSerializer(read_only=True)
    suspended_by = ColleagueSerializer(read_only=True, allow_null=True)
    lifted_by = ColleagueSerializer(read_only=True, allow_null=True)
    is_in_force = serializers.BooleanField(read_only=True)

    class Meta:
        model = Suspension
        fields = ("id", "is_everywhere", "reason", "since_at", "ends_at", "lifted_at")


class MySuspensionSerializer(ReadSerializer[Suspension]):
    """A suspension of mine. ``ends_at`` is null if it has to be lifted."""

    community = CommunityInBriefSerializer(read_only=True)
    is_in_force = serializers.BooleanField(read_only=True)

    class Meta:
        model = Suspension
        fields = ("id", "is_everywhere", "reason", "since_at", "ends_at", "lifted_at")


class SuspendSerializer(ReasonSerializer):
    """A suspension. Without ``ends_at`` it lasts until it is lifted."""

    ends_at = DateTimeField(required=False, allow_null=True)
    is_everywhere = serializers.BooleanField(
        required=False, help_text="The whole account, by who manages all places of the person."
    )


class PersonRecordSerializer(PersonSerializer):
    """A person's record, as staff of a place see it: what concerns the place and what is below it.

    ``minutes`` are the verified ones of all time in the community, null for a place that is none
    or where they are no volunteer. ``is_child``: under 14; ``guardian_is_missing``: and no guardian
    agrees. ``merged_records`` are how many other records of theirs were merged into this one.
    """

    is_suspended = serializers.BooleanField(read_only=True)
    has_wechat = serializers.SerializerMethodField()
    minutes = serializers.SerializerMethodField()
    is_child = serializers.SerializerMethodField()
    guardian_is_missing = serializers.SerializerMethodField()
    guardianships = serializers.SerializerMethodField()
    roles = serializers.SerializerMethodField()
    suspensions = serializers.SerializerMethodField()
    merged_records = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "joined_at", "second_factor_required")

    def get_has_wechat(self, user: User) -> bool:
        return is_on_wechat(user)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_minutes(self, user: Any) -> int | None:
        standing = volunteering.source().standing(community_id=user.seen_from.pk, user_id=user.pk)
        return standing.minutes if standing else None

    def get_is_child(self, user: User) -> bool:
        return ages.is_child(user.born_on)

    def get_guardian_is_missing(self, user: User) -> bool:
        return guardians.is_missing(user)

    @extend_schema_field(GuardianshipSerializer(many=True))
    def get_guardianships(self, user: User) -> object:
        given = guardians_of(user) if ages.is_child(user.born_on) else guardians_of(user).none()
        return GuardianshipSerializer(given, many=True).data

    @extend_schema_field(RoleHeldSerializer(many=True))
    def get_roles(self, user: Any) -> object:
        return RoleHeldSerializer(selectors.roles_of(user, user.seen_from), many=True).data

    @extend_schema_field(SuspensionSerializer(many=True))
    def get_suspensions(self, user: Any) -> object:
        return SuspensionSerializer(selectors.suspensions_of(user, user.seen_from), many=True).data

    def get_merged_records(self, user: User) -> int:
        return len(user.merged_ids)


class ResetAuthenticatorSerializer(serializers.Serializer[Any]):
    loss = serializers.ChoiceField(choices=Loss.choices, help_text="What became of it.")


class LogInLinkSerializer(ReadSerializer[LogInLink]):
    """A link by which a person logs in, for who made it.

    ``link`` and its ``code`` are null once it is no longer good; the page takes either.
    """

    place = CommunityInBriefSerializer(read_only=True)
    user = PersonSerializer(read_only=True)
    status = serializers.ChoiceField(choices=LogInLink.Status.choices, read_only=True)
    code = serializers.CharField(read_only=True, allow_null=True)
    link = serializers.SerializerMethodField()

    class Meta:
        model = LogInLink
        fields = ("id", "invited_at", "expires_at", "accepted_at", "revoked_at")

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_link(self, link: LogInLink) -> str | None:
        return link_of(link, self.context["request"])


def link_of(link: LogInLink, request: Request) -> str | None:
    """Return the page that takes the code, which stands where no log has it; None if no longer
    good."""
    page: str = request.build_absolute_uri(f"{settings.ME_PATH}in")
    return f"{page}#{link.code}" if link.code else None


# --- proposals --------------------------------------------------------------------------------
class ProposeSerializer(serializers.Serializer[Any]):
    seen_by = serializers.ChoiceField(
        choices=Proposal.SeenBy.choices, help_text="How it was seen who the person is."
    )
    reason = TextField(max_length=200)


class ProposeLogInChangeSerializer(ProposeSerializer):
    """A number that is to be the person's, or that their WeChat is to be forgotten, or both."""

    phone = MobileField(required=False, help_text="The new number; leave it out to keep the old.")
    ends_wechat = serializers.BooleanField(required=False)


class ProposeMergeSerializer(ProposeSerializer):
    """The other record of the person, which goes on."""

    kept_id = serializers.UUIDField(help_text="The record that stays.")


class LogInChangeSerializer(ReadSerializer[LogInChange]):
    """A proposed change of how somebody logs in. ``phone`` is the new number, until it is decided.

    Nobody can confirm it from ``expires_at`` on.
    """

    community = CommunityInBriefSerializer(read_only=True)
    user = PersonSerializer(read_only=True)
    phone = MaskedPhoneField(read_only=True)
    proposed_by = ColleagueSerializer(read_only=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)

    class Meta:
        model = LogInChange
        fields = (
            *("id", "has_phone", "ends_wechat", "seen_by", "reason", "status"),
            *("proposed_at", "decided_at"),
        )


class ConflictSerializer(serializers.Serializer[merging.Conflict]):
    """A fact about a merge. One that ``stands_against`` it has to be settled before."""

    code = serializers.ChoiceField(choices=Merge.Conflict.choices, read_only=True)
    community_id = serializers.UUIDField(read_only=True, allow_null=True)
    about = serializers.ListField(
        child=serializers.UUIDField(), read_only=True, help_text="Ids of the rows that show it."
    )
    stands_against = serializers.SerializerMethodField()

    def get_stands_against(self, conflict: merging.Conflict) -> bool:
        return bool(selectors.standing_against([conflict]))


class RecordFiguresSerializer(serializers.Serializer[Any]):
    """Figures of one record in a place."""

    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices))
    minutes = serializers.IntegerField(read_only=True, help_text="Verified ones.")
    reports = serializers.IntegerField(read_only=True)
    points = serializers.IntegerField(read_only=True, help_text="That can be spent.")
    vouchers = serializers.IntegerField(read_only=True, help_text="Not used yet.")


class PlaceFiguresSerializer(serializers.Serializer[Any]):
    community = CommunityInBriefSerializer(read_only=True)
    merged = RecordFiguresSerializer(read_only=True)
    kept = RecordFiguresSerializer(read_only=True)


class MergeInBriefSerializer(ReadSerializer[Merge]):
    """A proposed merge of two records of one person."""

    community = CommunityInBriefSerializer(read_only=True)
    merged = PersonSerializer(read_only=True)
    kept = PersonSerializer(read_only=True)
    proposed_by = ColleagueSerializer(read_only=True)
    decided_by = ColleagueSerializer(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)

    class Meta:
        model = Merge
        fields = ("id", "seen_by", "reason", "status", "proposed_at", "decided_at")


class MergeSerializer(MergeInBriefSerializer):
    """A proposed merge, with what each record has: as of now, or of when it was confirmed.

    It can not be undone. Hours and reports stay under the merged record as history, and count for
    the person.
    """

    figures = serializers.SerializerMethodField()
    conflicts = serializers.SerializerMethodField()

    @extend_schema_field(PlaceFiguresSerializer(many=True))
    def get_figures(self, merge: Merge) -> object:
        if merge.status == Merge.Status.CONFIRMED:
            return merge.figures
        return selectors.figures_of(merge.merged, merge.kept)

    @extend_schema_field(ConflictSerializer(many=True))
    def get_conflicts(self, merge: Merge) -> object:
        found: Iterable[merging.Conflict] = ()
        if merge.status == Merge.Status.PROPOSED:
            found = merging.conflicts(merge.merged, merge.kept)
        return [ConflictSerializer(one).data for one in found]
