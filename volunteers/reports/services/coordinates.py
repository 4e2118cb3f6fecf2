"""Dropping the coordinates of old reports."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from volunteers.reports.models import Report

KEPT_FOR = timedelta(days=30)  # DESIGN section 4


def drop_old(*, now: datetime | None = None) -> int:
    """Drop the coordinates of reports submitted more than 30 days ago. Returns the count.

    The trigger on closed reports allows this much to be taken away.
    """
    return Report.objects.filter(
        Q(latitude__isnull=False) | Q(longitude__isnull=False),
        submitted_at__lt=(now or timezone.now()) - KEPT_FOR,
    ).update(latitude=None, longitude=None)
