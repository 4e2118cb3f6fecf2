"""Tasks of verifications."""

from celery import shared_task
from django.db import OperationalError

from backend.verification.services import asking


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def sweep_verifications() -> None:
    """Ask for tonight's verification of every community. Idempotent while they wait or run."""
    asking.ask_tonight()
