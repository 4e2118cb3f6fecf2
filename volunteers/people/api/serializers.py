"""Shapes of activities, shifts, attendances and reports."""

from typing import Any

from rest_framework import serializers

from backend.accounts.api.fields import CodeField
from backend.accounts.api.serializers import PersonSerializer
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.services.places import JOIN_CODE_LENGTH
from volunteers.people.models import JoinRequest, Volunteer


# --- joining and leaving ----------------------------------------------------------------------
class AskToJoinSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Volunteer.Kind.choices)
    estate_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Where they live or ride."
    )
    join_code = CodeField(
        length=JOIN_CODE_LENGTH, required=False, allow_blank=True, help_text="As on the posters."
    )


class JoinRequestSerializer(serializers.ModelSerializer[JoinRequest]):
    """``because`` says why it was rejected."""

    community = CommunityInBriefSerializer(read_only=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = JoinRequest
        fields: tuple[str, ...] = (
            "id",
            "community",
            "kind",
            "estate",
            "status",
            "asked_at",
            "decided_at",
            "because",
        )
        read_only_fields = fields


class HandledJoinRequestSerializer(JoinRequestSerializer):
    """As staff see it."""

    user = PersonSerializer(read_only=True)
    decided_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta(JoinRequestSerializer.Meta):
        fields = (*JoinRequestSerializer.Meta.fields, "user", "decided_by")
        read_only_fields = fields


class VolunteeringSerializer(serializers.ModelSerializer[Volunteer]):
    """``left_at`` is null while they belong there."""

    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Volunteer
        fields = ("community", "kind", "enrolled_at", "left_at")
        read_only_fields = fields
