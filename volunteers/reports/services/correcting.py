"""Acts of a reporter on a report until it is accepted: correct, add to, withdraw."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from volunteers.reports import errors, questions
from volunteers.reports.categories import category_of
from volunteers.reports.models.reports import Report
from volunteers.reports.services import photos as pictures
from volunteers.reports.services import screening
from volunteers.reports.services.submitting import may_locate

PLACED = ("latitude", "longitude")


@transaction.atomic
def correct(*, report: Report, reporter: User, changes: Mapping[str, Any]) -> Report:
    """Change what a report says: text, place, coordinates, estate, category and answers.

    Answers are those to the questions of the category that it has then. What was changed is
    screened anew. Raises ReportStatusWrong once it was accepted, CategoryUnknown, AnswersInvalid.
    """
    report = _open(report)
    told = dict(changes)
    if "category" in told or "answers" in told:
        known = category_of(report.community, told.get("category", report.category))
        told["answers"] = questions.checked(known.questions, told.get("answers", {}))
        if known.code != report.category:
            told |= {"is_confidential": known.is_confidential, "colour": known.colour}
    if any(name in told for name in PLACED) and not may_locate(reporter):
        told |= dict.fromkeys(PLACED)
    report.save_with(**told)
    screening.begin(report)
    return report


def add_photos(*, report: Report, reporter: User, photos: "Sequence[UploadedFile[Any]]") -> Report:
    """Add photos to a report. Raises ReportStatusWrong, TooManyPhotos, what ``in_sizes`` raises."""
    jpegs = pictures.decoded(photos)
    with transaction.atomic():
        report = _open(report)
        if report.photos.count() + len(jpegs) > pictures.AT_MOST:
            raise errors.TooManyPhotos(at_most=pictures.AT_MOST)
        pictures.attach(report=report, jpegs=jpegs, sent_by=reporter)
        screening.begin(report)
    return report


@transaction.atomic
def withdraw(*, report: Report, reporter: User, reason: str = "") -> Report:
    """End a report as withdrawn by its reporter. Idempotent. Raises ReportStatusWrong."""
    report = report.locked("community", "estate", "reporter")
    if report.status == Report.Status.WITHDRAWN:
        return report
    report = _open(report)
    before = report.status
    report.save_with(
        status=Report.Status.WITHDRAWN,
        closed_at=timezone.now(),
        closed_by=reporter,
        reason=reason,
    )
    trail.record(
        "report.withdraw",
        actor=reporter,
        community=report.community,
        target=report,
        before={"status": before},
        after={"status": report.status},
    )
    return report


def _open(report: Report) -> Report:
    report = report.locked("community", "estate", "reporter")
    if report.status != Report.Status.SUBMITTED:
        raise errors.ReportStatusWrong(current_status=report.status)
    return report
