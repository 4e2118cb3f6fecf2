"""Housekeeping of the API's own tables."""

from django.conf import settings
from django.utils import timezone

from backend.api.models import IdempotencyKey

BATCH = 5_000  # rows a statement; keeps each transaction short


def forget_old_idempotency_keys() -> dict[str, int]:
    """Delete answers older than ``settings.IDEMPOTENCY_KEEP``. Idempotent."""
    old = IdempotencyKey.objects.filter(
        created_at__lt=timezone.now() - settings.IDEMPOTENCY_KEEP
    ).order_by("created_at")
    total, deleted = 0, BATCH
    while deleted == BATCH:
        deleted, _ = IdempotencyKey.objects.filter(pk__in=old.values("pk")[:BATCH]).delete()
        total += deleted
    return {"deleted": total}
