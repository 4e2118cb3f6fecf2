"""Reads about exports, and about people who leave for good."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Membership
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
    """Return the people who asked to be erased and whose grace period is over.

    Without those of a community that has moved away: what is here of it can not be changed.
    """
    due = User.objects.filter(
        erasure_requested_at__lte=now - settings.ERASURE_GRACE, erased_at__isnull=True
    )
    return due.filter(~Exists(moved_of(OuterRef("pk")))).order_by("erasure_requested_at")


def moved_of(user: Any) -> QuerySet[Membership]:
    """Return the roles that ``user`` holds or held in communities that have moved away."""
    return Membership.objects.filter(user=user, community__moved_at__isnull=False)
