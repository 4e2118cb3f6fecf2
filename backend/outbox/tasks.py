"""Tasks of the outbox: find whose turn it is, try what they are owed."""

import random
from itertools import zip_longest

from celery import shared_task
from django.conf import settings

from backend.outbox import kinds, services


def sweep_outbox() -> dict[str, int]:
    """Queue work for every share that has due rows, one of each kind in turn, kinds by lot.

    Work that nobody began before the next sweep is dropped and queued anew: what keeps workers
    waiting must not pile up before everything else.
    """
    names = random.sample([*kinds.registered], len(kinds.registered))
    queued = [[(name, share) for share in services.shares(name)] for name in names]
    for turn in zip_longest(*queued):
        for name, share in filter(None, turn):
            queue = kinds.registered[name].queue
            work_outbox.apply_async((name, share), queue=queue, expires=settings.SWEEP_SECONDS)
    return {"queued": sum(map(len, queued))}


@shared_task
def work_outbox(kind: str, share: dict[str, str]) -> None:
    """Try what is due of one share. Idempotent: a second run finds it done, or not due."""
    services.work(kind, share)
