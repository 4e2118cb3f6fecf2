"""The safety check of reports by WeChat: until one passes, its reporter and staff alone read it.

Confidential reports are never read by others, and nobody's call for help is sent to WeChat; what
staff relay or import they have read. All else waits, for as long as WeChat is down.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Membership
from backend.communities.selectors import HANDLES
from backend.notices import services as notices
from backend.outbox.kinds import Kind, Later, Outcome
from backend.wechat import client
from backend.wechat.errors import WeChatUserAway
from volunteers.reports import errors
from volunteers.reports.models.photos import ReportPhoto
from volunteers.reports.models.reports import Report, Source
from volunteers.reports.models.screenings import Screening

Opinion = Screening.Opinion
ASKED_AGAIN_AFTER = timedelta(minutes=30)  # if WeChat, which promises that, has said nothing
PHOTO_SHOWN_SECONDS = 3_600
_SALT = "volunteers.reports.screening"


def begin(report: Report) -> None:
    """Owe the screening of all that a report says now, in the caller's transaction."""
    is_owed = (
        bool(settings.WECHAT_CHECK_ORIGIN)
        and not report.is_confidential
        and report.source in (Source.APP, Source.OPEN311)
    )
    was_screened = report.is_screened
    if was_screened == is_owed:
        report.save_with(is_screened=not is_owed)
    if is_owed or not was_screened:
        rows = Screening.objects.filter(community=report.community, report=report)
        rows.delete()
        rows.bulk_create(
            Screening(community=report.community, report=report, photo=photo)
            for photo in ([None, *report.photos.order_by("pk")] if is_owed else [])
        )


def _ask(row: Screening) -> Outcome:
    """Ask WeChat about words, which it answers at once, or about a photo. Raises WeChatUnavailable.

    Whoever is not on WeChat, or has not been there for two hours, can not be asked about: staff
    decide.
    """
    if row.report.is_confidential:  # since it was owed: nobody else reads it
        return _take(row, Opinion.PASS)
    opinion, openid = str(Opinion.REVIEW), _openid(row.report.reporter)
    try:
        if openid and row.photo is None:
            words = f"{row.report.text}\n{row.report.place}"
            opinion = client.check_text(openid, words)
        elif openid and row.photo is not None and row.photo.image:
            trace_id = client.check_photo(openid, address_of(row.photo))
            return Later(ASKED_AGAIN_AFTER, trace_id=trace_id)
    except WeChatUserAway:
        pass
    return _take(row, opinion)


SCREENING = Kind(
    model=Screening,
    act=_ask,
    since="owed_at",
    related=("report__reporter", "report__community", "photo"),
    is_ready=lambda: bool(settings.WECHAT_CHECK_ORIGIN),
)


def hear(told: Mapping[str, Any]) -> None:
    """Take WeChat's opinion of a photo. Idempotent; an unknown ``trace_id`` changes nothing."""
    trace_id, result = str(told.get("trace_id") or ""), told.get("result")
    row = (
        Screening.objects.filter(trace_id=trace_id, opinion="")
        .select_related("report", "report__community")
        .first()
        if trace_id
        else None
    )
    if row is not None:
        _take(row, str(result.get("suggest") if isinstance(result, dict) else None))


@transaction.atomic
def release(*, report: Report, by: User, reason: str) -> Report:
    """Show a report that the safety check holds back. Raises OwnReport, ReportScreened."""
    report = report.locked("community", "estate", "reporter")
    if report.reporter_id in by.record_ids:
        raise errors.OwnReport
    if report.is_screened:
        raise errors.ReportScreened
    report.save_with(is_screened=True)
    Screening.objects.filter(community=report.community, report=report).update(
        next_at=None, given_up_at=None
    )
    trail.record(
        "report.release",
        actor=by,
        community=report.community,
        target=report,
        before={"is_screened": False},
        after={"is_screened": True, "reason": reason},
    )
    return report


def address_of(photo: ReportPhoto) -> str:
    """Return an address at which WeChat, and whoever is told it, sees the photo for an hour."""
    token = signing.dumps([str(photo.community_id), str(photo.pk)], salt=_SALT)
    return f"{settings.WECHAT_CHECK_ORIGIN}/api/v1/wechat/photos/{token}"


def shown_by(token: str) -> ReportPhoto | None:
    """Return the photo of ``address_of``, as long as WeChat is to look at it."""
    try:
        community_id, pk = signing.loads(token, salt=_SALT, max_age=PHOTO_SHOWN_SECONDS)
    except signing.BadSignature:
        return None
    row = (
        Screening.objects.filter(
            community=community_id, photo=UUID(pk), opinion="", report__is_confidential=False
        )
        .select_related("photo")
        .first()
    )
    return row.photo if row else None


@transaction.atomic
def _take(row: Screening, opinion: str) -> None:
    """Record an opinion, and show the report if all are well; else tell the staff, once."""
    report = row.report.locked("community")
    waiting = Screening.objects.filter(community=report.community, pk=row.pk, opinion="")
    known = opinion if opinion in Opinion.values else Opinion.REVIEW
    if not waiting.update(opinion=known, next_at=None, given_up_at=None) or report.is_screened:
        return
    rows = Screening.objects.filter(community=report.community, report=report)
    opinions = set(rows.values_list("opinion", flat=True))
    if opinions == {Opinion.PASS}:
        report.save_with(is_screened=True)
    elif known != Opinion.PASS:
        _tell_staff(report)


def _tell_staff(report: Report) -> None:
    staff = Membership.objects.filter(
        community=report.community, role__in=HANDLES, ended_at__isnull=True
    )
    notices.owe_many(
        community=report.community,
        kind="report_held",
        owed=[
            notices.Owed(
                key=f"report-held:{report.pk}:{user_id}",
                recipient_id=user_id,
                facts={
                    "starts_at": report.submitted_at.isoformat(),
                    "timezone": report.community.timezone,
                },
                target_id=report.pk,
            )
            for user_id in set(staff.values_list("user_id", flat=True))
        ],
        due_at=timezone.now(),
    )


def _openid(reporter: User | None) -> str:
    accounts = SocialAccount.objects.filter(provider="wechat", user=reporter).order_by("pk")
    return (accounts.values_list("uid", flat=True).first() if reporter else None) or ""
