"""Tasks of webhooks."""

from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from backend.webhooks import queue, services

SWEEP_AT_MOST = 1000


@shared_task
def sweep_webhooks() -> None:
    """Queue one try for each delivery that is due now, a few for each endpoint.

    Tasks that nobody began before the next sweep are dropped and queued anew: receivers that keep
    workers waiting must not pile up the same tries before everybody else's work.
    """
    for ids in queue.to_sweep().values_list("community_id", "pk")[:SWEEP_AT_MOST]:
        deliver_webhook.apply_async(tuple(map(str, ids)), expires=settings.SWEEP_SECONDS)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def deliver_webhook(community_id: str, delivery_id: str) -> None:
    """Try one delivery. Idempotent: a second run finds it done, or not due."""
    services.deliver(community_id=UUID(community_id), delivery_id=UUID(delivery_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def forget_old_webhooks() -> None:
    """Delete deliveries that ended 90 days ago and more. Idempotent."""
    services.forget_old()
