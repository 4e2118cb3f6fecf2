"""Tasks of documents."""

from celery import shared_task

from backend.documents import services


@shared_task
def remove_expired_documents() -> None:
    """Remove the files that were kept long enough. Idempotent: a second run finds none."""
    services.remove_expired()
