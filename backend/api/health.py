"""Health checks: whether the process is alive, and whether it can serve.

Not django-health-check: its check of the database waits for the pool, and anybody may repeat it.
"""

from collections.abc import Callable
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any

import psycopg
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from backend import draining
from backend.api.exceptions import http_problem, problem

DATABASE_TIMEOUT = 2  # seconds
READY_FOR = 1.0  # seconds for which a good look is told again
TOLD_FOR = 10.0  # seconds for which what waits is told again


class NotReady(Exception):
    """The error of a failed ``check``: ``draining``, ``database`` or ``migrations``."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive. Touches nothing else: a database outage restarts nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer whether the database is reachable and has the tables that this version needs.

    What waits is told as well, for whoever looks; it makes nobody unready. A process that was told
    to end is not ready either: other requests are answered until then.
    """
    try:
        look()
    except NotReady as exc:
        return http_problem(
            problem({"failed": exc.check}, status=503, code="not_ready", title=_("Not ready yet."))
        )
    return JsonResponse({"status": "ready", **told()})


_looking = Lock()
_ready_until = 0.0  # by time.monotonic


def look() -> None:
    """Raise NotReady if a check fails. Checks run one at a time, and a good result counts for a
    second: each takes a connection to the database, and anybody may ask without a log-in."""
    global _ready_until
    if draining.is_begun():
        raise NotReady("draining")
    with _looking:
        if monotonic() < _ready_until:
            return
        require_database()
        require_migrations()
        _ready_until = monotonic() + READY_FOR


def look_anew() -> None:
    """Forget the last result."""
    global _ready_until, _told_until
    _ready_until = _told_until = 0.0


_tellers: dict[str, Callable[[], Any]] = {}
_told: dict[str, Any] = {}
_told_until = 0.0  # by time.monotonic


def register(name: str, tell: Callable[[], Any]) -> None:
    """Let ``/readyz`` tell under ``name`` what ``tell`` returns."""
    _tellers[name] = tell


def told() -> dict[str, Any]:
    """Return what waits, by what registered; None where the database does not answer."""
    global _told, _told_until
    with _looking:
        if monotonic() >= _told_until:
            try:
                _told = {name: tell() for name, tell in _tellers.items()}
            except DatabaseError:
                _told = dict.fromkeys(_tellers)
            _told_until = monotonic() + TOLD_FOR
        return _told


def require_database() -> None:
    """Raise NotReady unless a connection of its own works: a busy pool is not an outage."""
    parameters = connection.get_connection_params() | {
        "autocommit": True,
        "connect_timeout": DATABASE_TIMEOUT,
        "tcp_user_timeout": DATABASE_TIMEOUT * 1000,
    }
    try:
        with psycopg.connect(**parameters) as probe:
            probe.execute("SELECT 1")
    except psycopg.OperationalError as exc:
        raise NotReady("database") from exc


@cache
def require_migrations() -> None:
    """Raise NotReady until all migrations are applied. Success is cached and not asked for again:
    nobody takes a migration back under a running process."""
    try:
        executor = MigrationExecutor(connection)
    except OperationalError as exc:
        raise NotReady("database") from exc
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady("migrations")
