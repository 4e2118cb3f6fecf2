"""Housekeeping of the API's own tables."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from backend.api.models import IdempotencyKey

BATCH = 5_000  # rows a statement; keeps each transaction short


@shared_task
def forget_old_idempotency_keys() -> None:
    """Delete answers older than ``settings.IDEMPOTENCY_KEEP``. Idempotent."""
    old = IdempotencyKey.objects.filter(
        created_at__lt=timezone.now() - settings.IDEMPOTENCY_KEEP
    ).order_by("created_at")
    deleted = BATCH
    while deleted == BATCH:
        deleted, _ = IdempotencyKey.objects.filter(pk__in=old.values("pk")[:BATCH]).delete()
