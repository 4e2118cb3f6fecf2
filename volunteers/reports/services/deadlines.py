"""Clocks of reports: until when the present step is to be done, and who hears if it is not."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from volunteers.reports import clocks, errors, selectors
from volunteers.reports.models.categories import Colour, ReportPolicy
from volunteers.reports.models.handling import ReportComment, ReportPause
from volunteers.reports.models.reports import Level, Report
from volunteers.reports.services import telling

CLIMBS: dict[str | None, Level] = {
    None: Level.COMMUNITY,
    Level.COMMUNITY: Level.STREET,
}  # from where to where
ESCALATED_AT_ONCE = 100  # reports


def reckoned(report: Report, *, is_new: bool = False) -> dict[str, datetime | None]:
    """Return the columns that follow from the report's clock: until when, and when it climbs.

    A step climbs to the community when it is due, and to the street, where there is one, after as
    much time again. All clocks run since the report was submitted, or opened again.
    """
    columns: dict[str, datetime | None] = {"due_at": None, "escalates_at": None}
    if report.status not in clocks.STEPS:
        return columns
    policy = selectors.policy_of(report.community)
    times = policy.clocks[report.colour]
    minutes = next(filter(None, map(times.get, clocks.STEPS[report.status])), None)
    if minutes is None:
        return columns
    pauses = [] if is_new else list(report.pauses.values_list("since_at", "until_at"))
    office = clocks.Office(
        frozenset(policy.office_days),
        policy.office_from,
        policy.office_until,
        report.community.clock,
    )

    def after(minutes: int) -> datetime | None:
        return clocks.due_at(
            since=report.reopened_at or report.submitted_at,
            minutes=minutes,
            office=None if report.colour == Colour.RED else office,
            pauses=pauses,
        )

    columns["due_at"] = after(minutes)
    if report.escalated_to is None:
        columns["escalates_at"] = columns["due_at"]
    elif report.escalated_to == Level.COMMUNITY and report.community.parent_id:
        columns["escalates_at"] = after(2 * minutes)
    return columns


@transaction.atomic
def change_policy(*, community: Community, by: User, changes: dict[str, Any]) -> ReportPolicy:
    """Change what the community decides about reports. Idempotent.

    New clocks count for a report from its next step on; clocks that are left out stay. Raises
    OfficeHoursInvalid.
    """
    ReportPolicy.objects.get_or_create(community=community)
    policy = ReportPolicy.objects.get(community=community).locked("community")
    if "clocks" in changes:
        new = changes["clocks"]
        clocks = {colour: old | new.get(colour, {}) for colour, old in policy.clocks.items()}
        changes = changes | {"clocks": clocks}
    differing = {name: new for name, new in changes.items() if getattr(policy, name) != new}
    if differing:
        before = _told(policy, *differing)
        for name, new in differing.items():
            setattr(policy, name, new)
        if policy.office_from >= policy.office_until:
            raise errors.OfficeHoursInvalid
        policy.save_with(**differing)
        after = _told(policy, *differing)
        trail.record("report_policy.change", actor=by, target=policy, before=before, after=after)
    return policy


def _told(policy: ReportPolicy, *names: str) -> dict[str, Any]:
    told = {name: getattr(policy, name) for name in names}
    return {
        name: f"{value:%H:%M}" if isinstance(value, time) else value for name, value in told.items()
    }


@transaction.atomic
def change_colour(*, report: Report, handler: User, colour: str, reason: str) -> Report:
    """Change how urgent a report is; the ``reason`` is an internal comment. Idempotent.

    Its clocks follow. Raises OwnReport, ReportStatusWrong, AlreadyEarned if it earned by it.
    """
    report = open_one(report, handler)
    if report.colour == colour:
        return report
    if report.earned_at is not None:
        raise errors.AlreadyEarned
    before, report.colour = report.colour, colour
    report.save_with(colour=colour, **reckoned(report))
    why = ReportComment.objects.create(
        community=report.community, report=report, author=handler, is_internal=True, text=reason
    )
    trail.record(
        "report.colour",
        actor=handler,
        target=report,
        before={"colour": before},
        after={"colour": colour, "comment": str(why.pk)},
    )
    return report


@transaction.atomic
def pause(*, report: Report, handler: User, reason: str, now: datetime | None = None) -> Report:
    """Stop the clocks of an open report until ``resume``.

    Raises OwnReport, ReportStatusWrong, ClockStatusWrong if it is paused already.
    """
    report = open_one(report, handler)
    if report.pauses.filter(until_at__isnull=True).exists():
        raise errors.ClockStatusWrong
    ReportPause.objects.create(
        community=report.community,
        report=report,
        since_at=now or timezone.now(),
        reason=reason,
        paused_by=handler,
    )
    report.save_with(**reckoned(report))
    trail.record("report.pause", actor=handler, target=report)
    return report


@transaction.atomic
def resume(*, report: Report, handler: User, now: datetime | None = None) -> Report:
    """Let the clocks of a report run on. Raises OwnReport, ReportStatusWrong, ClockStatusWrong."""
    report = open_one(report, handler)
    running = report.pauses.filter(until_at__isnull=True).first()
    if running is None:
        raise errors.ClockStatusWrong
    running.save_with(until_at=now or timezone.now(), resumed_by=handler)
    report.save_with(**reckoned(report))
    trail.record("report.resume", actor=handler, target=report)
    return report


def open_one(report: Report, handler: User) -> Report:
    """Return the open report, locked. Raises OwnReport, ReportStatusWrong."""
    report = locked(report, handler)
    if report.status not in Report.OPEN:
        raise errors.ReportStatusWrong(current_status=report.status)
    return report


def locked(report: Report, handler: User) -> Report:
    """Return the report of somebody else, locked. Raises OwnReport."""
    report = report.locked("community", "estate", "reporter", "assigned_to")
    if report.reporter_id in handler.record_ids:
        raise errors.OwnReport
    return report


def escalate(*, community_id: UUID, now: datetime) -> int:
    """Let each overdue step of the community's reports climb by a level. Returns how many did.

    Those that are responsible there are told. Each level once per step: Idempotent.
    """
    due = selectors.reports_to_escalate(now).filter(community=community_id)
    found = due.select_related("community")[:ESCALATED_AT_ONCE]
    return sum(_climb(report, now) for report in found)


@transaction.atomic
def _climb(report: Report, now: datetime) -> bool:
    report = report.locked("community", "estate", "reporter")
    if (
        report.status not in Report.OPEN
        or report.escalates_at is None
        or report.escalates_at > now
        or report.due_at is None
    ):
        return False  # somebody did something meanwhile, or another sweep this
    level = CLIMBS[report.escalated_to]
    report.escalated_to = level
    was_due = f"{report.due_at.astimezone(report.community.clock):%Y-%m-%d %H:%M}"
    report.save_with(escalated_to=level, **reckoned(report))
    place = report.community_id if level == Level.COMMUNITY else report.community.parent_id
    assert place is not None  # else the step would not climb there
    act = trail.record(
        "report.escalate",
        actor=None,
        target=report,
        after={"level": level, "of": report.status, "at": now.isoformat()},
    )
    telling.tell(
        "report_escalated",
        report,
        selectors.responsible_in([place]),
        event=act.pk,
        due=was_due,
    )
    return True
