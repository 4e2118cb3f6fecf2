"""The Celery application: one queue, work acknowledged only when it is done.

Services queue nothing. They leave rows that say what is owed; the sweeps below find such rows,
so a lost message, a dead worker or an hour without Redis delays work and loses none.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun

from backend.request_id import follow

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

app = Celery("linli")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def _name_task(task_id: str, **_: Any) -> None:
    """What a task logs and records carries its id, as a request's does."""
    follow(task_id)


@task_postrun.connect
def _forget_task(**_: Any) -> None:
    follow("")
