"""Heads of the ledger's seals, for whoever writes down how far the ledger was sealed at a moment.

The app that seals registers when it is ready; it is not named here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from backend.communities.models import Community


@dataclass(frozen=True)
class Head:
    """The head of a community's last seal: the seal's ``number``, and ``value`` in hexadecimal."""

    number: int
    value: str


_sealers: list[tuple[Callable[[UUID], Head | None], Callable[[], "QuerySet[Community]"]]] = []


def answered_by(
    last: Callable[[UUID], Head | None], places: Callable[[], "QuerySet[Community]"]
) -> None:
    """Register the functions that tell a place's last head, and which places have seals."""
    _sealers[:] = [(last, places)]


def last_head(community_id: UUID) -> Head | None:
    """Return the head of the community's last seal, None if nothing was sealed yet."""
    ((last, _),) = _sealers
    return last(community_id)


def places() -> "QuerySet[Community]":
    """Return the places with seals of their own: communities, and streets and estates that act."""
    ((_, found),) = _sealers
    return found()
