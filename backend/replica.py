"""Reads that a replica answers, if there is one: ``DATABASE_REPLICA_URL``.

Whoever is signed in sees all that was there when they asked: the replica answers once it has
replayed the log up to where home was then. Whoever is not sees what is at most
``REPLICA_MAX_LAG_SECONDS`` old. Home answers whatever the replica can not. docs/scale.md,
"Replicas", says why.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error, connections, transaction
from django.db.backends.utils import CursorWrapper

from backend import routing
from backend.metrics import REPLICA_READS
from backend.routing import HOME, REPLICA

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
View = TypeVar("View", bound=type[Any])

LOOK_SECONDS = 1.0  # for which a process knows how the replica is
AGAIN_SECONDS = 3.0  # the same, if it can not be reached: each look may wait for a connection
REQUEST_WAIT = 0.1  # seconds that a request waits for the replica to catch up
TASK_WAIT = 5.0  # the same, of a task that writes a file
POLL_SECONDS = 0.002
LOCK_TIMEOUT = "2s"  # what a migration locks is locked on the replica until its commit is replayed


class Unfit(Exception):
    """The replica can not answer; ``reason`` is told in metrics and ``/readyz``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- reading ----------------------------------------------------------------------------------
def from_replica(view: View) -> View:
    """Decorate a view whose ``GET`` the replica may answer.

    What the view reads and tells is read there, what it writes is written at home. If the replica
    fails half-way, ``GET`` runs a second time: it must not do anything that may not be done twice.
    """
    ask = view.get

    @wraps(ask)
    def get(self: Any, request: Any, *args: Any, **named: Any) -> Any:
        user = getattr(request, "user", None)
        is_exact = user is not None and user.is_authenticated
        return read(lambda: ask(self, request, *args, **named), is_exact=is_exact)

    view.get = get
    return view


def is_configured() -> bool:
    """Tell whether there is a replica."""
    return REPLICA in connections.settings


def read(ask: Callable[[], Answer], *, is_exact: bool = True, wait: float = REQUEST_WAIT) -> Answer:
    """Return what ``ask`` returns, read from the replica or, if that can not be, at home.

    With ``is_exact`` the replica has all that was committed when this was called, and ``wait``
    seconds to get there. Without, it may be ``REPLICA_MAX_LAG_SECONDS`` behind, and whatever
    ``ask`` raises is not believed: home is asked. ``ask`` may run twice. It does not see what the
    caller wrote in a transaction that is still open.
    """
    if not is_configured() or routing.is_away():
        return ask()
    try:
        with _at_replica(is_exact, wait):
            answer = ask()
    except Unfit as unfit:
        outcome = unfit.reason
    except Error:
        logger.warning("The replica failed, home is asked", exc_info=True)
        _forget()
        outcome = "failed"
    except Exception:
        if is_exact:
            REPLICA_READS.labels("replica").inc()
            raise
        outcome = "refused"
    else:
        REPLICA_READS.labels("replica").inc()
        return answer
    REPLICA_READS.labels(outcome).inc()
    return ask()


@contextmanager
def _at_replica(is_exact: bool, wait: float) -> Iterator[None]:
    """Read the block from the replica, in one transaction: behind a pooler, from one server.

    Raises Unfit before the block begins.
    """
    found = look()
    if found.fault:
        raise Unfit(found.fault)
    if found.lag is None or found.lag > (wait if is_exact else settings.REPLICA_MAX_LAG_SECONDS):
        raise Unfit("behind")
    position = None
    if is_exact:
        with connections[HOME].cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_flush_lsn()")
            (position,) = cursor.fetchone()
    with transaction.atomic(using=REPLICA):
        with connections[REPLICA].cursor() as cursor:
            if not _reaches(cursor, position, wait):
                raise Unfit("behind")
        with routing.away():
            yield


def _reaches(cursor: CursorWrapper, position: str | None, wait: float) -> bool:
    """Tell whether the replica replays ``position`` within ``wait`` seconds. Raises Unfit."""
    until = monotonic() + wait
    while True:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true), pg_is_in_recovery(),"
            " %s::pg_lsn IS NULL OR pg_last_wal_replay_lsn() >= %s::pg_lsn",
            [LOCK_TIMEOUT, position, position],
        )
        _, is_replica, is_there = cursor.fetchone()
        if not is_replica:
            raise Unfit("promoted")
        if is_there or monotonic() >= until:
            return bool(is_there)
        sleep(POLL_SECONDS)


# --- how it is --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Look:
    """How the replica was: what is wrong with it, else how many seconds it is behind, if known."""

    fault: str = ""
    lag: float | None = None
    good_until: float = 0.0  # by time.monotonic


# A copy of another database, or of this one as it went on elsewhere, has positions too.
_AT_HOME = """
    SELECT pg_current_wal_flush_lsn(), clock_timestamp(), ROW(
        (pg_control_system()).system_identifier,
        ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int
    )::text
"""
_AT_REPLICA = """
    SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp(), ROW(
        (pg_control_system()).system_identifier, (pg_control_checkpoint()).timeline_id
    )::text
"""
_looking = Lock()
_last = Look()


def look() -> Look:
    """Return how the replica is. A look is good for a second, and one thread at a time looks."""
    global _last
    last = _last
    if monotonic() < last.good_until:
        return last
    if not _looking.acquire(blocking=False):
        return Look("looking")
    try:
        _last = _looked()
    finally:
        _looking.release()
    return _last


def _looked() -> Look:
    try:
        with connections[HOME].cursor() as cursor:
            cursor.execute(_AT_HOME)
            position, now, ours = cursor.fetchone()
        with transaction.atomic(using=REPLICA), connections[REPLICA].cursor() as cursor:
            is_there = _reaches(cursor, position, REQUEST_WAIT)
            cursor.execute(_AT_REPLICA)
            _, replayed_at, theirs = cursor.fetchone()
    except Unfit as unfit:
        return Look(unfit.reason, None, monotonic() + LOOK_SECONDS)
    except Error:
        connections[REPLICA].close()
        return Look("unreachable", None, monotonic() + AGAIN_SECONDS)
    if theirs != ours:
        return Look("foreign", None, monotonic() + LOOK_SECONDS)
    # Both moments are of home's clock. Whatever home committed before the later is replayed.
    lag = 0.0 if is_there else replayed_at and max((now - replayed_at).total_seconds(), 0.0)
    return Look("", lag, monotonic() + LOOK_SECONDS)


def _forget() -> None:
    global _last
    _last = Look()
    connections[REPLICA].close()


def told() -> dict[str, Any]:
    """Return how the replica is, for ``/readyz``."""
    found = look()
    is_used = found.lag is not None and found.lag <= settings.REPLICA_MAX_LAG_SECONDS
    state = found.fault or ("used" if is_used else "behind")
    return {"state": state, "lag_seconds": found.lag and round(found.lag, 1)}
