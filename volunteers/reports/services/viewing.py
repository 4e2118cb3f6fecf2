"""Who looked at what is confidential."""

from collections.abc import Iterable

from django.db import transaction

from backend.accounts.models import User
from backend.audit import services as trail
from volunteers.reports.models import Report


def note(*, viewer: User, reports: Iterable[Report]) -> None:
    """Write down that ``viewer`` is shown those of ``reports`` that are others' and confidential.

    One statement for all of them, and none where there are none. What can not be written down is
    not shown: the caller answers only after this.
    """
    shown = [
        (report.community, report)
        for report in reports
        if report.category in Report.CONFIDENTIAL and report.reporter_id != viewer.pk
    ]
    if shown:
        with transaction.atomic(savepoint=False):  # around one statement
            trail.record_many("report.view", actor=viewer, targets=shown)
