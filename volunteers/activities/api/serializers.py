"""Shapes of activities, shifts, attendances and reports."""

from typing import Any

from rest_framework import serializers

from backend.api.fields import CharField, DateTimeField, IntegerField
from backend.communities.api.serializers import CommunityInBriefSerializer
from volunteers.activities.models import Activity, Shift


# --- activities and shifts --------------------------------------------------------------------
class ActivityInBriefSerializer(serializers.ModelSerializer[Activity]):
    class Meta:
        model = Activity
        fields = ("title", "category", "place")
        read_only_fields = fields


class ActivitySerializer(serializers.ModelSerializer[Activity]):
    community = CommunityInBriefSerializer(read_only=True)

    class Meta:
        model = Activity
        fields = ("id", "community", "title", "category", "place")
        read_only_fields = fields


class ShiftInBriefSerializer(serializers.ModelSerializer[Shift]):
    activity = ActivityInBriefSerializer(read_only=True)

    class Meta:
        model = Shift
        fields = ("id", "starts_at", "ends_at", "activity")
        read_only_fields = fields


class ShiftSerializer(serializers.ModelSerializer[Shift]):
    """``capacity`` is null where any number may come."""

    community = CommunityInBriefSerializer(read_only=True)
    activity = ActivityInBriefSerializer(read_only=True)
    places_taken = serializers.IntegerField(read_only=True)

    class Meta:
        model = Shift
        fields = (
            "id",
            "community",
            "activity",
            "starts_at",
            "ends_at",
            "capacity",
            "places_taken",
        )
        read_only_fields = fields


class PlanActivitySerializer(serializers.Serializer[Any]):
    title = CharField(max_length=80)
    category = CharField(max_length=40, help_text="Decides what its hours earn.")
    place = CharField(max_length=120, required=False, allow_blank=True)


class PlanShiftSerializer(serializers.Serializer[Any]):
    starts_at = DateTimeField()
    ends_at = DateTimeField()
    capacity = IntegerField(
        min_value=1,
        max_value=10_000,
        required=False,
        allow_null=True,
        help_text="Null: any number.",
    )
