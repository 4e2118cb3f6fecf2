"""The Celery application: one queue, work acknowledged only when it is done.

Services queue nothing. They leave rows that say what is owed; the sweeps below find such rows,
so a lost message, a dead worker or an hour without Redis delays work and loses none.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

app = Celery("linli")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
