"""Contributions: who gave the cement, and whether they are thanked in public."""

from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.notices import services as notices
from volunteers.reports import errors, rounds
from volunteers.reports.models.contributions import Contribution
from volunteers.reports.models.reports import Report

Status = Report.Status
TAKES = (Status.ACCEPTED, Status.MADE_SAFE, Status.FIXED, Status.CLOSED)


@transaction.atomic
def record(
    *,
    report: Report,
    by: User,
    what: str,
    given_on: date,
    quantity: str = "",
    giver_id: UUID | None = None,
    giver_name: str = "",
    reference: str = "",
    agreed: bool = False,
) -> Contribution:
    """Record what a person of the community, or somebody else by name, gave for a report.

    A person is told, and agrees themselves to be thanked in public; for a name, staff who record it
    say so. Raises ReportStatusWrong, PersonUnknown.
    """
    report = report.locked("community", "estate")
    if report.status not in TAKES:
        raise errors.ReportStatusWrong(current_status=report.status)
    giver = None if giver_id is None else rounds.person_at(report, giver_id)
    contribution = Contribution.objects.create(
        community=report.community,
        report=report,
        what=what,
        quantity=quantity,
        giver=giver,
        giver_name=giver_name,
        reference=reference,
        agreed_at=timezone.now() if agreed and giver is None else None,
        given_on=given_on,
        recorded_by=by,
    )
    after = {"report": str(report.pk)}
    trail.record("contribution.record", actor=by, target=contribution, after=after)
    if giver is not None:
        notices.owe(
            community=report.community,
            key=f"contribution:{contribution.pk}",
            recipient=giver,
            kind="contribution_recorded",
            facts={"what": what, "community": report.community.name},
            target_id=contribution.pk,
            due_at=timezone.now(),
        )
    return contribution


@transaction.atomic
def agree(*, contribution: Contribution, by: User, agrees: bool) -> Contribution:
    """Agree to be thanked in public, or no longer. Idempotent: keeps the first ``agreed_at``."""
    contribution = contribution.locked("community", "report", "giver")
    if agrees != (contribution.agreed_at is not None):
        contribution.save_with(agreed_at=timezone.now() if agrees else None)
        after = {"agrees": agrees}
        trail.record("contribution.agree", actor=by, target=contribution, after=after)
    return contribution
