"""Reads about files that a task makes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.documents.models import Document
from backend.routing import reading

TRIED_FOR = timedelta(days=1)  # what could not be made by then is given up


def state_of(document: Document, *, now: datetime | None = None) -> Document.State:
    """Tell whether the file is yet to be made, there, or gone."""
    now = now or timezone.now()
    if document.removed_at is not None:
        return Document.State.EXPIRED
    if document.finished_at is None:
        is_given_up = document.given_up_at is not None or document.asked_at + TRIED_FOR <= now
        return Document.State.EXPIRED if is_given_up else Document.State.PENDING
    is_there = (document.expires_at is None or now < document.expires_at) and (
        default_storage.exists(document.stored_as)
    )
    return Document.State.READY if is_there else Document.State.EXPIRED


def documents_to_remove(now: datetime) -> QuerySet[Document]:
    """Return the documents that nobody can fetch any more, and those that were given up."""
    return Document.objects.filter(
        Q(expires_at__lte=now) | Q(finished_at__isnull=True, asked_at__lte=now - TRIED_FOR),
        removed_at__isnull=True,
    ).order_by("id")


def asked_by(user: User, community: Community) -> QuerySet[Document]:
    """Return what ``user`` asked for in ``community`` and nobody has removed, newest first."""
    asked = Document.objects.filter(community=community, asked_by=user, removed_at__isnull=True)
    return asked.order_by("-id")


def kept_for(user: User, community: Community) -> int:
    """Count the documents that ``user`` waits for in ``community`` or, as asker, may fetch."""
    waits = Q(finished_at__isnull=True) | Q(is_final=False)
    return Document.objects.filter(
        waits, community=community, asked_by=user, removed_at__isnull=True
    ).count()


def streamed(rows: QuerySet[Any, Any]) -> Iterator[Sequence[Any]]:
    """Yield ``rows`` as they arrive; Django's own iterator would first hold all of them in memory.

    No other query may run on the connection before the last row.
    """
    connection = reading()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        yield from cursor.stream(*rows.query.sql_with_params())
