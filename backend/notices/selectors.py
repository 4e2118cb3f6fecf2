"""Reads about notices."""

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Concat

from backend.accounts.models import User
from backend.notices.errors import EmailUnknown, NoticeUnknown
from backend.notices.models import Mailbox, Notice


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
