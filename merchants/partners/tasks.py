"""Celery's way in."""

from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from backend.celery import SWEEP_AT_MOST
from merchants.partners.services import webhooks


@shared_task
def sweep_webhooks() -> None:
    """Queue one try for what merchants' systems are to be told now, of each a few.

    What nobody tried until the next sweep is queued anew by it: receivers that keep the workers
    waiting must not pile up the same tries before everybody else's work.
    """
    for delivery_id in webhooks.to_sweep().values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        deliver_webhook.apply_async((str(delivery_id),), expires=settings.SWEEP_SECONDS)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def deliver_webhook(delivery_id: str) -> None:
    """Try one; a second run finds it done, or not due."""
    webhooks.deliver(delivery_id=UUID(delivery_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def forget_old_webhooks() -> None:
    """Delete what was delivered or given up 90 days ago and more; a second run finds none."""
    webhooks.forget_old()
