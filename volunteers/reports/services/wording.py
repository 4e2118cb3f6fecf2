"""Words about reports: comments, and words that are taken out again."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from volunteers.reports import errors
from volunteers.reports.models.handling import FormerWords, ReportComment
from volunteers.reports.models.reports import MASK, Report
from volunteers.reports.services import telling


@transaction.atomic
def comment(
    *,
    report: Report,
    author: User,
    text: str,
    is_internal: bool = False,
    now: datetime | None = None,
) -> ReportComment:
    """Comment on a report: as its reporter, or as staff for everybody or among themselves.

    The other side is told. What a reporter writes is read by them and staff alone, as their text
    is, so nothing screens it. Raises StaffOnly for an internal comment by the reporter.
    """
    report = report.locked("community", "estate", "reporter", "assigned_to")
    is_reporter = author.pk == report.reporter_id
    if is_reporter and is_internal:
        raise errors.StaffOnly
    written = ReportComment.objects.create(
        community=report.community,
        report=report,
        author=author,
        is_internal=is_internal,
        text=text,
        written_at=now or timezone.now(),
    )
    if not is_reporter:
        trail.record(
            "report.comment",
            actor=author,
            target=report,
            after={"comment": str(written.pk), "is_internal": is_internal},
        )
    other = report.reporter if not is_reporter and not is_internal else report.assigned_to
    if other != author:
        telling.tell("report_commented", report, [other], event=written.pk)
    return written


@transaction.atomic
def take_out(*, report: Report, by: User, words: str) -> list[FormerWords]:
    """Mask ``words`` wherever ``by`` may take them out of a report and its comments.

    A reporter may in the text, the place and their own comments, staff everywhere. What stood there
    is kept for managers and auditors, until an erasure. Raises WordsNotFound.
    """
    report = report.locked("community", "estate", "reporter")
    is_reporter = by.pk == report.reporter_id
    masked = MASK * len(words)
    columns = {
        name: getattr(report, name)
        for name in ("text", "place", *([] if is_reporter else ["answer"]))
        if words in getattr(report, name)
    }
    comments = report.comments.filter(text__contains=words).order_by("pk")
    if is_reporter:
        comments = comments.filter(author=by)
    found = list(comments.select_for_update(no_key=True))
    if not columns and not found:
        raise errors.WordsNotFound
    kept = [
        FormerWords(report=report, stood_in=name, words=was) for name, was in columns.items()
    ] + [
        FormerWords(report=report, stood_in="comment", comment=one, words=one.text) for one in found
    ]
    for former in kept:
        former.community, former.taken_out_by = report.community, by
    FormerWords.objects.bulk_create(kept)
    if columns:
        report.save_with(**{name: was.replace(words, masked) for name, was in columns.items()})
    for one in found:
        one.save_with(text=one.text.replace(words, masked))
    trail.record(
        "report.redact",
        actor=by,
        target=report,
        after={"stood_in": [former.stood_in for former in kept]},
    )
    return kept
