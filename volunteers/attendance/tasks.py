"""Celery tasks of attendance."""

from uuid import UUID

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from backend.celery import SWEEP_AT_MOST
from volunteers.attendance.services import closing


@shared_task
def sweep_ended_shifts() -> None:
    """Queue ``close_shift`` for every shift that is over and leaves something to close."""
    for community_id, shift_id in closing.due(now=timezone.now(), at_most=SWEEP_AT_MOST):
        close_shift.delay(str(community_id), str(shift_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def close_shift(community_id: str, shift_id: str) -> None:
    """Close what a shift leaves open. Idempotent."""
    closing.close(community_id=UUID(community_id), shift_id=UUID(shift_id), now=timezone.now())
