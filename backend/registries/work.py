"""Work that waits for people: what each slice has of it, by kind.

A slice declares its kinds in a ``work.py``, which is found by its name. A kind counts the rows of
the selector that the list at its address shows, so that the list holds what was counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import QuerySet

from backend.ids import made_at
from backend.registries import discover

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.communities.models import Community

MOST = 200  # rows that are counted: more are told as more


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of work.

    ``rows`` returns what a person may act on now in a community, no rows to whoever may act on
    none; ``since`` is the field that tells since when a row waits: a moment, or an id, which tells
    when its row was made. ``address`` is that of the list, below ``/api/v1/``; ``{community}`` is
    the community's code.
    """

    name: str  # stable, a slug
    title: Any  # in words, lazily translated
    address: str
    rows: "Callable[[User, Community], QuerySet[Any]]"
    since: str = "id"


@dataclass(frozen=True)
class Waiting:
    """The number of things of a kind that wait, ``MOST`` at most, and since when the oldest."""

    kind: Kind
    count: int
    is_more: bool
    oldest_at: datetime
    address: str


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Register kinds of work, by their names. Idempotent."""
    _kinds.update({kind.name: kind for kind in kinds})


@cache
def _found() -> None:
    """Find all kinds, the first time that somebody asks."""
    discover("work")


def registered() -> list[Kind]:
    """Return all kinds, in the order of registration."""
    _found()
    return list(_kinds.values())


def waiting_for(user: "User", community: "Community") -> Iterator[Waiting]:
    """Yield what waits for ``user`` in ``community``, kinds of which nothing does left out.

    Each kind is one statement, which reads no more than ``MOST`` rows and one.
    """
    for kind in registered():
        rows = kind.rows(user, community).order_by(kind.since)
        since = rows.values_list(kind.since, flat=True)[: MOST + 1]
        if moments := list(since):
            address = kind.address.format(community=community.code)
            oldest = made_at(moments[0]) if isinstance(moments[0], UUID) else moments[0]
            count = min(len(moments), MOST)
            yield Waiting(kind, count, len(moments) > MOST, oldest, address)
