"""The Celery application, and the table of what runs by the clock.

Services queue nothing. They leave rows that say what is owed; the sweeps below find such rows, so a
lost message, a dead worker or an hour without Redis delays work and loses none. A message is
acknowledged only when its work is done.
"""

import logging
import os
import signal
from datetime import timedelta
from logging.config import dictConfig
from threading import Timer
from typing import Any

import celery
from celery.signals import setup_logging, task_postrun, task_prerun, worker_shutting_down
from django.conf import settings
from django.db import IntegrityError, OperationalError

import backend.metrics  # noqa: F401  # counts tasks
from backend.clockwork.works import Work, daily, every
from backend.queues import GRACE, Queue
from backend.request_id import follow
from backend.sql import constraint_of

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

logger = logging.getLogger(__name__)

MOVED = "community_moved"  # as backend/communities/fence.py calls it
SWEEP_AT_MOST = 1_000  # rows that one sweep queues tasks for; the next sweep finds the rest
URGENT, BULK = Queue.URGENT, Queue.BULK
OFTEN = every(seconds=settings.SWEEP_SECONDS)
BY_DAY = timedelta(hours=12)  # what people are told in the morning is not told them at night

_TABLE = [
    # What is owed, and what ends by itself.
    Work("backend.outbox.tasks.sweep_outbox", OFTEN, queue=URGENT),
    Work("volunteers.reports.tasks.sweep_overdue_reports", every(minutes=1), queue=URGENT),
    Work("merchants.redemption.tasks.sweep_expired_vouchers", OFTEN),
    Work("merchants.redemption.tasks.sweep_expiring_vouchers", every(minutes=5)),
    Work("merchants.giving.tasks.sweep_lapsed_wishes", every(minutes=1)),
    Work("volunteers.attendance.tasks.sweep_ended_shifts", every(minutes=1)),
    Work("volunteers.attendance.tasks.sweep_signals", every(minutes=1)),
    Work("volunteers.attendance.tasks.sweep_published_hours", every(minutes=10)),
    Work("volunteers.reports.tasks.sweep_rewards", OFTEN),
    Work("points.funds.tasks.sweep_waiting_claims", every(minutes=5)),
    Work("points.seals.tasks.sweep_unsealed", every(minutes=5)),
    # It is midnight somewhere; where nothing is due, nothing happens.
    Work("points.expiry.tasks.sweep_expiry", every(minutes=60)),
    Work("points.passing.tasks.sweep_merged", every(minutes=60)),
    # At night, by the clock of whoever runs Linli; each community's day is its own.
    Work("backend.events.tasks.sweep_series", daily(1, 20)),
    Work("merchants.settlement.tasks.sweep_unsettled", daily(2, 10)),
    Work("backend.privacy.tasks.sweep_erasures", daily(2, 50)),
    Work("volunteers.reports.tasks.sweep_tallies", daily(3, 15)),
    Work("backend.verification.tasks.sweep_verifications", daily(4, 20)),
    Work("backend.payouts.tasks.sweep_differences", daily(5, 10)),
    # In the morning people are told something.
    Work("volunteers.reports.tasks.sweep_inspections", daily(8, 10), BY_DAY, catches_up=False),
    Work(
        "volunteers.attendance.tasks.sweep_hours_to_verify", daily(8, 20), BY_DAY, catches_up=False
    ),
    Work("points.expiry.tasks.sweep_expiry_notices", daily(9, 0), BY_DAY, catches_up=False),
    Work("volunteers.reports.tasks.sweep_surveys", daily(9, 10), BY_DAY, catches_up=False),
    Work("merchants.settlement.tasks.sweep_merchants_months", daily(9, 20)),
    Work("volunteers.reports.tasks.sweep_volunteers_months", daily(9, 40)),
    # What is kept no longer.
    Work("backend.accounts.tasks.forget_old_attempts", every(minutes=10), queue=BULK),
    Work("merchants.redemption.tasks.forget_old_pay_codes", every(minutes=10), queue=BULK),
    Work("merchants.redemption.tasks.forget_card_pins", every(minutes=10), queue=BULK),
    Work("backend.clockwork.tasks.forget_old_runs", every(minutes=60), queue=BULK),
    Work("volunteers.reports.tasks.forget_old_coordinates", daily(3, 10), queue=BULK),
    Work("volunteers.reports.tasks.forget_old_mediations", daily(3, 15), queue=BULK),
    Work("backend.privacy.tasks.remove_expired_exports", daily(3, 25), queue=BULK),
    Work("backend.documents.tasks.remove_expired_documents", daily(3, 30), queue=BULK),
    Work("backend.imports.tasks.remove_old_files", daily(3, 50), queue=BULK),
    Work("backend.api.tasks.forget_old_idempotency_keys", daily(3, 40), queue=BULK),
    Work("backend.webhooks.tasks.forget_old_webhooks", daily(3, 55), queue=BULK),
]
CLOCK = {work.name: work for work in _TABLE}


class Task(celery.Task):  # type: ignore[type-arg]
    """A task that is tried again, for half an hour or so, while the database restarts.

    Tasks may run twice, so each may. Its queue says how long it may take.
    """

    autoretry_for = (OperationalError,)
    retry_backoff = True
    retry_backoff_max = 60  # seconds
    max_retries = 60

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except IntegrityError as refused:
            # A community has moved since this was queued: it is done where the community is now.
            if constraint_of(refused) != MOVED:
                raise
            logger.info("%s: %s", self.name, refused)

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:  # type: ignore[override]
        queue = options.setdefault("queue", getattr(self.run, "in_queue", Queue.DEFAULT))
        limit = Queue(queue).limit
        options["soft_time_limit"] = limit.total_seconds()
        options["time_limit"] = (limit + GRACE).total_seconds()
        return super().apply_async(args, kwargs, **options)


app = celery.Celery("linli", task_cls=Task)
app.config_from_object("django.conf:settings", namespace="CELERY")
# Every module of tasks has one that runs by the clock.
app.autodiscover_tasks(lambda: sorted({work.owner for work in _TABLE}))


@setup_logging.connect
def _log_as_the_settings_say(**_: Any) -> None:
    """Configure logging, because Celery would write lines of its own, without the task's id."""
    dictConfig(settings.LOGGING)


@task_prerun.connect
def _name_task(task_id: str, task: celery.Task[Any, Any], **_: Any) -> None:
    """Give what a task logs and records the task's id, as a request's id is given."""
    follow(task_id, task.name)


@task_postrun.connect
def _forget_task(**_: Any) -> None:
    follow("")


@worker_shutting_down.connect
def _give_back(how: str, **_: Any) -> None:
    """Let a worker that is told to stop finish what is short, and give the rest to others.

    Celery waits for ever for what is in hand, and then is killed with it. Its soft shutdown always
    takes its whole time, and takes note of nothing that ends meanwhile.
    """
    if how == "Warm":
        giving_back = Timer(settings.WORKER_FINISH_SECONDS, os.kill, [os.getpid(), signal.SIGQUIT])
        giving_back.daemon = True
        giving_back.start()
