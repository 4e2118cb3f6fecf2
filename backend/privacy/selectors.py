"""Reads about exports, and about people who leave for good."""

from datetime import datetime

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.privacy import held
from backend.privacy.models import Export


def exports_of(user: User) -> QuerySet[Export]:
    """Return the exports that ``user`` asked for, newest first."""
    return Export.objects.filter(user=user).order_by("-id")


def state_of(export: Export, *, now: datetime | None = None) -> Export.State:
    """Tell whether the export's file is yet to be made, there, or gone."""
    if export.finished_at is None:
        return Export.State.PENDING
    assert export.expires_at is not None  # a check constraint
    is_there = (
        export.removed_at is None
        and (now or timezone.now()) < export.expires_at
        and default_storage.exists(export.file_name)
    )
    return Export.State.READY if is_there else Export.State.EXPIRED


def exports_to_remove(now: datetime) -> QuerySet[Export]:
    """Return the exports whose file nobody can fetch any more."""
    return Export.objects.filter(removed_at__isnull=True, expires_at__lte=now).order_by("id")


def holds_a_role(user: User) -> bool:
    """Tell whether others depend on ``user``: as staff, manager, auditor or merchant's owner."""
    return any(is_due(user) for is_due in held.DUTIES)


def people_to_erase(now: datetime) -> QuerySet[User]:
    """Return the people who asked to be erased and whose grace period is over."""
    return User.objects.filter(
        erasure_requested_at__lte=now - settings.ERASURE_GRACE, erased_at__isnull=True
    ).order_by("erasure_requested_at")
