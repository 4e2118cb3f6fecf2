"""Gunicorn's log in the format of ours, with the request's id; its metrics, and how it ends.

``gunicorn --config=python:backend.gunicorn_config``. Query, address, referrer and user agent of a
request are not written, because they may tell of a person.
"""

import os
import shutil
import tempfile
from typing import Any

from backend import draining, logs

# Where web's processes count together; backend/metrics.py has the name too, but not so early.
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
if os.environ.get("LINLI_METRICS_TOKEN"):
    os.environ[METRICS_DIRECTORY] = tempfile.mkdtemp(prefix="linli-metrics-")


def when_ready(server: Any) -> None:
    """Let the balancer hear first that web is about to end."""
    draining.drain_for(float(os.environ.get("LINLI_DRAIN_SECONDS") or 0), server)


def on_exit(server: Any) -> None:
    """Remove what was counted: Prometheus knows that counters begin anew."""
    shutil.rmtree(os.environ.get(METRICS_DIRECTORY, ""), ignore_errors=True)


accesslog = "-"
_what = "%(m)s %(U)s %(s)s"
if logs.is_json():
    access_log_format = _what  # the rest stands beside it
    _formatters = {"own": {"()": logs.Json}, "access": {"()": logs.JsonAccess}}
else:
    access_log_format = f"%({{x-request-id}}o)s gunicorn.access {_what} %(B)s %(M)sms"
    _formatters = {
        # What gunicorn itself has to say is of no request, or of none that reached us.
        "own": {"format": "%(asctime)s %(levelname)s - %(name)s %(message)s"},
        "access": {"format": "%(asctime)s %(levelname)s %(message)s"},
    }
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": _formatters,
    "handlers": {
        "own": {"class": "logging.StreamHandler", "formatter": "own"},
        "access": {"class": "logging.StreamHandler", "formatter": "access"},
    },
    "loggers": {
        "gunicorn.error": {"handlers": ["own"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
    "root": {"handlers": ["own"], "level": "INFO"},
}
