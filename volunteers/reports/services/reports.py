"""Submission and handling of reports, and the record of who reads confidential ones."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.models import Consent, User
from backend.accounts.selectors import consents_in_force
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community
from backend.files.pictures import without_exif
from backend.notices import services as notices
from points.awards.services import awards
from volunteers.attendance.errors import OwnVerification
from volunteers.attendance.selectors import attendance_during
from volunteers.people import selectors
from volunteers.reports import errors
from volunteers.reports.awards import REPORT, facts_of
from volunteers.reports.models import Report

if TYPE_CHECKING:
    from points.models import Award

Status = Report.Status
COORDINATES_KEPT_FOR = timedelta(days=30)  # DESIGN section 4


def submit(
    *,
    community: Community,
    reporter: User,
    photo: "UploadedFile[Any] | None" = None,
    **facts: Any,
) -> Report:
    """Submit a report; ``facts`` are category, text, place, coordinates, coord_type and estate.

    The estate defaults to the reporter's own. Coordinates need the reporter's consent, or are left
    out. The photo is re-encoded, so that none of its EXIF (place, phone, time) is kept. Raises
    GuardianConsentRequired, NotAVolunteerHere, and whatever ``without_exif`` raises.
    """
    guardians.require_guardian(reporter)
    volunteer = selectors.volunteers_in(community).filter(user=reporter).first()
    if volunteer is None:
        raise NotAVolunteerHere
    facts.setdefault("estate", volunteer.estate)
    jpeg = None if photo is None else without_exif(photo)
    with transaction.atomic():
        if not consents_in_force(reporter).filter(purpose=Consent.Purpose.LOCATION).exists():
            facts |= {"latitude": None, "longitude": None}
        is_by_child = ages.is_child(reporter.born_on)
        report = Report(community=community, reporter=reporter, is_by_child=is_by_child, **facts)
        if jpeg is not None:
            report.photo.save(f"{uuid4().hex}.jpg", jpeg, save=False)
        report.save(force_insert=True)
    return report


@transaction.atomic
def accept(*, report: Report, handler: User) -> Report:
    """Accept a report to be dealt with. Idempotent. Raises OwnReport, ReportStatusWrong."""
    return _handle("report.accept", report, handler, Status.ACCEPTED, "accepted_at")


@transaction.atomic
def close_verified(*, report: Report, handler: User, answer: str = "") -> "tuple[Report, Award]":
    """Close a report as verified, so that it earns its category's reward.

    One made during an activity earns beside the hours only if its rule says so. Idempotent: returns
    the first award. Raises OwnReport, ReportStatusWrong, RuleMissing.
    """
    made_during = attendance_during(report.community_id, report.reporter_id, report.submitted_at)
    report = _close(report, handler, Status.VERIFIED, answer, made_during=made_during)
    award = awards.award(
        REPORT,
        community=report.community,
        person_id=report.reporter_id,
        source=report.award_source,
        facts=facts_of(report),
    )
    return report, award


@transaction.atomic
def close_rejected(*, report: Report, handler: User, answer: str) -> Report:
    """Close a report as rejected; ``answer`` says why. Idempotent.

    Raises OwnReport, ReportStatusWrong.
    """
    return _close(report, handler, Status.REJECTED, answer)


@transaction.atomic
def void(*, report: Report, voider: User, reason: str) -> Report:
    """Void a verified report, take back what it earned, and tell the reporter. Idempotent.

    What the reporter has spent of it is repaid by what they earn next. Raises OwnReport,
    OwnVerification if ``voider`` verified it, ReportStatusWrong.
    """
    report = _locked(report, voider)
    if report.status == Status.VOIDED:
        return report
    if report.status != Status.VERIFIED:
        raise errors.ReportStatusWrong(current_status=report.status)
    if report.closed_by_id == voider.pk:
        raise OwnVerification
    awards.void(community=report.community, source=report.award_source, reason=reason)
    facts = dict[str, Any](voided_by=voider, reason=reason)
    _set("report.void", report, voider, Status.VOIDED, "voided_at", **facts)
    notices.owe(
        community=report.community,
        key=f"report-voided:{report.pk}",
        recipient=report.reporter,
        kind="report_voided",
        facts={
            "starts_at": report.submitted_at.isoformat(),
            "timezone": report.community.timezone,
            "reason": reason,
        },
        due_at=timezone.now(),
    )
    return report


def _close(report: Report, handler: User, status: Status, answer: str, **facts: Any) -> Report:
    closed = {"closed_by": handler, "answer": answer} | facts
    told = dict[str, Any](category=report.category, reporter=str(report.reporter_id))
    return _handle("report.close", report, handler, status, "closed_at", told, **closed)


def _handle(
    action: str,
    report: Report,
    handler: User,
    status: Status,
    moment: str,
    told: dict[str, Any] | None = None,
    **facts: Any,
) -> Report:
    """Set an open report's status, and its ``moment`` field to now. Idempotent."""
    report = _locked(report, handler)
    if report.status == status:
        return report
    if report.status not in Report.OPEN:
        raise errors.ReportStatusWrong(current_status=report.status)
    _set(action, report, handler, status, moment, told, **facts)
    return report


def _locked(report: Report, handler: User) -> Report:
    report = report.locked("community", "estate", "reporter")
    if report.reporter_id == handler.pk:
        raise errors.OwnReport
    return report


def _set(
    action: str,
    report: Report,
    handler: User,
    status: Status,
    moment: str,
    told: dict[str, Any] | None = None,
    **facts: Any,
) -> None:
    before = report.status
    report.save_with(status=status, **{moment: timezone.now()}, **facts)
    trail.record(
        action,
        actor=handler,
        community=report.community,
        target=report,
        before={"status": before},
        after={"status": status} | (told or {}),
    )


def note_reading(*, reader: User, reports: Iterable[Report]) -> None:
    """Record that ``reader`` reads other people's ``reports``, if they are confidential.

    Takes one SQL statement, or none. Callers answer afterwards, so that all reading is recorded.
    """
    shown = [
        (report.community, report)
        for report in reports
        if report.category in Report.CONFIDENTIAL and report.reporter_id != reader.pk
    ]
    if shown:
        with transaction.atomic(savepoint=False):  # around one statement
            trail.record_many("report.view", actor=reader, targets=shown)


def drop_old_coordinates(*, now: datetime | None = None) -> int:
    """Drop the coordinates of reports submitted more than 30 days ago. Returns the count.

    The trigger on closed reports allows this change.
    """
    return Report.objects.filter(
        Q(latitude__isnull=False) | Q(longitude__isnull=False),
        submitted_at__lt=(now or timezone.now()) - COORDINATES_KEPT_FOR,
    ).update(latitude=None, longitude=None)
