"""Tasks of the outbox: find whose turn it is, try what they are owed."""

from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from backend.outbox import kinds, services


@shared_task
def sweep_outbox() -> None:
    """Queue work for every share of every kind that has due rows.

    Work that nobody began before the next sweep is dropped and queued anew: what keeps workers
    waiting must not pile up before everything else.
    """
    for name in kinds.registered:
        for share in services.shares(name):
            work_outbox.apply_async((name, share), expires=settings.SWEEP_SECONDS)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def work_outbox(kind: str, share: dict[str, str]) -> None:
    """Try what is due of one share. Idempotent: a second run finds it done, or not due."""
    services.work(kind, share)
