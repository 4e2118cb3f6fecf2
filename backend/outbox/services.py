"""Trying what is owed: whose turn it is, who has claimed it, how a try ended, when it is retried.

A share is a community's rows, or what a kind divides a community's by (``Kind.fair_by``). Shares
with due rows are read without a lock and each is given its turn, so nobody's thousand delay
another's one. A claim takes a few rows of one share for the length of a lease and holds no lock
afterwards. Workers that are killed lose their lease, and the next ones try again.

Waits are our own because tries are counted in the row: Celery's and tenacity's live in a message or
a process, and neither lasts 62 hours. Not django-outbox-pattern nor Procrastinate: they bring a
table of their own, while what is owed here is a row that its app shows and constrains.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import Random, RowNumber

from backend import clocks
from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.outbox import selectors
from backend.outbox.kinds import Done, Failed, Kind, Later, Outcome, registered

logger = logging.getLogger(__name__)

JITTER = 0.1  # at most a tenth longer


class WorkerLost(Exception):
    """The error of a row whose every try ended with its worker."""


# --- whose turn it is -------------------------------------------------------------------------
def due(kind: Kind, now: datetime | None = None) -> QuerySet[Any]:
    """Return the rows of ``kind`` that may be tried now."""
    return kind.among(kind.here.filter(next_at__lte=now or clocks.now()))


def shares(name: str) -> list[dict[str, str]]:
    """List the shares of a kind that have due rows, as text. Takes no lock.

    The first share of each community comes before any community's second. Among those it is by lot:
    where workers manage only some before the next sweep, whoever waited longest would be those each
    time, until all of theirs is done.
    """
    kind = registered[name]
    if not kind.is_ready():
        return []
    if not kind.share:
        return [{}] if due(kind).exists() else []
    found = due(kind).order_by().values(*kind.share).annotate(rows=Count("pk"))
    order: list[Any] = [Random()]
    if kind.is_tenants and kind.fair_by:
        turn = Window(RowNumber(), partition_by=F("community_id"), order_by=Random())
        found, order = found.annotate(turn=turn), ["turn", *order]
    found = found.order_by(*order)[: kind.shares_at_most]
    return [{column: str(row[column]) for column in kind.share} for row in found]


def claim(
    kind: Kind, where: Mapping[str, Any], *, at_most: int = 1, is_due: bool = True
) -> list[Any]:
    """Take up to ``at_most`` due rows of a share for the length of a lease, and count a try.

    Rows that another worker holds, or is about to claim, are skipped. Without ``is_due`` rows are
    taken before their time, also from whoever has the lease.
    """
    now = clocks.now()
    rows = due(kind, now) if is_due else kind.model._default_manager.filter(next_at__isnull=False)
    with transaction.atomic():
        claimed = _free(kind, rows.filter(**where), at_most)
        for row in claimed:
            row.next_at = row.leased_until = now + kind.lease
            row.attempts += 1
        if claimed:
            _these(kind, claimed).update(next_at=now + kind.lease, attempts=F("attempts") + 1)
    return claimed


def _free(kind: Kind, rows: QuerySet[Any], at_most: int) -> list[Any]:
    """Lock up to ``at_most`` of ``rows``, the oldest first, that no other worker has locked."""
    free = _locked(kind, rows, skip_locked=True).order_by("next_at", "pk")
    return [row for row in free[:at_most] if kind.admits(row)]


def _these(kind: Kind, rows: Sequence[Any]) -> QuerySet[Any]:
    ours = {"pk__in": [row.pk for row in rows], **_community_of(kind, rows[0])}
    return kind.model._default_manager.filter(**ours)


# --- a try ------------------------------------------------------------------------------------
def work(name: str, share: Mapping[str, str]) -> int:
    """Try what is due of one share, in claims of a few, for about as long as between two sweeps.

    Returns the number of tries.
    """
    kind, until, tried = registered[name], time.monotonic() + settings.SWEEP_SECONDS, 0
    try_some = _try_together if kind.acts_on_all else _try_each
    while tried < kind.swept_at_most and time.monotonic() < until:
        most = min(kind.claimed_at_once, kind.swept_at_most - tried)
        count = try_some(kind, share, most)
        tried += count
        if count < most:
            break
    return tried


def _try_each(kind: Kind, where: Mapping[str, Any], at_most: int) -> int:
    """Claim some rows of a share and try one after the other. Returns the count."""
    begun = time.monotonic()
    claimed = claim(kind, where, at_most=at_most)
    for row in claimed:
        if time.monotonic() - begun < kind.lease.total_seconds():  # else others have it
            _try(kind, row)
    return len(claimed)


def _try_together(kind: Kind, where: Mapping[str, Any], at_most: int) -> int:
    """Try some rows of a share in one transaction. Returns the count.

    Each is tried alone if the act raises, as is whatever failed before: it shall not fail with the
    others again.
    """
    try:
        with transaction.atomic():
            rows = _free(kind, due(kind).filter(**where), at_most)
            failed_before = [row.pk for row in rows if row.attempts]
            if fresh := [row for row in rows if not row.attempts]:
                _record_all(kind, fresh, kind.act(fresh))
    except Exception:
        logger.exception("some of %s failed together", kind.model._meta.label)
        return _try_each(kind, where, at_most)
    if failed_before:
        _try_each(kind, {**where, "pk__in": failed_before}, at_most)
    return len(rows)


def attempt(
    name: str,
    act: Callable[[Any], Outcome] | None = None,
    /,
    *,
    is_due: bool = True,
    **where: Any,
) -> bool:
    """Try the one row that ``where`` names, its community first. Returns whether it is done.

    ``act`` is done instead of the kind's. False also if it is not owed, not due, or another worker
    has it.
    """
    kind = replace(registered[name], act=act or registered[name].act)
    claimed = claim(kind, where, is_due=is_due)
    return bool(claimed) and _try(kind, claimed[0])


def _try(kind: Kind, row: Any) -> bool:
    """Do what is owed and record how it ended. Returns whether it is done."""
    try:
        if row.attempts > len(kind.waits) + 1:
            raise WorkerLost
        if not (kind.holds_row or kind.acts_on_all):
            outcome = kind.act_on(row)
        else:
            with transaction.atomic():
                held = _locked(kind, _ours(kind, row)).first()
                if held is None:
                    return False
                held.leased_until = row.leased_until
                return _record(kind, held, kind.act_on(held))
    except Exception as error:
        logger.exception("%s %s failed", kind.model._meta.label, row.pk)
        outcome = Failed(str(getattr(error, "code", type(error).__name__)))
    with transaction.atomic():
        return _record(kind, row, outcome)


def _ours(kind: Kind, row: Any) -> QuerySet[Any]:
    """Return the row as long as its lease is ours: it may run out, or be owed anew by somebody."""
    return kind.model._default_manager.filter(
        pk=row.pk, next_at=row.leased_until, **_community_of(kind, row)
    )


def prolong(name: str, row: Any, **values: Any) -> bool:
    """Let the lease of a claimed row begin anew, and record ``values`` in it.

    For an act that takes longer than a lease, and records how far it has come: whoever goes on
    after a crash finds that, and tries are counted from there. Returns False, and changes nothing,
    if the lease is no longer ours.
    """
    kind = registered[name]
    until = clocks.now() + kind.lease
    is_ours = bool(_ours(kind, row).update(next_at=until, **values))
    if is_ours:
        row.next_at = row.leased_until = until
    return is_ours


def _record_all(kind: Kind, rows: list[Any], outcomes: list[Outcome]) -> None:
    """Record the ends of tries in rows that are locked, and count the tries."""
    alike: dict[int, tuple[Outcome, list[Any]]] = {}
    for row, outcome in zip(rows, outcomes, strict=True):
        row.leased_until, row.attempts = row.next_at, row.attempts + 1
        alike.setdefault(id(outcome), (outcome, []))[1].append(row)
    for outcome, some in alike.values():
        if isinstance(outcome, Failed | Later):
            for row in some:
                _record(kind, row, outcome, attempts=row.attempts)
        else:
            done = {"next_at": None, "reason": "", **(outcome.values if outcome else {})}
            still_owed = _these(kind, some).filter(next_at__isnull=False)
            still_owed.update(attempts=F("attempts") + 1, **done)


def _record(kind: Kind, row: Any, outcome: Outcome, **counted: int) -> bool:
    """Record the end of a try in the row, if it is still ours. Returns whether it is done."""
    values = {"next_at": None, "reason": "", **counted, **(outcome.values if outcome else {})}
    if isinstance(outcome, Later):
        values |= {"next_at": clocks.now() + outcome.after, "attempts": 0}
    elif isinstance(outcome, Failed):
        wait = None if outcome.for_good else wait_after(kind, row.attempts, row.pk)
        end = {"next_at": clocks.now() + wait} if wait else {"given_up_at": clocks.now()}
        values |= {"reason": outcome.reason[:64], **end}
    is_recorded = bool(_ours(kind, row).update(**values))
    if is_recorded and "given_up_at" in values:
        for name, value in values.items():
            setattr(row, name, value)
        kind.gave_up(row)
    return outcome is None or (is_recorded and isinstance(outcome, Done))


def _locked(kind: Kind, rows: QuerySet[Any], *, skip_locked: bool = False) -> QuerySet[Any]:
    locked = rows.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked)
    return locked.select_related(*kind.related) if kind.related else locked


def _community_of(kind: Kind, row: Any) -> dict[str, UUID]:
    return {"community_id": row.community_id} if kind.is_tenants else {}


def wait_after(kind: Kind, attempts: int, row_id: UUID) -> timedelta | None:
    """Return the wait after the failed try number ``attempts`` (from 1 on); None gives up."""
    return None if attempts > len(kind.waits) else spread(kind.waits[attempts - 1], row_id)


def spread(seconds: float, row_id: UUID) -> timedelta:
    """Return ``seconds`` and up to a tenth more.

    The id decides how much, so that what failed together does not come back together. The last bits
    of a UUIDv7 are random, the first ones are a clock.
    """
    return timedelta(seconds=seconds * (1 + JITTER * (row_id.int & 0xFFFF) / 0xFFFF))


# --- owed anew --------------------------------------------------------------------------------
def owe_anew(name: str, rows: QuerySet[Any]) -> int:
    """Owe ``rows`` of a kind anew, from now on and with no tries counted. Returns the count."""
    anew = registered[name].anew
    return rows.update(next_at=clocks.now(), attempts=0, given_up_at=None, **anew)


@transaction.atomic
def retry(name: str, *, community: Community | None, by: User | None) -> int:
    """Owe anew what was given up of a kind, in ``community`` if it belongs to communities.

    Returns the count. Idempotent: a second call finds none. Raises OwedKindUnknown.
    """
    kind = selectors.kind_of(name, is_tenants=community is not None)
    where = {"community": community} if community else {}
    count = owe_anew(name, selectors.given_up(kind, **where))
    if count and community:
        _record_retry(community, by, kind=name, count=count)
    return count


@transaction.atomic
def retry_one(dead_letter: Any, *, by: User) -> None:
    """Owe one of ``selectors.dead_letters_in`` anew. Idempotent: no effect once it is owed."""
    name, community = dead_letter.owed_kind, dead_letter.community
    kind = selectors.kind_of(name, is_tenants=True)
    if owe_anew(name, selectors.given_up(kind, community=community, pk=dead_letter.pk)):
        _record_retry(community, by, kind=name, count=1, id=str(dead_letter.pk))


def _record_retry(community: Community, by: User | None, **after: Any) -> None:
    trail.record("outbox.retry", actor=by, target=community, community=community, after=after)
