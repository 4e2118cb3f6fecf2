"""Housekeeping of the API's own tables."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from backend.api.models import IdempotencyKey, OwnIdempotencyKey
from backend.tenants import HERE

BATCH = 5_000  # rows a statement; keeps each transaction short


def forget_old_idempotency_keys() -> dict[str, int]:
    """Delete answers older than ``settings.IDEMPOTENCY_KEEP``. Idempotent.

    What a community that has moved away left behind stays as it was.
    """
    old = {"created_at__lt": timezone.now() - settings.IDEMPOTENCY_KEEP}
    total = _forget(OwnIdempotencyKey.objects.filter(**old))
    theirs = IdempotencyKey.objects.filter(**old)
    for community_id in theirs.filter(HERE).values_list("community_id", flat=True).distinct():
        total += _forget(theirs.filter(community=community_id))
    return {"deleted": total}


def _forget(old: QuerySet[Any]) -> int:
    total, deleted = 0, BATCH
    while deleted == BATCH:
        deleted, _ = old.filter(pk__in=old.order_by("created_at").values("pk")[:BATCH]).delete()
        total += deleted
    return total
