"""Bulletins: drafted by staff with the figures of the day, published by a manager, commented on."""

from datetime import date

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.models import Community
from backend.sql import constraint_of
from volunteers.reports import errors, figures, fund_figures
from volunteers.reports.models.publicity import Bulletin, BulletinComment

Status = Bulletin.Status


@transaction.atomic
def draft(
    *, community: Community, drafted_by: User, period: str, starts_on: date, title: str, words: str
) -> Bulletin:
    """Draft the next version of the bulletin about a period, with the figures as they are now.

    Raises BulletinDrafted, BulletinPeriodRunning, BulletinPeriodWrong.
    """
    if figures.begin(starts_on, period) != starts_on:
        raise errors.BulletinPeriodWrong
    until = figures.after(starts_on, period)
    if until > community.today:
        raise errors.BulletinPeriodRunning
    versions = Bulletin.objects.filter(community=community, period=period, starts_on=starts_on)
    latest = versions.order_by("-version").first()
    if latest is not None and latest.status == Status.DRAFT:
        raise errors.BulletinDrafted(bulletin_id=str(latest.pk))
    try:
        with transaction.atomic():
            done = Bulletin.objects.create(
                community=community,
                period=period,
                starts_on=starts_on,
                version=latest.version + 1 if latest else 1,
                title=title,
                words=words,
                figures=_figures(community, period, starts_on),
                drafted_by=drafted_by,
            )
    except IntegrityError as error:
        if constraint_of(error) not in ("bulletin_one_draft", "bulletin_once"):
            raise
        raise errors.BulletinDrafted from None  # somebody else did at this moment
    trail.record("bulletin.draft", actor=drafted_by, target=done, after={"version": done.version})
    return done


@transaction.atomic
def change(*, bulletin: Bulletin, changed_by: User, changes: dict[str, str]) -> Bulletin:
    """Change a draft's title and words, and take today's figures. Raises BulletinPublished.

    Whoever changes it becomes its author, who does not publish it.
    """
    bulletin = bulletin.locked("community")
    if bulletin.status != Status.DRAFT:
        raise errors.BulletinPublished
    bulletin.save_with(
        **changes,
        figures=_figures(bulletin.community, bulletin.period, bulletin.starts_on),
        drafted_by=changed_by,
        drafted_at=timezone.now(),
    )
    trail.record("bulletin.change", actor=changed_by, target=bulletin)
    return bulletin


@transaction.atomic
def publish(*, bulletin: Bulletin, published_by: User) -> Bulletin:
    """Publish a draft; it stays as it is, and supersedes the version before. Idempotent.

    Raises OwnBulletin.
    """
    bulletin = bulletin.locked("community")
    if bulletin.status == Status.PUBLISHED:
        return bulletin
    if bulletin.drafted_by_id == published_by.pk:
        raise errors.OwnBulletin
    bulletin.save_with(
        status=Status.PUBLISHED, published_by=published_by, published_at=timezone.now()
    )
    trail.record("bulletin.publish", actor=published_by, target=bulletin)
    return bulletin


def _figures(community: Community, period: str, starts_on: date) -> dict[str, object]:
    until = figures.after(starts_on, period)
    found = figures.between(community, starts_on, until, figures.By(period))
    with translation.override(settings.LANGUAGE_CODE):  # the names of categories stay as well
        told = figures.told(found)
        return told | {"funds": fund_figures.told(community, year=starts_on.year)}


# --- comments ---------------------------------------------------------------------------------
@transaction.atomic
def comment(*, bulletin: Bulletin, author: User, text: str) -> BulletinComment:
    """Comment on a published bulletin; staff read it before the public. Raises
    GuardianConsentRequired."""
    guardians.require_guardian(author)
    return BulletinComment.objects.create(
        community=bulletin.community, bulletin=bulletin, author=author, text=text
    )


@transaction.atomic
def decide(*, comment: BulletinComment, decided_by: User, is_shown: bool) -> BulletinComment:
    """Show a comment to the public, or hide it. Idempotent; a decision may be changed.

    Raises OwnComment.
    """
    comment = comment.locked("community")
    if comment.author_id == decided_by.pk:
        raise errors.OwnComment
    before = comment.status
    status = BulletinComment.Status.SHOWN if is_shown else BulletinComment.Status.HIDDEN
    if before == status:
        return comment
    comment.save_with(status=status, decided_by=decided_by, decided_at=timezone.now())
    trail.record(
        "bulletin_comment.decide",
        actor=decided_by,
        target=comment,
        before={"status": before},
        after={"status": status},
    )
    return comment
