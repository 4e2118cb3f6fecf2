"""The database that a statement goes to: home, or the replica while ``away`` has it so.

Django asks ``Router`` for every statement of a model; SQL of our own that reads for a screen or a
file asks ``reading()`` for its connection, and all else that names a connection is at home.
backend/replica.py decides what is read away from home.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

HOME = DEFAULT_DB_ALIAS
REPLICA = "replica"


@dataclass
class _Away:
    depth: int  # of the transactions at home when the block began
    has_written: bool = False


_away: ContextVar[_Away | None] = ContextVar("away", default=None)


@contextmanager
def away() -> Iterator[None]:
    """Send what the block reads to the replica, until something is written.

    What is read in a transaction that the block begins at home is read at home, and so is all that
    follows a write.
    """
    token = _away.set(_Away(len(connections[HOME].atomic_blocks)))
    try:
        yield
    finally:
        _away.reset(token)


def is_away() -> bool:
    """Tell whether this runs in a block of ``away``."""
    return _away.get() is not None


def reading() -> BaseDatabaseWrapper:
    """Return the connection for a statement that reads and is not a model's."""
    return connections[_read_at()]


def _read_at() -> str:
    away = _away.get()
    if away is None or away.has_written or len(connections[HOME].atomic_blocks) > away.depth:
        return HOME
    return REPLICA


class Router:
    """Django's router (``DATABASE_ROUTERS``); both databases are one, at two moments."""

    def db_for_read(self, model: object, **hints: Any) -> str:
        return _read_at()

    def db_for_write(self, model: object, **hints: Any) -> str:
        if away := _away.get():
            away.has_written = True
        return HOME

    def allow_relation(self, one: object, other: object, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == REPLICA else None
