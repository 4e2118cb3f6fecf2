"""Handling of reports: the moves of models/moves.py, and what follows from each."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.audit.models import Act
from volunteers.attendance.errors import OwnVerification
from volunteers.reports import errors, selectors
from volunteers.reports.models import moves
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.handling import FormerWords, ReportComment
from volunteers.reports.models.reports import Report
from volunteers.reports.services import deadlines, rewards, routing, telling

if TYPE_CHECKING:
    from points.models import Award

Status = Report.Status


@transaction.atomic
def accept(
    *, report: Report, handler: User, answer: str = "", now: datetime | None = None
) -> Report:
    """Accept a report to be dealt with, by its cell's worker unless somebody has it already.

    Idempotent. Raises OwnReport, ReportStatusWrong.
    """
    report = deadlines.locked(report, handler)
    is_routed = report.assigned_to_id is not None
    worker = report.assigned_to if is_routed else routing.worker_for(report)
    if _move("accept", report, handler, now, answer, assigned_to=worker) and not is_routed:
        routing.tell_assigned(report)
    return report


@transaction.atomic
def make_safe(
    *, report: Report, handler: User, answer: str = "", now: datetime | None = None
) -> Report:
    """Record that it can do no more harm. Idempotent. Raises OwnReport, ReportStatusWrong."""
    report = deadlines.locked(report, handler)
    _move("make_safe", report, handler, now, answer)
    return report


@transaction.atomic
def fix(*, report: Report, handler: User, answer: str = "", now: datetime | None = None) -> Report:
    """Record that it was put right; somebody looks before it is closed. Idempotent.

    Raises OwnReport, ReportStatusWrong.
    """
    report = deadlines.locked(report, handler)
    _move("fix", report, handler, now, answer)
    return report


@transaction.atomic
def close(
    *, report: Report, handler: User, answer: str = "", now: datetime | None = None
) -> "tuple[Report, Award | None]":
    """Close a report that was dealt with, so that it earns its category's reward.

    One made during an activity earns beside the hours only if its rule says so. One that was opened
    again has earned already, and one of nobody's earns nothing. Idempotent: returns the first
    award. Raises OwnReport, ReportStatusWrong, RuleMissing.
    """
    report = deadlines.locked(report, handler)
    _move("close", report, handler, now, answer, closed_by=handler)
    return report, rewards.reward(report=report)


@transaction.atomic
def reject(*, report: Report, handler: User, answer: str, now: datetime | None = None) -> Report:
    """End a report as unfounded; ``answer`` says why. Idempotent.

    Takes back what it earned when it was closed before. Raises OwnReport, OwnVerification if it was
    ``handler`` who closed it then, ReportStatusWrong.
    """
    report = deadlines.locked(report, handler)
    _end_unrewarded("reject", report, handler, now, answer)
    return report


@transaction.atomic
def mark_not_ours(
    *, report: Report, handler: User, answer: str, now: datetime | None = None
) -> Report:
    """End a report of what others look after; ``answer`` says who. Idempotent. Raises as reject."""
    report = deadlines.locked(report, handler)
    _end_unrewarded("mark_not_ours", report, handler, now, answer)
    return report


@transaction.atomic
def mark_duplicate(
    *,
    report: Report,
    original: Report,
    handler: User,
    answer: str = "",
    now: datetime | None = None,
) -> Report:
    """End a report as a duplicate of another of its community, or of that one's original.

    Duplicates of the report follow it. Its reporter becomes a confirmer of the original, as of when
    they reported, unless it is confidential, their own, or has ended or earned. Idempotent. Raises
    OriginalUnknown, ConfidentialityDiffers, and as reject.
    """
    if original.community_id != report.community_id:
        raise errors.OriginalUnknown
    report, original = _locked_both(report, original, handler)
    if report.status == Status.DUPLICATE:
        return report
    if original.pk == report.pk:
        raise errors.OriginalUnknown
    if original.is_confidential != report.is_confidential:
        raise errors.ConfidentialityDiffers
    following = Report.objects.filter(community=report.community_id, duplicate_of=report)
    following.update(duplicate_of=original)
    _end_unrewarded("mark_duplicate", report, handler, now, answer, duplicate_of=original)
    if (
        report.reporter is not None
        and report.reporter_id != original.reporter_id
        and not original.is_confidential
        and original.status in Report.OPEN
        and original.earned_at is None
    ):
        Confirmation.objects.bulk_create(
            [
                Confirmation(
                    community=report.community,
                    report=original,
                    confirmer=report.reporter,
                    confirmed_at=report.submitted_at,
                )
            ],
            ignore_conflicts=True,
        )
    return report


@transaction.atomic
def reopen(*, report: Report, reopener: User, reason: str, now: datetime | None = None) -> Report:
    """Open a closed or rejected report again, by its reporter or staff, within the policy's days.

    The ``reason`` is a comment, the answer stays among its former words. A reward that was not paid
    is frozen. Clocks run anew. Idempotent while it is open. Raises ReportStatusWrong, also for one
    that was rejected after it had earned, ReopeningTooLate.
    """
    moment = now or timezone.now()
    report = report.locked("community", "estate", "reporter", "assigned_to")
    if report.status in Report.OPEN and report.reopened_at is not None:
        return report
    move = moves.BY_ACT["reopen"]
    was_taken_back = report.status == Status.REJECTED and report.earned_at is not None
    if report.status not in move.of or was_taken_back:
        raise errors.ReportStatusWrong(current_status=report.status)
    assert report.closed_at is not None  # a check constraint
    until = report.closed_at + timedelta(days=selectors.policy_of(report.community).reopen_days)
    if moment > until:
        raise errors.ReopeningTooLate(until=until.isoformat())
    if report.answer:
        FormerWords.objects.create(
            community=report.community,
            report=report,
            stood_in=FormerWords.Place.ANSWER,
            words=report.answer,
            taken_out_by=reopener,
        )
    ReportComment.objects.create(
        community=report.community, report=report, author=reopener, text=reason
    )
    rewards.freeze(report=report)
    undone = dict.fromkeys(("made_safe_at", "fixed_at", "closed_at", "closed_by"))
    act = _write(move, report, reopener, moment, answer="", reopened_at=moment, **undone)
    telling.tell("report_assigned", report, [report.assigned_to], event=act.pk)
    return report


@transaction.atomic
def void(*, report: Report, voider: User, reason: str, now: datetime | None = None) -> Report:
    """Void a closed report, take back what it earned, and tell the reporter. Idempotent.

    What the reporter has spent of it is repaid by what they earn next. Raises OwnReport,
    OwnVerification if ``voider`` ever closed it, ReportStatusWrong.
    """
    report = deadlines.locked(report, voider)
    move = moves.BY_ACT["void"]
    if report.status == move.to:
        return report
    if report.status not in move.of:
        raise errors.ReportStatusWrong(current_status=report.status)
    _require_another(report, voider)
    rewards.take_back(report=report, reason=reason, taken_back_by=voider)
    _write(move, report, voider, now or timezone.now(), voided_by=voider, reason=reason)
    return report


def _end_unrewarded(
    act: str, report: Report, handler: User, now: datetime | None, answer: str, **facts: Any
) -> None:
    has_earned = report.earned_at is not None and report.status in Report.OPEN
    if has_earned:
        _require_another(report, handler)
    if _move(act, report, handler, now, answer, closed_by=handler, **facts) and has_earned:
        rewards.take_back(
            report=report, reason=answer[:200] or report.status, taken_back_by=handler
        )


def _require_another(report: Report, decider: User) -> None:
    """Raise OwnVerification if ``decider`` is who let the report earn."""
    if report.closed_by_id == decider.pk or selectors.has_closed(decider, report):
        raise OwnVerification


def _locked_both(report: Report, original: Report, handler: User) -> tuple[Report, Report]:
    """Lock a report, the one it is said to double, and that one's own original.

    In order of their ids, so that two who mark each other's as duplicates queue here. Returns the
    report and the original of all.
    """
    known = Report.objects.get(community=original.community_id, pk=original.pk)
    ids = {report.pk, known.pk, known.duplicate_of_id or known.pk}
    rows = Report.objects.filter(community=report.community_id, pk__in=ids)
    locked = {row.pk: row for row in rows.order_by("pk").select_for_update(no_key=True)}
    report, found = deadlines.locked(report, handler), locked[original.pk]
    if found.duplicate_of_id is not None:
        if found.duplicate_of_id not in locked:  # it became a duplicate meanwhile
            raise errors.ReportStatusWrong(current_status=found.status)
        found = locked[found.duplicate_of_id]
    return report, found


def _move(
    act: str, report: Report, handler: User, now: datetime | None, answer: str, **facts: Any
) -> bool:
    """Do a move with a locked report; ``False`` if it was done before. Raises ReportStatusWrong."""
    move = moves.BY_ACT[act]
    if report.status == move.to:
        return False
    if report.status not in move.of:
        raise errors.ReportStatusWrong(current_status=report.status)
    if answer:
        facts["answer"] = answer
    _write(move, report, handler, now or timezone.now(), **facts)
    return True


def _write(move: moves.Move, report: Report, by: User, moment: datetime, **facts: Any) -> Act:
    """Write a move with the times of the next step, put it on the trail, and owe the notices."""
    before = report.status
    facts |= {name: moment for name in move.sets if getattr(report, name) is None}
    facts |= {"status": move.to, "escalated_to": None}
    for name, value in facts.items():
        setattr(report, name, value)
    report.save_with(**facts, **deadlines.reckoned(report))
    told = {"status": move.to, "at": moment.isoformat()}
    if move.to == Status.CLOSED:
        assert report.earned_at is not None
        told |= {
            "category": report.category,
            "reporter": str(report.reporter_id),
            "earned_at": report.earned_at.isoformat(),
        }
    if report.duplicate_of_id is not None:
        told["duplicate_of"] = str(report.duplicate_of_id)
    act = trail.record(
        f"report.{move.act}", actor=by, target=report, before={"status": before}, after=told
    )
    reporter = report.reporter if report.reporter_id != by.pk else None
    reason = {"reason": report.reason} if report.reason else {}
    telling.tell(move.tells, report, [reporter], event=act.pk, **reason)
    if move.tells_confirmers:
        confirmed = report.confirmations.select_related("confirmer").order_by("id")
        confirmers = [one.confirmer for one in confirmed]
        telling.tell(move.tells_confirmers, report, confirmers, event=act.pk)
    return act
