"""Submitting reports, and handling them by somebody else."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.models import Consent, User
from backend.accounts.selectors import consents_in_force
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community
from backend.files.pictures import without_exif
from points.awards.services import awards
from volunteers.people import selectors
from volunteers.reports import errors
from volunteers.reports.models import Report

if TYPE_CHECKING:
    from points.models import Award


def submit(
    *,
    community: Community,
    reporter: User,
    photo: "UploadedFile[Any] | None" = None,
    **facts: Any,
) -> Report:
    """Submit a report; ``facts`` are category, text, place, coordinates, coord_type and estate.

    Without an estate it belongs to the reporter's own. Without the reporter's consent coordinates
    are left out. The photo is encoded anew, so nothing of its EXIF (place, phone, time) is kept.
    Raises GuardianConsentRequired, NotAVolunteerHere, and what ``without_exif`` raises.
    """
    guardians.require_guardian(reporter)
    volunteer = selectors.volunteers_in(community).filter(user=reporter).first()
    if volunteer is None:
        raise NotAVolunteerHere
    facts.setdefault("estate", volunteer.estate)
    jpeg = None if photo is None else without_exif(photo)
    return _submit(community, reporter, jpeg, facts)


@transaction.atomic
def _submit(
    community: Community, reporter: User, jpeg: "ContentFile[bytes] | None", facts: dict[str, Any]
) -> Report:
    if not consents_in_force(reporter).filter(purpose=Consent.Purpose.LOCATION).exists():
        facts |= {"latitude": None, "longitude": None}
    report = Report(
        community=community,
        reporter=reporter,
        is_by_child=ages.is_child(reporter.born_on),
        **facts,
    )
    if jpeg is not None:
        report.photo.save(f"{uuid4().hex}.jpg", jpeg, save=False)
    report.save(force_insert=True)
    return report


@transaction.atomic
def accept(*, report: Report, handler: User) -> Report:
    """Accept a report to look after it. Idempotent. Raises OwnReport, ReportStatusWrong."""
    report = _locked(report)
    if report.reporter_id == handler.pk:
        raise errors.OwnReport
    if report.status == Report.Status.ACCEPTED:
        return report
    if report.status != Report.Status.SUBMITTED:
        raise errors.ReportStatusWrong(current_status=report.status)
    report.status = Report.Status.ACCEPTED
    report.accepted_at = timezone.now()
    report.save(update_fields=["status", "accepted_at"])
    _record("report.accept", report, handler, Report.Status.SUBMITTED)
    return report


@transaction.atomic
def close_verified(*, report: Report, handler: User, answer: str = "") -> "tuple[Report, Award]":
    """Close a report as true and dealt with, so that it earns its category's reward.

    Idempotent: answers with the first award. Raises OwnReport, ReportStatusWrong, RuleMissing.
    """
    report = _close(report, handler, Report.Status.VERIFIED, answer)
    assert report.closed_at is not None  # a check constraint
    award = awards.award_report(
        community=report.community,
        person_id=report.reporter_id,
        source=report.award_source,
        category=report.category,
        verified_at=report.closed_at,
    )
    return report, award


@transaction.atomic
def close_rejected(*, report: Report, handler: User, answer: str) -> Report:
    """Close a report as not true; ``answer`` says why. Idempotent.

    Raises OwnReport, ReportStatusWrong.
    """
    return _close(report, handler, Report.Status.REJECTED, answer)


def _close(report: Report, handler: User, status: Report.Status, answer: str) -> Report:
    report = _locked(report)
    if report.reporter_id == handler.pk:
        raise errors.OwnReport
    if report.status == status:
        return report
    if report.status not in Report.OPEN:
        raise errors.ReportStatusWrong(current_status=report.status)
    before, report.status = report.status, status
    report.closed_at = timezone.now()
    report.closed_by = handler
    report.answer = answer
    report.save(update_fields=["status", "closed_at", "closed_by", "answer"])
    _record("report.close", report, handler, before)
    return report


def _record(action: str, report: Report, handler: User, before: str) -> None:
    trail.record(
        action,
        actor=handler,
        community=report.community,
        target=report,
        before={"status": before},
        after={"status": report.status},
    )


def _locked(report: Report) -> Report:
    return (
        Report.objects.select_for_update(no_key=True, of=("self",))
        .select_related("community", "estate", "reporter")
        .get(pk=report.pk)
    )
