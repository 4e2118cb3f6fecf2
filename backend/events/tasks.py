"""Celery tasks of series."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from backend.celery import SWEEP_AT_MOST
from backend.events.models import Series, Status
from backend.events.services import series as services
from backend.queues import Queue, in_queue
from backend.tenants import HERE


def sweep_series() -> dict[str, int]:
    """Queue ``make_occurrences`` for each series whose occurrences are not made far ahead."""
    # By the day that it is where days begin first; each community then goes by its own.
    until = (timezone.now() + timedelta(hours=14)).date() + settings.SERIES_AHEAD
    behind = Series.objects.filter(
        Q(ends_on__isnull=True) | Q(made_until__lt=F("ends_on")),
        HERE,
        made_until__lt=until,
        status=Status.PLANNED,
    )
    found = behind.values_list("community_id", "pk")[:SWEEP_AT_MOST]
    for community_id, series_id in found:
        make_occurrences.delay(str(community_id), str(series_id))
    return {"queued": len(found)}


@shared_task
@in_queue(Queue.BULK)
def make_occurrences(community_id: str, series_id: str) -> None:
    """Make the occurrences of one series as far ahead as the settings say. Idempotent."""
    series = Series.objects.get(community=UUID(community_id), pk=UUID(series_id))
    services.make_occurrences(series=series)
