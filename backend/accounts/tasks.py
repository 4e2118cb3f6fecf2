"""Housekeeping of people's tables."""

from celery import shared_task

from backend.accounts.services import attempts


@shared_task
def forget_old_attempts() -> None:
    """Delete attempts that no longer count. Idempotent: a second run finds none."""
    attempts.forget_old()
