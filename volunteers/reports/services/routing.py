"""Routing of reports: to the worker of their cell, to somebody else, up, or to others."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from volunteers.people.selectors import cell_members_in, workers_of
from volunteers.reports import errors, selectors
from volunteers.reports.models.handling import ReportReferral
from volunteers.reports.models.reports import Report
from volunteers.reports.services import deadlines, telling


def place(report: Report) -> None:
    """Set the times of a report that is about to be submitted, and its cell's worker.

    Once it is saved, ``tell_assigned`` tells the worker.
    """
    for name, moment in deadlines.reckoned(report, is_new=True).items():
        setattr(report, name, moment)
    report.assigned_to = worker_for(report)


def worker_for(report: Report) -> User | None:
    """Return the worker of a report's cell, or else its leader.

    None for a confidential one, which staff alone assign, for whoever has it may read it. Nobody is
    given a report of their own.
    """
    if report.estate_id is None or report.is_confidential:
        return None
    members = workers_of(report.estate_id, report.community_id)
    fitting = (one.user for one in members if one.user_id != report.reporter_id)
    return next(fitting, None)


def tell_assigned(report: Report) -> None:
    """Owe whom a report was routed to the notice, once."""
    telling.tell("report_assigned", report, [report.assigned_to], event=report.pk)


@transaction.atomic
def assign(*, report: Report, handler: User, assignee: User | None) -> Report:
    """Give an open report to staff or somebody of the community's cells, or to nobody. Idempotent.

    Of a confidential one, this is how somebody of a cell comes to read it. Raises OwnReport, also
    for the reporter as assignee, ReportStatusWrong, AssigneeUnfit.
    """
    report = deadlines.open_one(report, handler)
    if assignee is None or assignee.pk != report.assigned_to_id:
        if assignee is not None:
            _require_fit(report, assignee)
        before = report.assigned_to_id
        report.save_with(assigned_to=assignee)
        act = trail.record(
            "report.assign",
            actor=handler,
            target=report,
            before={"assigned_to": before and str(before)},
            after={"assigned_to": assignee and str(assignee.pk)},
        )
        told = assignee if assignee != handler else None
        telling.tell("report_assigned", report, [told], event=act.pk)
    return report


@transaction.atomic
def forward(
    *,
    report: Report,
    handler: User,
    party: str = "",
    note: str = "",
    due_on: date | None = None,
) -> ReportReferral:
    """Pass an open report on to a ``party`` in words, or up to the street without one.

    Staff of the street are told. Its status stays. Idempotent while that party has not answered:
    returns the first. Raises OwnReport, ReportStatusWrong, NoStreet.
    """
    report = deadlines.open_one(report, handler)
    street = report.community.parent
    if not party and street is None:
        raise errors.NoStreet
    facts: dict[str, Any] = {"is_up": not party, "party": party or str(street)}
    running = report.referrals.filter(**facts, answered_at__isnull=True).first()
    if running is not None:
        return running
    referral = ReportReferral.objects.create(
        community=report.community,
        report=report,
        note=note,
        due_on=due_on,
        sent_by=handler,
        **facts,
    )
    trail.record(
        "report.forward",
        actor=handler,
        target=report,
        after={"referral": str(referral.pk), "is_up": referral.is_up},
    )
    if street is not None and referral.is_up:
        people = selectors.responsible_in([street.pk])
        telling.tell("report_forwarded", report, people, event=referral.pk)
    return referral


@transaction.atomic
def note_answer(
    *, referral: ReportReferral, handler: User, answer: str, now: datetime | None = None
) -> ReportReferral:
    """Note what a party answered. Idempotent for one answer. Raises OwnReport, ReferralAnswered."""
    report = deadlines.locked(referral.report, handler)
    referral = referral.locked("community", "report", "sent_by")
    if referral.answered_at is not None:
        if referral.answer != answer:
            raise errors.ReferralAnswered
        return referral
    referral.save_with(answer=answer, answered_at=now or timezone.now(), answered_by=handler)
    trail.record(
        "report.answer", actor=handler, target=report, after={"referral": str(referral.pk)}
    )
    return referral


def _require_fit(report: Report, assignee: User) -> None:
    if report.reporter_id in assignee.record_ids:
        raise errors.OwnReport
    of_cells = cell_members_in(report.community).filter(user=assignee, ended_at__isnull=True)
    if not of_cells.exists() and not selectors.is_staff_of(assignee, report):
        raise errors.AssigneeUnfit
