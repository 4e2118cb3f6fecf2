"""Reads about what is owed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Min, QuerySet, Value

from backend import clocks
from backend.communities.models import Community
from backend.outbox.errors import OwedKindUnknown
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


def kind_of(name: str, *, is_tenants: bool) -> Kind:
    """Return the kind ``name``, of communities or of none. Raises OwedKindUnknown."""
    kind = registered.get(name)
    if kind is None or kind.is_tenants != is_tenants:
        raise OwedKindUnknown
    return kind


def dead_letters_in(community: Community, name: str) -> QuerySet[Any]:
    """Return what was given up of a kind in the community, newest first. Raises OwedKindUnknown.

    A row has its ``kind``, and what ``words_of`` reads.
    """
    kind = kind_of(name, is_tenants=True)
    rows = given_up(kind, community=community).select_related("community", *kind.words_from)
    found: QuerySet[Any] = rows.annotate(owed_kind=Value(name), owed_since=F(kind.since))
    return found.order_by("-id")


def words_of(dead_letter: Any) -> str:
    """Return what staff read of a dead letter, in the active language; a person is masked."""
    return registered[dead_letter.owed_kind].words(dead_letter)


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
