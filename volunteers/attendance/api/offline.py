"""Batches of what phones noted without signal."""

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.exceptions import title_of
from backend.api.fields import CharField, DateTimeField
from backend.api.views import seen, writes
from volunteers.activities.models import Shift
from volunteers.activities.selectors import shifts_handled_by
from volunteers.attendance.api.evidence import NONCE, EvidenceSerializer, code_field
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.services import offline
from volunteers.attendance.services.presence import Evidence

AT_ONCE = 200
Act = RefusedClaim.Act


def at_field() -> DateTimeField:
    """Return the field of the time of an act, which is told later or now."""
    return DateTimeField(
        required=False, allow_null=True, help_text="The time that the phone noted, or null: now."
    )


class OwnItemSerializer(EvidenceSerializer):
    """A check-in or check-out of mine, by the code that was scanned or the attendance's id."""

    nonce = CharField(max_length=64, help_text=NONCE)
    act = serializers.ChoiceField(choices=Act.choices)
    at = at_field()
    attendance_id = serializers.UUIDField(required=False, help_text="Needed without a code.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("code") and "attendance_id" not in attrs:
            raise serializers.ValidationError(
                _("Either a code or an attendance."), code="either_or"
            )
        return super().validate(attrs)


class LedItemSerializer(serializers.Serializer[Any]):
    """Somebody's check-in, check-out or mark, by their own code or by their id.

    A mark is of the whole shift unless shortened by ``since`` and ``until``.
    """

    nonce = CharField(max_length=64, help_text=NONCE)
    act = serializers.ChoiceField(choices=Act.choices)
    at = at_field()
    code = code_field(whose="The volunteer's own code, as scanned.")
    person_id = serializers.UUIDField(required=False, help_text="Needed without a code.")
    since = DateTimeField(required=False)
    until = DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("code") and "person_id" not in attrs:
            raise serializers.ValidationError(_("Either a code or a person."), code="either_or")
        return attrs | {"evidence": Evidence(code=attrs.pop("code", ""))}


class OwnBatchSerializer(serializers.Serializer[Any]):
    items = serializers.ListField(child=OwnItemSerializer(), min_length=1, max_length=AT_ONCE)


class LedBatchSerializer(serializers.Serializer[Any]):
    items = serializers.ListField(child=LedItemSerializer(), min_length=1, max_length=AT_ONCE)


class ResultSerializer(serializers.Serializer[Any]):
    """Result of an item: ``outcome`` is "accepted" or the code of a refusal.

    ``refused_because`` is the refusal's title. ``status`` is the attendance's now. A refusal of
    what was noted earlier is kept for staff as ``refused_claim_id``; null if no community of the
    sender could look at it.
    """

    nonce = serializers.CharField(read_only=True)
    outcome = serializers.CharField(read_only=True)
    refused_because = serializers.SerializerMethodField()
    attendance_id = serializers.UUIDField(
        source="attendance.pk", read_only=True, allow_null=True, default=None
    )
    status = serializers.ChoiceField(
        choices=Attendance.Status.choices,
        source="attendance.status",
        read_only=True,
        allow_null=True,
        default=None,
    )
    refused_claim_id = serializers.UUIDField(
        source="refused_claim.pk", read_only=True, allow_null=True, default=None
    )

    def get_refused_because(self, result: offline.Result) -> str | None:
        return None if result.outcome == offline.ACCEPTED else title_of(result.outcome)


class ResultsSerializer(serializers.Serializer[Any]):
    results = ResultSerializer(many=True, read_only=True)


class MySyncView(APIView):
    """Send what my phone noted without signal: ``POST /api/v1/me/attendance/sync``.

    The answer has a result for each item, in order. A nonce that was sent before is answered as
    the first time; a refusal affects no other item and is kept for staff. An item without ``at``
    happens now: it counts as told with signal, and its refusal is not kept.
    """

    # No key is kept, because each item has its nonce, and is a transaction of its own.
    @writes(ResultsSerializer, body=OwnBatchSerializer, keeps=False)
    def post(self, user: User, items: list[Any]) -> Any:
        told = [offline.Item(**item) for item in items]
        return {"results": offline.sync_own(volunteer=user, items=told)}


class ShiftSyncView(APIView):
    """Check in, check out and mark others, now or noted without signal.

    ``POST /api/v1/shifts/{shift_id}/attendance/sync``, for who handles the shift. Answers as
    ``me/attendance/sync`` does.
    """

    @writes(
        ResultsSerializer,
        seen(shifts_handled_by, "shift_id"),
        body=LedBatchSerializer,
        keeps=False,
    )
    def post(self, user: User, shift: Shift, items: list[Any]) -> Any:
        told = [
            offline.Item(**item | {"evidence": replace(item["evidence"], by=user)})
            for item in items
        ]
        return {"results": offline.sync_shift(shift=shift, leader=user, items=told)}
