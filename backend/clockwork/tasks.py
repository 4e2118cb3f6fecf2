"""Tasks of the clock: the tick, and a run of periodic work."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

from backend.celery import CLOCK
from backend.clockwork import services
from backend.queues import Queue, in_queue

QUEUED_FOR = timedelta(minutes=5)  # meanwhile it is queued several times, and begun once


@shared_task
@in_queue(Queue.URGENT)
def tick() -> None:
    """Queue the periodic work whose time has come. Idempotent: each slot has one run."""
    for run in services.take_turns():
        queue = CLOCK[run.work].queue
        run_work.apply_async((str(run.pk),), queue=queue, expires=QUEUED_FOR.total_seconds())


@shared_task
def run_work(run_id: str) -> None:
    """Run a slot of a periodic work. Idempotent: a second run finds it begun, or over."""
    services.run(UUID(run_id))


def forget_old_runs() -> dict[str, int]:
    """Delete runs of long ago. Idempotent: a second run finds none."""
    return {"deleted": services.forget_old()}
