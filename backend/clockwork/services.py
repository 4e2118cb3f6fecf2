"""The clock: whose turn it is, a run from its begin to its end, what is forgotten.

Beat does nothing but tick. What is to run stands in PostgreSQL: a tick opens a run for each work
that has a slot without one. So a day without beat, two of them, or a Redis that forgets change only
when something runs. A run is leased: to the queue until a worker begins it, and to that worker for
as long as its task may take. Where a lease is over, the next tick queues the run again.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils.module_loading import import_string

from backend import clocks
from backend.celery import CLOCK
from backend.clockwork import selectors
from backend.clockwork.errors import UnderWay
from backend.clockwork.models import NEW, TOO_LATE, WORKER_LOST, Run
from backend.clockwork.works import Every, Work
from backend.queues import GRACE

logger = logging.getLogger(__name__)

BEGUN_WITHIN = timedelta(seconds=30)  # else it is queued once more
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))  # after a failed try
KEPT, KEPT_OF_DAILY = timedelta(days=3), timedelta(days=400)


# --- whose turn it is -------------------------------------------------------------------------
@transaction.atomic
def take_turns(*, now: datetime | None = None) -> list[Run]:
    """Open a run for each work whose time has come. Returns the runs that are to be queued.

    Idempotent: two ticks at one moment open each run once, and the second has nothing to queue.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('clockwork', 0))")
        if not cursor.fetchone()[0]:
            return []
    now = now or clocks.now()
    newest = selectors.newest()
    turns = (_turn(work, newest.get(name), now) for name, work in CLOCK.items())
    return [run for run in turns if run is not None]


def _turn(work: Work, last: Run | None, now: datetime) -> Run | None:
    """Return the run of ``work`` that is to be queued now, if any. ``last`` is its newest."""
    slot = work.when.last(now)
    if last is None:
        Run.objects.create(work=work.name, slot=slot, reason=NEW)
        return None
    if last.leased_until is not None:
        is_lost = last.leased_until <= now
        is_next = slot > last.slot and last.started_at is not None
        if is_next and (is_lost or last.has_failed):
            _update(last, leased_until=None, reason=last.reason or WORKER_LOST)
        elif not is_lost:
            return None
        elif _is_too_late(work, last.slot, now):
            _update(last, leased_until=None, reason=TOO_LATE)
        else:
            again = {"leased_until": now + BEGUN_WITHIN, "started_at": None, "reason": ""}
            return last if _update(last, **again) else None
    return _open(work, last, slot, now) if slot > last.slot else None


def _open(work: Work, last: Run, slot: datetime, now: datetime) -> Run | None:
    run = Run(work=work.name, slot=slot)
    missed = work.when.next(last.slot)
    while missed < slot:
        run.missed, missed = run.missed + 1, work.when.next(missed)
    if _is_too_late(work, slot, now):
        run.reason = TOO_LATE
    else:
        run.leased_until = now + BEGUN_WITHIN
    Run.objects.bulk_create([run], ignore_conflicts=True)  # somebody may be running it by hand
    return run if run.is_open else None


def _is_too_late(work: Work, slot: datetime, now: datetime) -> bool:
    return not work.catches_up and now - slot > work.may_be_late


def _update(run: Run, **values: Any) -> bool:
    """Change an open run, unless somebody else did meanwhile. Returns whether it was changed."""
    same = {"leased_until": run.leased_until, "started_at": run.started_at}
    return bool(Run.objects.filter(pk=run.pk, **same).update(**values))


# --- a run ------------------------------------------------------------------------------------
def run(run_id: UUID) -> None:
    """Run what was queued. Idempotent: a second message finds it begun, or over."""
    found = Run.objects.filter(pk=run_id, work__in=[*CLOCK], started_at__isnull=True).first()
    if found is not None and found.is_open:
        _run(found)


def run_now(name: str) -> Run:
    """Run a work outside of its slots. Raises UnderWay if a run of it is open."""
    now = clocks.now()
    by_hand = Run(work=name, slot=now, leased_until=now + BEGUN_WITHIN)
    try:
        by_hand.save(force_insert=True)
    except IntegrityError as refused:
        raise UnderWay from refused
    _run(by_hand)
    by_hand.refresh_from_db()
    return by_hand


def _run(run: Run) -> None:
    work, now = CLOCK[run.work], clocks.now()
    begun = {"started_at": now, "leased_until": now + work.queue.limit + 2 * GRACE}
    if not _update(run, **begun, tries=F("tries") + 1):
        return
    run.started_at, run.leased_until, run.tries = *begun.values(), run.tries + 1
    try:
        ended = {"did": import_string(work.task)() or {}, "leased_until": None, "reason": ""}
    except Exception as error:
        logger.exception("%s failed", work.task)
        ended = {"reason": str(getattr(error, "code", type(error).__name__))[:64]}
        wait = WAITS[run.tries - 1] if run.tries <= len(WAITS) else None
        ended["leased_until"] = wait and clocks.now() + wait
    _update(run, **ended, finished_at=clocks.now())


# --- afterwards -------------------------------------------------------------------------------
def forget_old(*, now: datetime | None = None) -> int:
    """Delete runs of long ago, but the newest of each work. Returns the count. Idempotent."""
    now = now or clocks.now()
    often = [name for name, work in CLOCK.items() if isinstance(work.when, Every)]
    newest = [*selectors.newest().values(), *selectors.newest(settled=True).values()]
    old = Q(slot__lt=now - KEPT_OF_DAILY) | Q(work__in=often, slot__lt=now - KEPT)
    deleted, _ = Run.objects.filter(old).exclude(pk__in=[run.pk for run in newest]).delete()
    return deleted
