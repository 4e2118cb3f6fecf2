"""Closing of a shift that is over: forgotten check-outs, no-shows, its waiting list.

Sign-ups become no-shows once no phone may tell any more, from offline, that its owner was there.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Min, QuerySet, Window
from django.db.models.functions import RowNumber

from backend.events.models import Status
from backend.notices import services as notices
from backend.tenants import HERE
from volunteers.attendance.models.attendances import Attendance
from volunteers.attendance.models.places import WaitingPlace
from volunteers.attendance.services import presence, sign_ups, telling


def due(*, now: datetime, at_most: int) -> list[tuple[UUID, UUID]]:
    """List shifts, as community and id, that are over and leave something to close.

    The first shift of each community comes before any community's second.
    """
    waiting = WaitingPlace.objects.filter(HERE, status=WaitingPlace.Status.WAITING)
    left_open = (
        _places(Attendance.Status.CHECKED_IN).filter(HERE, shift__ends_at__lte=now),
        _places(Attendance.Status.SIGNED_UP).filter(HERE, **_no_phone_may_tell(now)),
        waiting.filter(shift__ends_at__lte=now),
    )
    turn = Window(RowNumber(), partition_by=F("community_id"), order_by="ended_at")
    found: dict[tuple[UUID, UUID], int] = {}
    for rows in left_open:
        shifts = rows.order_by().values("community_id", "shift_id")
        shifts = shifts.annotate(ended_at=Min("shift__ends_at")).annotate(turn=turn)
        for row in shifts.order_by("turn", "ended_at")[:at_most]:
            key = row["community_id"], row["shift_id"]
            found[key] = min(row["turn"], found.get(key, row["turn"]))
    return sorted(found, key=lambda key: (found[key], key))[:at_most]


def close(*, community_id: UUID, shift_id: UUID, now: datetime) -> None:
    """Close what a shift that is over leaves open. Idempotent."""
    whose = {"community": community_id, "shift": shift_id}
    there = _places(Attendance.Status.CHECKED_IN).filter(**whose, shift__ends_at__lte=now)
    for attendance in there.select_related("community", "volunteer").order_by("pk"):
        presence.close_forgotten(attendance=attendance)
    end_list_and_sign_ups(community_id=community_id, shift_id=shift_id, now=now)


@transaction.atomic
def end_list_and_sign_ups(*, community_id: UUID, shift_id: UUID, now: datetime) -> None:
    """End the waiting list of a shift that is over, and record who never came as a no-show.

    Each of those is told. Idempotent.
    """
    (shift,) = sign_ups.lock_shifts(community_id, [shift_id])
    if shift.status == Status.CANCELLED or shift.ends_at > now:
        return
    sign_ups.end_waiting(list(sign_ups.waiting_at(shift)), WaitingPlace.Status.ENDED)
    signed_up = _places(Attendance.Status.SIGNED_UP).filter(
        community=community_id, shift=shift, **_no_phone_may_tell(now)
    )
    missing = sign_ups.lock(signed_up)
    Attendance.objects.filter(
        community=community_id, pk__in=[attendance.pk for attendance in missing]
    ).update(status=Attendance.Status.NO_SHOW)
    facts = telling.facts_of(shift, shift.community)
    notices.owe_many(
        community=shift.community,
        kind="no_show",
        owed=(
            notices.Owed(
                key=f"no-show:{one.pk}",
                recipient_id=one.volunteer_id,
                facts=facts,
                target_id=one.pk,
            )
            for one in missing
        ),
        due_at=now,
    )


def _places(status: Attendance.Status) -> QuerySet[Attendance]:
    return Attendance.objects.filter(status=status)


def _no_phone_may_tell(now: datetime) -> dict[str, datetime]:
    return {"shift__ends_at__lte": now - presence.OFFLINE_FOR}
