"""Celery tasks of attendance."""

from uuid import UUID

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from backend.celery import SWEEP_AT_MOST
from volunteers.attendance.models import Attendance
from volunteers.attendance.services import presence


@shared_task
def sweep_forgotten_check_outs() -> None:
    """Queue ``close_forgotten`` for everybody still checked in to a past shift."""
    forgotten = Attendance.objects.filter(
        status=Attendance.Status.CHECKED_IN, shift__ends_at__lte=timezone.now()
    )
    for community_id, attendance_id in forgotten.values_list("community_id", "pk")[:SWEEP_AT_MOST]:
        close_forgotten.delay(str(community_id), str(attendance_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def close_forgotten(community_id: str, attendance_id: str) -> None:
    """Check out one volunteer at the shift's end. Idempotent."""
    place = Attendance.objects.get(community=UUID(community_id), pk=UUID(attendance_id))
    presence.close_forgotten(attendance=place)
