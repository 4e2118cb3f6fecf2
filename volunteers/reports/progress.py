"""The steps that a report has taken, as everybody may know them."""

from typing import Any

from volunteers.reports.models.reports import Report


def steps_of(report: Report) -> list[dict[str, Any]]:
    """Return the steps that a report has taken, in their order, with their moments."""
    status = Report.Status
    ended_as = report.status if report.status in Report.ENDED else status.CLOSED
    ended_as = status.CLOSED if ended_as == status.VOIDED else ended_as
    steps = [
        (status.SUBMITTED, report.submitted_at),
        (status.ACCEPTED, report.accepted_at),
        (status.MADE_SAFE, report.made_safe_at),
        (status.FIXED, report.fixed_at),
        (ended_as, report.closed_at),
        (status.VOIDED, report.voided_at),
    ]
    return [{"status": step, "at": at} for step, at in steps if at is not None]
