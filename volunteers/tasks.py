"""Celery's way in."""

from uuid import UUID

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from volunteers import selectors
from volunteers.models import Attendance
from volunteers.services import coordinates, hours

SWEEP_AT_MOST = 1000


@shared_task
def sweep_forgotten_check_outs() -> None:
    """Queue one closing for everybody still checked in to a shift that is over."""
    forgotten = selectors.never_checked_out(timezone.now()).values_list("pk", flat=True)
    for attendance_id in forgotten[:SWEEP_AT_MOST]:
        close_forgotten.delay(str(attendance_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def close_forgotten(attendance_id: str) -> None:
    """Close one at its shift's end; a second run finds it closed."""
    hours.close_forgotten(attendance=Attendance.objects.get(pk=UUID(attendance_id)))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def forget_old_coordinates() -> None:
    """Of reports told more than 30 days ago; a second run finds none."""
    coordinates.drop_old()
