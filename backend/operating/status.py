"""The state of the installation as its operator looks at it, without anything about a person."""

import platform
import shutil
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import django
from django.conf import settings
from django.core.cache import cache as redis
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from backend import clocks, replica
from backend.api import health
from backend.celery import CLOCK
from backend.clockwork import selectors as clockwork
from backend.outbox.selectors import Figures, figures


@dataclass(frozen=True)
class Work:
    """A work of the clock: when it is run next, and how its last run went.

    ``late_since`` is the slot that waits longer than it may; ``reason`` says why the last run
    failed or was skipped.
    """

    name: str
    owner: str
    schedule: str
    next_at: datetime
    is_late: bool
    late_since: datetime | None
    last_at: datetime | None
    finished_at: datetime | None
    reason: str


def failed_check() -> str:
    """Return which check of ``/readyz`` fails; empty if web is ready."""
    try:
        health.look()
    except health.NotReady as exc:
        return exc.check
    return ""


def works() -> list[Work]:
    """Return the works of the clock, late ones first."""
    now = clocks.now()
    newest, late = clockwork.newest(), clockwork.late_since(now=now)
    found = []
    for name, work in CLOCK.items():
        run = newest.get(name)
        found.append(
            Work(
                name=name,
                owner=work.owner,
                schedule=str(work.when),
                next_at=work.when.next(now),
                is_late=name in late,
                late_since=late.get(name),
                last_at=run.slot if run else None,
                finished_at=run.finished_at if run else None,
                reason=run.reason if run else "",
            )
        )
    return sorted(found, key=lambda work: not work.is_late)


def owed() -> list[Figures]:
    """Return what is owed in all communities, by kind."""
    return figures()


@cache
def our_version() -> str:
    """Return the version of Linli, which its ``pyproject.toml`` says."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        version: str = tomllib.load(file)["project"]["version"]
    return version


def versions() -> dict[str, str | None]:
    """Return the versions of what runs; of Redis None while it does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (postgresql,) = cursor.fetchone()
    return {
        "linli": our_version(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "postgresql": postgresql,
        "redis": _redis_version(),
    }


def _redis_version() -> str | None:
    try:
        found = redis.client.get_client().info("server")  # type: ignore[attr-defined]
    except (RedisError, OSError):
        return None
    return str(found.get("valkey_version") or found["redis_version"])


def migrations_to_make() -> list[str]:
    """Return the names of the migrations that this version has and the database has not."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def replica_told() -> dict[str, Any] | None:
    """Return how the replica is; None if there is none."""
    return replica.told() if replica.is_configured() else None


def backed_up_at() -> datetime | None:
    """Return when the file that the backup touches was touched; None if it never was."""
    try:
        touched = settings.BACKUP_MARK.stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(touched, UTC)


@dataclass(frozen=True)
class Disk:
    """The disk that files are on."""

    total_bytes: int
    free_bytes: int


def disk_of_media() -> Disk | None:
    """Return the disk of the media; None if they are in a bucket."""
    try:
        path = default_storage.path("")
    except NotImplementedError:
        return None
    try:
        usage = shutil.disk_usage(path)
    except FileNotFoundError:  # nothing was stored yet
        return None
    return Disk(usage.total, usage.free)
