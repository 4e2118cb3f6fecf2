"""Hours as a kind of awards: verified attendances earn by the rules for hours."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from backend.communities.models import Community
from backend.registries.events import Told
from points.awards.kinds import Facts, Kind, Record, Rows, Version
from points.rules.services import HoursRule, hours_to_points
from volunteers.attendance.models.attendances import Attendance

Status = Attendance.Status
BACKFILLED = {"is_backfilled": True}  # an input that others do not have


def facts_of(attendance: Attendance) -> Facts:
    """Return the facts of an attendance that is over: its rule is that of the check-in's day."""
    served = attendance.served
    assert served is not None  # it is checked out
    return Facts(
        category=attendance.shift.activity.category,
        counts_from=served[0],
        occurred_at=served[1],
        more=BACKFILLED if attendance.is_backfilled else {},
    )


def _inputs(facts: Facts, community: Community) -> dict[str, Any]:
    return {
        "category": facts.category,
        "checked_in_at": facts.counts_from.astimezone(UTC).isoformat(),
        "checked_out_at": facts.occurred_at.astimezone(UTC).isoformat(),
        "timezone": community.timezone,
        **facts.more,
    }


def _earns(inputs: dict[str, Any], rule: HoursRule) -> tuple[int, dict[str, Any]]:
    start, end = (
        datetime.fromisoformat(inputs[name]) for name in ("checked_in_at", "checked_out_at")
    )
    is_backfilled = "is_backfilled" in inputs
    clock = ZoneInfo(inputs["timezone"])
    return hours_to_points(rule, start, end, clock, is_backfilled=is_backfilled)


def _told(attendance: Attendance) -> Record:
    was_verified = attendance.status in (Status.VERIFIED, Status.VOIDED)
    return Record(
        attendance.volunteer_id,
        attendance.status,
        facts_of(attendance) if was_verified and attendance.served else None,
        is_voided=attendance.status == Status.VOIDED,
    )


def _words(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Attendance.objects.filter(community_id=community_id, pk__in=ids)
    return {
        one.pk: Told(one.shift.activity.title, {"attendance_id": one.pk})
        for one in found.select_related("shift__activity")
    }


HOURS = Kind(
    name="hours",
    noun="attendance",
    is_told=True,
    subject="hours",
    versions=[Version(_inputs, _earns)],
    records=Rows(
        Attendance.objects.select_related("shift__activity"),
        _told,
        Q(status__in=(Status.VERIFIED, Status.VOIDED)),
        "verified_at",
    ),
    tells=_words,
)
