"""Reads about notices."""

from django.db.models import QuerySet
from django.db.models.functions import Now

from backend.accounts.models import User
from backend.notices.models import Notice


def inbox_of(user: User) -> QuerySet[Notice]:
    """What ``user`` has been told, newest first."""
    return Notice.objects.filter(recipient=user, delivered_at__isnull=False).order_by("-id")


def owed_now() -> QuerySet[Notice]:
    """What is due and neither told nor withdrawn, oldest debt first."""
    return Notice.objects.filter(
        delivered_at__isnull=True, withdrawn_at__isnull=True, due_at__lte=Now()
    ).order_by("due_at")
