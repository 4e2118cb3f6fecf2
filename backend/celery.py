"""The Celery application: one queue, work acknowledged only when it is done.

Services queue nothing. They leave rows that say what is owed; the sweeps below find such rows, so a
lost message, a dead worker or an hour without Redis delays work and loses none.
"""

import os
from logging.config import dictConfig
from typing import Any

import celery
from celery.signals import setup_logging, task_postrun, task_prerun
from django.conf import settings
from django.db import OperationalError

from backend.request_id import follow

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

SWEEP_AT_MOST = 1_000  # rows that one sweep queues tasks for; the next sweep finds the rest


class Task(celery.Task):  # type: ignore[type-arg]
    """A task that is tried again, for half an hour or so, while the database restarts.

    Tasks may run twice, so each may. What is repeated by the clock within a minute expires earlier.
    """

    autoretry_for = (OperationalError,)
    retry_backoff = True
    retry_backoff_max = 60  # seconds
    max_retries = 60


app = celery.Celery("linli", task_cls=Task)
app.config_from_object("django.conf:settings", namespace="CELERY")
# Every module of tasks has one that runs by the clock.
app.autodiscover_tasks(lambda: [task.split(".tasks.")[0] for task in settings.CELERY_BEAT_SCHEDULE])


@setup_logging.connect
def _log_as_the_settings_say(**_: Any) -> None:
    """Configure logging, because Celery would write lines of its own, without the task's id."""
    dictConfig(settings.LOGGING)


@task_prerun.connect
def _name_task(task_id: str, **_: Any) -> None:
    """Give what a task logs and records the task's id, as a request's id is given."""
    follow(task_id)


@task_postrun.connect
def _forget_task(**_: Any) -> None:
    follow("")
