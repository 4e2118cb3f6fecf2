"""Celery tasks of giving."""

from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from backend.celery import SWEEP_AT_MOST
from merchants.giving.services import wishes


@shared_task
def sweep_lapsed_wishes() -> None:
    """Queue ``reopen_wish`` for the wishes whose neighbour's hold has expired."""
    for wish_id in wishes.lapsed().order_by("pk").values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        reopen_wish.delay(str(wish_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def reopen_wish(wish_id: str) -> None:
    """Reopen a lapsed wish. Idempotent."""
    wishes.reopen(wish_id=UUID(wish_id))
