"""Metrics for Prometheus: what processes count, and what stands in the database.

Web tells them at ``/metrics`` to whoever knows ``LINLI_METRICS_TOKEN``, a worker what it counts at
the port ``LINLI_METRICS_PORT``. What the ``metrics.py`` of apps register is read from the database
when web is asked. docs/operations.md says what each is good for.

Not django-prometheus: it knows neither refusals nor tasks, and counts every query, cache and model.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hmac import compare_digest
from time import perf_counter
from typing import Any

from billiard.process import current_process
from celery import Task
from celery.signals import task_postrun, task_prerun, worker_init, worker_shutdown
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    start_http_server,
    values,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from backend.registries import discover

logger = logging.getLogger(__name__)

# --- what processes count ---------------------------------------------------------------------
_counted = CollectorRegistry()
REQUESTS = Counter(
    "linli_requests", "Requests answered.", ["method", "route", "status"], registry=_counted
)
REQUEST_SECONDS = Histogram(
    "linli_request_seconds",
    "How long an answer took.",
    ["route"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    registry=_counted,
)
REFUSALS = Counter("linli_refusals", "Refusals answered.", ["code"], registry=_counted)
REPLICA_READS = Counter(
    "linli_replica_reads",
    "Reads that the replica may answer, by what came of it.",
    ["outcome"],
    registry=_counted,
)
TASKS = Counter("linli_tasks", "Tasks ended, and how.", ["task", "state"], registry=_counted)
TASK_SECONDS = Histogram(
    "linli_task_seconds",
    "How long a task took.",
    ["task"],
    buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
    registry=_counted,
)

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}  # a client sends any word
# Where the processes of one web or worker count together; the name is prometheus_client's, which
# reads it when it is imported.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


def count_requests(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Count every request by method, route and status, and how long its answer took."""
    if not settings.METRICS_TOKEN:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponseBase:
        begun = perf_counter()
        response = get_response(request)
        route = request.resolver_match.route if request.resolver_match else "-"
        method = request.method if request.method in METHODS else "-"
        REQUESTS.labels(method, route, response.status_code).inc()
        REQUEST_SECONDS.labels(route).observe(perf_counter() - begun)
        return response

    return middleware


@task_prerun.connect
def _begin(task: "Task[Any, Any]", **_: Any) -> None:
    vars(task.request)["begun"] = perf_counter()


@task_postrun.connect
def _count_task(task: "Task[Any, Any]", state: str | None, **_: Any) -> None:
    if settings.METRICS_PORT:
        TASKS.labels(task.name, (state or "lost").lower()).inc()
        TASK_SECONDS.labels(task.name).observe(perf_counter() - vars(task.request)["begun"])


@worker_init.connect
def _tell(**_: Any) -> None:
    """Tell, at a port of its own, what this worker counts."""
    if settings.METRICS_PORT:
        os.environ[DIRECTORY] = tempfile.mkdtemp(prefix="linli-metrics-")
        values.ValueClass = values.MultiProcessValue(_place)  # type: ignore[no-untyped-call]
        start_http_server(settings.METRICS_PORT, registry=_of_all_processes())


def _place() -> str:
    """Return whose file this process counts in.

    A child of a worker's pool goes on with the file of the one that it replaces: children come and
    go, and a file of each would fill the disk.
    """
    place = getattr(current_process(), "index", None)
    return "main" if place is None else str(place)


@worker_shutdown.connect
def _remove(**_: Any) -> None:
    shutil.rmtree(os.environ.get(DIRECTORY, ""), ignore_errors=True)


def _of_all_processes() -> CollectorRegistry:
    if DIRECTORY not in os.environ:
        return _counted
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


# --- what stands in the database --------------------------------------------------------------
Read = Callable[[], Iterable[Metric]]
_registered: list[Read] = []


def register(read: Read) -> Read:
    """Register a function that reads metrics of the database; it stands in a ``metrics.py``."""
    _registered.append(read)
    return read


def gauge(
    name: str, says: str, rows: Mapping[tuple[str, ...], float], labels: Sequence[str] = ()
) -> Metric:
    """Return a gauge with a row for each tuple of values of ``labels``."""
    made = GaugeMetricFamily(name, says, labels=labels)
    for values_of_labels, value in rows.items():
        made.add_metric(values_of_labels, value)
    return made


class _Database(Collector):
    """Collector of what is registered; ``linli_database_up`` is 0 if any of it can not be read."""

    def collect(self) -> Iterator[Metric]:
        discover("metrics")
        is_up = True
        for read in _registered:
            try:
                yield from read()
            except DatabaseError:
                logger.exception("The metrics of %s can not be read", read.__module__)
                is_up = False
        yield gauge("linli_database_up", "Whether the metrics could be read.", {(): is_up})


# --- telling them -----------------------------------------------------------------------------
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Tell all metrics to whoever knows the token, in the format of Prometheus.

    Without a token in the settings, or with another, there is no such address.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    ours = settings.METRICS_TOKEN
    if not ours or scheme != "Bearer" or not compare_digest(token.encode(), ours.encode()):
        raise Http404
    database = CollectorRegistry()
    database.register(_Database())
    text = generate_latest(_of_all_processes()) + generate_latest(database)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
