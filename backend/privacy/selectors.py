"""Reads about exports, and about who leaves for good."""

from datetime import datetime

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Membership, Role
from backend.documents.models import Document
from backend.privacy.models import Export
from merchants.models import MerchantMember, Statement
from volunteers.models import Report

HANDED_OVER_FIRST = (Role.STAFF, Role.MANAGER, Role.AUDITOR)


def newest_export_of(user: User) -> Export | None:
    """The last one that ``user`` asked for."""
    return Export.objects.filter(user=user).order_by("-id").first()


def state_of(export: Export, *, now: datetime | None = None) -> Export.State:
    """Whether its file is yet to be made, there, or gone."""
    if export.finished_at is None:
        return Export.State.PENDING
    assert export.expires_at is not None  # a check constraint
    is_there = (
        export.removed_at is None
        and (now or timezone.now()) < export.expires_at
        and default_storage.exists(export.file_name)
    )
    return Export.State.READY if is_there else Export.State.EXPIRED


def exports_owed() -> QuerySet[Export]:
    """Asked for and not made yet, oldest first."""
    return Export.objects.filter(finished_at__isnull=True).order_by("id")


def exports_to_remove(now: datetime) -> QuerySet[Export]:
    """Whose file nobody can fetch any more."""
    return Export.objects.filter(removed_at__isnull=True, expires_at__lte=now).order_by("id")


def holds_a_role(user: User) -> bool:
    """Whether others depend on ``user``: as staff, manager, auditor, or owner of a merchant."""
    return (
        Membership.objects.filter(
            user=user, role__in=HANDED_OVER_FIRST, ended_at__isnull=True
        ).exists()
        or MerchantMember.objects.filter(
            user=user, role=MerchantMember.Role.OWNER, ended_at__isnull=True
        ).exists()
    )


def people_to_erase(now: datetime) -> QuerySet[User]:
    """Who asked for it and has had the time to think better of it."""
    return User.objects.filter(
        erasure_requested_at__lte=now - settings.ERASURE_GRACE, erased_at__isnull=True
    ).order_by("erasure_requested_at")


def documents_about(user: User) -> QuerySet[Document]:
    """Files that ``user`` asked for, and those of statements that name them."""
    named = Statement.objects.filter(
        Q(drafted_by=user) | Q(approved_by=user) | Q(paid_by=user)
    ).values_list("pk", flat=True)
    return Document.objects.filter(
        Q(asked_by=user, is_final=False)
        | Q(kind="statement", about__statement__in=list(map(str, named)))
    )


def photos_to_remove() -> QuerySet[Report]:
    """Reports whose words were erased and whose photo is still there."""
    return (
        Report.objects.filter(reporter__erased_at__isnull=False, text="")
        .exclude(photo="")
        .order_by("pk")
    )
