"""Housekeeping of people's tables."""

from celery import shared_task
from django.db import OperationalError

from backend.accounts.services import attempts


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def forget_old_attempts() -> None:
    """Delete attempts that no longer count. Idempotent: a second run finds none."""
    attempts.forget_old()
