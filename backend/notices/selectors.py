"""Reads about notices."""

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Concat

from backend.accounts.models import User
from backend.notices import kinds
from backend.notices.errors import EmailUnknown, NoticeUnknown
from backend.notices.models import Mailbox, Notice, NoticeSettings


def inbox_of(user: User) -> QuerySet[Notice]:
    """Return the notices delivered to ``user``, newest first."""
    return Notice.objects.filter(recipient=user, delivered_at__isnull=False).order_by("-id")


def was_owed(key: Concat) -> Exists:
    """Return the condition, on the rows of a tenant's table, that a notice of ``key`` was owed.

    ``key`` is made of the rows' columns.
    """
    return Exists(Notice.objects.filter(community=OuterRef("community"), key=key))


def notice_of(user: User, notice_id: UUID) -> Notice:
    """Return one notice delivered to ``user``. Raises NoticeUnknown."""
    notice = inbox_of(user).filter(pk=notice_id).first()
    if notice is None:
        raise NoticeUnknown
    return notice


def mailbox_of(user: User) -> Mailbox:
    """Return the e-mail address that ``user`` gave. Raises EmailUnknown."""
    mailbox = Mailbox.objects.filter(user=user).first()
    if mailbox is None:
        raise EmailUnknown
    return mailbox


def unread_by(user: User) -> QuerySet[Notice]:
    """Return the notices delivered to ``user`` and not read yet."""
    return Notice.objects.filter(recipient=user, delivered_at__isnull=False, read_at__isnull=True)


def count_unread(user: User) -> int:
    """Return the number of notices that ``user`` has not read yet."""
    return unread_by(user).count()


def settings_of(user: User) -> NoticeSettings:
    """Return the wishes of ``user`` about messages, by default those of whoever told none."""
    return NoticeSettings.objects.filter(user=user).first() or NoticeSettings(user=user)


def channels_off(wishes: NoticeSettings, kind: str) -> list[str]:
    """Return the channels by which a person wants no notice of ``kind``; none if it is required."""
    is_required = kinds.registered[kind].is_required
    return [] if is_required else wishes.switched_off.get(kind, [])
