"""Reads about what is owed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, QuerySet

from backend import clocks
from backend.outbox.kinds import Kind, registered


@dataclass(frozen=True)
class Figures:
    """Figures of one kind: how much is owed, since when the oldest, and how much was given up."""

    kind: str
    owed: int
    oldest_at: datetime | None
    given_up: int


def figures(**where: Any) -> list[Figures]:
    """Return the figures of every kind, or of the kinds of communities if ``where`` names one."""
    now = clocks.now()
    asked = registered.items()
    return [
        _figures(name, kind, now, where) for name, kind in asked if kind.is_tenants or not where
    ]


def oldest() -> dict[str, datetime]:
    """Return since when the oldest of each kind is owed, of kinds of which something is due."""
    now, found = clocks.now(), {}
    for name, kind in registered.items():
        if at := _due(kind, now).aggregate(at=Min(kind.since))["at"]:
            found[name] = at
    return found


def given_up(kind: Kind, **where: Any) -> QuerySet[Any]:
    """Return the dead letters of a kind."""
    return kind.model._default_manager.filter(given_up_at__isnull=False, **where)


def _due(kind: Kind, now: datetime, **where: Any) -> QuerySet[Any]:
    """Return the rows that are owed since ``now`` or before, whenever they are tried next."""
    since = {f"{kind.since}__lte": now}
    return _of(kind, where).filter(next_at__isnull=False, **since)


def _figures(name: str, kind: Kind, now: datetime, where: dict[str, Any]) -> Figures:
    due = _due(kind, now, **where)
    found = due.aggregate(owed=Count("pk"), oldest_at=Min(kind.since))
    dead = _of(kind, where).filter(given_up_at__isnull=False)
    return Figures(name, found["owed"], found["oldest_at"], dead.count())


def _of(kind: Kind, where: dict[str, Any]) -> QuerySet[Any]:
    """Return the rows of the community that ``where`` names, else of all that are here."""
    return kind.model._default_manager.filter(**where) if where else kind.here
