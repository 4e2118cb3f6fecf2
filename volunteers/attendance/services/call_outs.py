"""Call-outs: everybody who could come to a shift is told that it wants people."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.events.models import Status
from backend.notices import services as notices
from volunteers.activities.errors import ShiftCancelled, ShiftOver
from volunteers.activities.models import Shift
from volunteers.attendance import errors, selectors
from volunteers.attendance.models.places import CallOut
from volunteers.attendance.services import sign_ups, telling
from volunteers.teams.models import Team


@transaction.atomic
def call_out(
    *,
    shift: Shift,
    called_by: User,
    message: str,
    team: Team | None = None,
    estate: Community | None = None,
    kind: str = "",
    skill: str = "",
) -> CallOut:
    """Tell everybody who could come that the shift wants people; the first who sign up are in.

    ``team``, ``estate``, ``kind`` and ``skill`` say whom of the community's volunteers. People who
    have a place or wait, are in another shift then, or are too young, are not called. Raises
    ShiftCancelled, ShiftOver, CallOutReachesNobody.
    """
    (shift,) = sign_ups.lock_shifts(shift.community_id, [shift.pk])
    if shift.status == Status.CANCELLED:
        raise ShiftCancelled
    if shift.ends_at <= timezone.now():
        raise ShiftOver
    asked: dict[str, Any] = {"team": team, "estate": estate, "kind": kind, "skill": skill}
    busy = sign_ups.elsewhere(shift)
    people = list(selectors.who_could_come(shift, busy, **asked).values_list("user", flat=True))
    if not people:
        raise errors.CallOutReachesNobody
    made = CallOut.objects.create(
        community=shift.community,
        shift=shift,
        called_by=called_by,
        message=message,
        told=len(people),
        **asked,
    )
    facts = telling.facts_of(shift, shift.community) | {"message": message}
    notices.owe_many(
        community=shift.community,
        kind="call_out",
        owed=(
            notices.Owed(
                key=f"{_key(made)}{user_id}",
                recipient_id=user_id,
                facts=facts,
                target_id=shift.pk,
            )
            for user_id in people
        ),
        due_at=timezone.now(),
        stale_at=shift.ends_at,
    )
    trail.record("call_out.make", actor=called_by, target=made, after={"told": made.told})
    return made


@transaction.atomic
def end(*, call_out: CallOut, ended_by: User) -> CallOut:
    """End a call-out: whoever was not told yet is not told any more. Idempotent."""
    call_out = call_out.locked("shift__activity", "community", "called_by", "team", "estate")
    if call_out.ended_at is None:
        _end(call_out)
        trail.record("call_out.end", actor=ended_by, target=call_out)
    return call_out


def end_all(shift: Shift) -> None:
    """End the call-outs of a shift that is cancelled, within its transaction."""
    called = CallOut.objects.filter(community=shift.community_id, shift=shift, ended_at=None)
    for one in sign_ups.lock(called.select_related("community")):
        _end(one)


def _end(call_out: CallOut) -> None:
    call_out.save_with(ended_at=timezone.now())
    notices.withdraw_many(community=call_out.community, prefix=_key(call_out))


def _key(call_out: CallOut) -> str:
    return f"call-out:{call_out.pk}:"
