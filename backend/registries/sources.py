"""Words for a transfer's source, for the person whose points moved.

A source is ``kind:id``, such as ``redemption:0190…``; the ledger does not interpret it. Each app
registers, when it is ready, how its kinds are described.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Told:
    """A line in words, and the ids of what can be opened, such as ``{"voucher_id": …}``."""

    words: str
    ids: dict[str, UUID]


# Returns the descriptions of some ids of a community; ids that are not found are left out.
Tells = Callable[[UUID, list[UUID]], dict[UUID, Told]]

_kinds: dict[str, Tells] = {}


def register(kind: str, tells: Tells) -> None:
    """Register ``tells`` to describe sources of one kind. Idempotent."""
    _kinds[kind] = tells


def told(community_id: UUID, sources: Iterable[str]) -> dict[str, Told]:
    """Return the description of each source that has one, in one call for each kind."""
    ids: dict[str, list[UUID]] = defaultdict(list)
    for source in set(sources):
        kind, _, number = source.partition(":")
        if kind in _kinds:
            ids[kind].append(UUID(number))
    return {
        f"{kind}:{number}": one
        for kind, numbers in ids.items()
        for number, one in _kinds[kind](community_id, numbers).items()
    }
