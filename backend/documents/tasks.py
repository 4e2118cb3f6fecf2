"""Tasks of documents."""

from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from backend.documents import selectors, services

SWEEP_AT_MOST = 4  # of as many people, each sweep: workers have other things to do as well


@shared_task
def sweep_documents() -> None:
    """Queue the making of the files that people wait for.

    A task that nobody began before the next sweep is dropped and queued anew.
    """
    for document in selectors.documents_owed(timezone.now())[:SWEEP_AT_MOST]:
        make_document.apply_async(
            (str(document.community_id), str(document.pk)), expires=settings.SWEEP_SECONDS
        )


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def make_document(community_id: str, document_id: str) -> None:
    """Make one file. Idempotent: a second run finds it made, or being made."""
    services.make(community_id=UUID(community_id), document_id=UUID(document_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def remove_expired_documents() -> None:
    """Remove the files that were kept long enough. Idempotent: a second run finds none."""
    services.remove_expired()
