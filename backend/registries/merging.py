"""Merging two records of one person: each app says what stands against it, what there is, and acts.

The ground floor asks and tells; what an app keeps of a person it moves, ends or leaves as history.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from backend.accounts.models import User


@dataclass(frozen=True, kw_only=True)
class Merging:
    """A merge of the record ``merged`` into ``kept``, of one person, at a moment."""

    id: UUID
    merged: "User"
    kept: "User"
    at: datetime


@dataclass(frozen=True)
class Conflict:
    """A fact that stands against a merge, or that two people should know before they confirm it.

    ``code`` is one of ``backend.people.models.Merge.Conflict``; ``about`` are ids of the rows.
    """

    code: str
    community_id: UUID | None = None
    about: tuple[UUID, ...] = ()


Finder = Callable[["User", "User"], Iterable[Conflict]]
Figures = Callable[[UUID, UUID], dict[str, int]]
Mover = Callable[[Merging], object]

_finders: list[Finder] = []
_figures: list[Figures] = []
_movers: list[Mover] = []


def register(
    *, finds: Finder | None = None, counts: Figures | None = None, moves: Mover | None = None
) -> None:
    """Register what an app knows of a merge, when it is ready. Idempotent.

    ``finds(merged, kept)`` returns the conflicts; ``counts(community_id, user_id)`` tells how much
    a record has in a community; ``moves(merging)`` acts, in the transaction of the merge, once all
    that runs has ended. Movers of the apps that stand lower in the settings act first.
    """
    for known, given in ((_finders, finds), (_figures, counts), (_movers, moves)):
        if given is not None and given not in known:
            known.append(given)  # type: ignore[arg-type]  # each list takes its own kind


def conflicts(merged: "User", kept: "User") -> list[Conflict]:
    """Return all that stands against the merge, or should be known."""
    return [one for finder in _finders for one in finder(merged, kept)]


def counted(community_id: UUID, user_id: UUID) -> dict[str, int]:
    """Return how much a record has in a community, by what it is."""
    return {name: n for count in _figures for name, n in count(community_id, user_id).items()}


def tell(merging: Merging) -> None:
    """Have every app act."""
    for mover in _movers:
        mover(merging)
