"""Tasks of documents."""

from celery import shared_task
from django.db import OperationalError

from backend.documents import services


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def remove_expired_documents() -> None:
    """Remove the files that were kept long enough. Idempotent: a second run finds none."""
    services.remove_expired()
