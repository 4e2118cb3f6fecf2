"""Reads about notices."""

from uuid import UUID

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.notices.errors import NoticeUnknown
from backend.notices.models import Notice


def inbox_of(user: User) -> QuerySet[Notice]:
    """Return the notices delivered to ``user``, newest first."""
    return Notice.objects.filter(recipient=user, delivered_at__isnull=False).order_by("-id")


def notice_of(user: User, notice_id: UUID) -> Notice:
    """Return one notice delivered to ``user``. Raises NoticeUnknown."""
    notice = inbox_of(user).filter(pk=notice_id).first()
    if notice is None:
        raise NoticeUnknown
    return notice
