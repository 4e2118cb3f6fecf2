"""Events: what moved points, and what each says about the points that it moved.

A transfer's source is ``kind:…``, such as ``redemption:0190…``; the ledger does not interpret it.
Each app registers its kinds when it is ready: a relation of their events, which a verification
holds against the ledger, and words for people.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.registries.checks import EVERYTHING
from backend.routing import reading


@dataclass(frozen=True)
class Told:
    """An event in words, and the ids of what can be opened, such as ``{"voucher_id": …}``."""

    words: str
    ids: dict[str, UUID]


# Returns the descriptions of some events of a community by their ids; unknown ids are left out.
Tells = Callable[[UUID, list[UUID]], dict[UUID, Told]]


def untold(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    """Describe no event of the kind."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of events. ``name`` begins their sources; ``table`` is the database's name of theirs.

    ``relation`` is the SQL of the community's events, with the parameters of ``Scope.values`` and
    these columns, of which those from ``moves`` on may be NULL where an event does not say:

    - ``id`` of the row, the ``source`` and the ``key`` of its transfer;
    - ``moves``: whether it should have moved points, which it does once; NULL: as often as need be;
    - ``named``: the id of the transfer that the row names;
    - ``amount``, ``unit``, ``debit_kind``, ``debit_holder``, ``credit_kind``, ``credit_holder``,
      ``reason``, and ``at``, the moment when it happened;
    - ``is_new``: whether the row was made or changed within the scope.

    A source ends in the row's id, or (``is_by_source``) is a column with an index. An event that
    ``takes_back`` asks for a reversal: key, id and way are those of the reversal. One that
    ``reserves`` holds the amount before it moves.
    """

    name: str
    table: str
    relation: str
    tells: Tells = untold
    is_by_source: bool = False
    takes_back: bool = False
    reserves: bool = False


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event as its kind has it: what it says of the points, in words, and what can be opened."""

    kind: str
    id: UUID
    community_id: UUID
    moves: bool | None
    amount: int | None
    unit: str | None
    debit_kind: str | None
    debit_holder: str | None
    credit_kind: str | None
    credit_holder: str | None
    reason: str | None
    at: datetime | None
    words: str
    ids: dict[str, UUID]


_FACTS = (
    *("id", "moves", "amount", "unit", "debit_kind", "debit_holder"),
    *("credit_kind", "credit_holder", "reason", "at"),
)
_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Register kinds of events, by their names. Idempotent."""
    _kinds.update({kind.name: kind for kind in kinds})


def registered() -> Collection[Kind]:
    """Return all kinds, in the order of registration."""
    return list(_kinds.values())


def told(community_id: UUID, sources: Iterable[str]) -> dict[str, Told]:
    """Return the description of each source that has one, in one call for each kind."""
    return {
        f"{kind.name}:{number}": one
        for kind, theirs in _by_kind(sources)
        for number, one in kind.tells(community_id, ids_in(theirs)).items()
    }


def opened(community_id: UUID, sources: Iterable[str]) -> dict[str, Event]:
    """Return the event behind each source that opens one, in two statements for each kind."""
    sources = list(sources)
    words = told(community_id, sources)
    events = {}
    for kind, theirs in _by_kind(sources):
        by, asked = ("source", theirs) if kind.is_by_source else ("id", ids_in(theirs))
        columns = ", ".join(f"e.{name}" for name in _FACTS)
        with reading().cursor() as cursor:
            cursor.execute(
                f"SELECT e.source, {columns} FROM ({kind.relation}) AS e"  # noqa: S608
                f" WHERE e.{by} = ANY(%(asked)s)",
                {**EVERYTHING, "community": community_id, "asked": asked},
            )
            rows = cursor.fetchall()
        for source, *facts in rows:
            about = words.get(source) or Told(source, {})
            events[source] = Event(
                kind=kind.name,
                community_id=community_id,
                **dict[str, Any](zip(_FACTS, facts, strict=True)),
                words=about.words,
                ids=about.ids,
            )
    return events


def _by_kind(sources: Iterable[str]) -> Iterator[tuple[Kind, list[str]]]:
    """Yield each known kind with those of the sources that are of it."""
    theirs: dict[str, list[str]] = defaultdict(list)
    for source in set(sources):
        theirs[source.partition(":")[0]].append(source)
    for name, some in theirs.items():
        if kind := _kinds.get(name):
            yield kind, some


def ids_in(sources: Iterable[str]) -> list[UUID]:
    """Return the ids in which the sources end; skips what is none."""
    ids = []
    for source in sources:
        try:
            ids.append(UUID(source.partition(":")[2]))
        except ValueError:
            continue
    return ids
