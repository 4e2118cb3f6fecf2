"""Shapes of what phones send to show that somebody is there."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from backend import codes as typed
from backend.api.fields import CharField, DateTimeField, IntegerField, MarkField
from backend.communities.models import CoordType
from volunteers.attendance import codes
from volunteers.attendance.models.attendances import Attendance, PositionMark
from volunteers.attendance.positions import Position
from volunteers.attendance.services.presence import Evidence

NONCE = "One a tap, made by the phone."


def code_field(
    *, required: bool = False, whose: str = "The venue's code, as scanned."
) -> CharField:
    """Return the field of a scanned code."""
    return CharField(max_length=2 * codes.CHARACTERS, required=required, help_text=whose)


class CheckOutSerializer(serializers.Serializer[Any]):
    at = DateTimeField(
        required=False, allow_null=True, help_text="The time that a phone noted offline."
    )


class EvidenceSerializer(serializers.Serializer[Any]):
    """Evidence of presence, all of it optional.

    A position is compared with the venue's and forgotten. ``device`` is an id that the phone made
    up once, of which a digest is kept.
    """

    code = code_field()
    device = CharField(max_length=100, required=False)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False)
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False)
    coord_type = serializers.ChoiceField(choices=CoordType.choices, default=CoordType.GCJ02)
    accuracy_metres = IntegerField(min_value=0, max_value=100_000, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the facts with ``evidence`` in place of what it is made of."""
        if ("latitude" in attrs) != ("longitude" in attrs):
            missing = "longitude" if "latitude" in attrs else "latitude"
            raise serializers.ValidationError(
                {missing: [self.fields[missing].error_messages["required"]]}, code="required"
            )
        position = {
            name: attrs.pop(name)
            for name in ("latitude", "longitude", "coord_type", "accuracy_metres")
            if name in attrs
        }
        evidence = Evidence(
            code=typed.trimmed(attrs.pop("code", "")),
            position=Position(**position) if "latitude" in position else None,
            device=attrs.pop("device", ""),
        )
        return attrs | {"evidence": evidence}


class CheckInSerializer(EvidenceSerializer, CheckOutSerializer):
    nonce = CharField(max_length=64, required=False, allow_null=True, help_text=NONCE)


class ArriveSerializer(EvidenceSerializer):
    """A scan of the venue's code."""

    code = code_field(required=True)
    nonce = CharField(max_length=64, help_text=NONCE)


class ArrivedSerializer(serializers.Serializer[Any]):
    """A check-in as a phone shows it after a scan; the attendance tells more."""

    id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=Attendance.Status.choices, read_only=True)
    checked_in_at = serializers.DateTimeField(read_only=True)
    shift_id = serializers.UUIDField(read_only=True)
    activity = serializers.CharField(read_only=True)
    is_walk_in = serializers.BooleanField(read_only=True)
    position_mark = MarkField(choices=PositionMark.choices)


def arrived(request: Request, attendance: Attendance) -> dict[str, Any]:
    """Render an ArrivedSerializer. A gate in the rush hour has no time for making its fields."""
    return {
        "id": attendance.pk,
        "status": attendance.status,
        "checked_in_at": attendance.checked_in_at,
        "shift_id": attendance.shift_id,
        "activity": attendance.shift.activity.title,
        "is_walk_in": attendance.is_walk_in,
        "position_mark": attendance.position_mark or None,
    }
