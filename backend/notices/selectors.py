"""Reads about notices."""

from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from backend.accounts.models import User
from backend.notices.errors import NoticeUnknown
from backend.notices.models import Notice


def inbox_of(user: User) -> QuerySet[Notice]:
    """Return what ``user`` has been told, newest first."""
    return Notice.objects.filter(recipient=user, delivered_at__isnull=False).order_by("-id")


def notice_of(user: User, notice_id: UUID) -> Notice:
    """Return one notice that ``user`` has been told. Raises NoticeUnknown."""
    notice = inbox_of(user).filter(pk=notice_id).first()
    if notice is None:
        raise NoticeUnknown
    return notice


def owed_now() -> QuerySet[Notice]:
    """Return what is due and neither told nor withdrawn, oldest debt first."""
    return Notice.objects.filter(
        delivered_at__isnull=True, withdrawn_at__isnull=True, due_at__lte=Now()
    ).order_by("due_at")
