"""Celery tasks of attendance."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from backend.celery import SWEEP_AT_MOST
from backend.communities.models import Community
from volunteers.attendance import selectors
from volunteers.attendance.services import closing, hours, queue, signals


def sweep_ended_shifts() -> dict[str, int]:
    """Queue ``close_shift`` for every shift that is over and leaves something to close."""
    due = [*closing.due(now=timezone.now(), at_most=SWEEP_AT_MOST)]
    for community_id, shift_id in due:
        close_shift.delay(str(community_id), str(shift_id))
    return {"queued": len(due)}


@shared_task
def close_shift(community_id: str, shift_id: str) -> None:
    """Close what a shift leaves open. Idempotent."""
    closing.close(community_id=UUID(community_id), shift_id=UUID(shift_id), now=timezone.now())


def sweep_signals() -> dict[str, int]:
    """Queue ``look_for_signals`` for each community with attendances nobody has looked at."""
    communities = selectors.communities_to_look_at()
    for community_id in communities:
        look_for_signals.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
def look_for_signals(community_id: str) -> None:
    """Look for signals in a community's attendances, until none is left. Idempotent."""
    while signals.look(community=Community.objects.get(pk=UUID(community_id))):
        pass


def sweep_published_hours() -> dict[str, int]:
    """Queue ``finalise_published_hours`` for each community whose publicity is over for some."""
    communities = selectors.communities_with_hours_to_finalise()
    for community_id in communities:
        finalise_published_hours.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
def finalise_published_hours(community_id: str) -> None:
    """Verify a community's hours that were public long enough. Idempotent."""
    while hours.finalise(community=Community.objects.get(pk=UUID(community_id))):
        pass


def sweep_hours_to_verify() -> dict[str, int]:
    """Queue ``tell_of_hours_to_verify`` for each community in which hours wait for that."""
    communities = selectors.communities_with_hours_to_verify()
    for community_id in communities:
        tell_of_hours_to_verify.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
def tell_of_hours_to_verify(community_id: str) -> None:
    """Owe a community's staff the digest of today. Idempotent."""
    queue.tell(community=Community.objects.get(pk=UUID(community_id)))
