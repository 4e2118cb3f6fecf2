"""The record of who read a confidential report."""

from collections.abc import Iterable

from django.db import transaction

from backend.accounts.models import User
from backend.audit import services as trail
from volunteers.reports.models import Report


def note(*, viewer: User, reports: Iterable[Report]) -> None:
    """Write down that ``viewer`` reads the confidential ones of other people's ``reports``.

    One statement, or none. Callers answer after it: what cannot be written down is not shown.
    """
    shown = [
        (report.community, report)
        for report in reports
        if report.category in Report.CONFIDENTIAL and report.reporter_id != viewer.pk
    ]
    if shown:
        with transaction.atomic(savepoint=False):  # around one statement
            trail.record_many("report.view", actor=viewer, targets=shown)
