"""Reads about the clock: the last runs, and what is late."""

from datetime import datetime

from backend import clocks
from backend.celery import CLOCK
from backend.clockwork.models import SKIPPED, Run

# However many runs there are, each work's newest is found by the index on works and slots.
_NEWEST = """
    SELECT newest.* FROM unnest(%s::text[]) named(work) CROSS JOIN LATERAL (
        SELECT run.* FROM clockwork_run run
        WHERE run.work = named.work
            AND (NOT %s OR run.leased_until IS NULL AND run.reason = ANY (%s))
        ORDER BY run.slot DESC LIMIT 1
    ) newest
"""


def newest(*, settled: bool = False) -> dict[str, Run]:
    """Return the newest run of each work, by name; the newest that is done or skipped."""
    found = Run.objects.raw(_NEWEST, [[*CLOCK], settled, ["", *SKIPPED]])
    return {run.work: run for run in found}


def late_since(*, now: datetime | None = None) -> dict[str, datetime | None]:
    """Return which works are late by now, and the first slot that waits.

    Work that keeps failing is late as well. None: no clock has run yet.
    """
    now, last = now or clocks.now(), newest(settled=True)
    late: dict[str, datetime | None] = {}
    for name, work in CLOCK.items():
        since = work.when.next(last[name].slot) if name in last else None
        if since is None or now - since > work.may_be_late:
            late[name] = since
    return late
