"""The settings of workers that know the tasks of working.py as well."""

from backend.test_settings import *  # noqa: F403

CELERY_IMPORTS = ["tests.backend.working"]
WORKER_FINISH_SECONDS = 8.0
