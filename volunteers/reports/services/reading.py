"""Reading of reports: the record of who reads confidential ones, and what is forgotten in time."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities import fence
from volunteers.reports.models.reports import Report
from volunteers.reports.near import COORDINATES_KEPT_FOR


def note_reading(*, reader: User, reports: Iterable[Report]) -> None:
    """Record that ``reader`` reads other people's ``reports``, if they are confidential.

    Takes one SQL statement, or none. Callers answer afterwards, so that all reading is recorded.
    """
    shown = [
        (report.community, report)
        for report in reports
        if report.is_confidential and report.reporter_id != reader.pk
    ]
    if shown:
        with transaction.atomic(savepoint=False):  # around one statement
            trail.record_many("report.view", actor=reader, targets=shown)


def drop_old_coordinates(*, now: datetime | None = None) -> int:
    """Drop the coordinates of reports that ended more than 30 days ago. Returns the count.

    The trigger on closed reports allows this change.
    """
    old = Report.objects.filter(
        Q(latitude__isnull=False) | Q(longitude__isnull=False),
        closed_at__lt=(now or timezone.now()) - COORDINATES_KEPT_FOR,
    )
    return old.exclude(community__in=fence.moved()).update(latitude=None, longitude=None)
