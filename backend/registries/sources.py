"""What a transfer's source is in words, for whoever's points moved.

A source is ``kind:id``, such as ``redemption:0190…``; the ledger does not look into it. Each app
registers how its kinds are told when it is ready.
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


# Of one community, what is told of some ids; what is not found is left out.
Tells = Callable[[UUID, list[UUID]], dict[UUID, Told]]

_kinds: dict[str, Tells] = {}


def register(kind: str, tells: Tells) -> None:
    """Let ``tells`` say what the sources of one kind are. Idempotent."""
    _kinds[kind] = tells


def told(community_id: UUID, sources: Iterable[str]) -> dict[str, Told]:
    """Return what is registered about each source, in one call for each kind."""
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
