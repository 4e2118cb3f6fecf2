"""Leaving: apps hear that somebody takes no part any more, and act in that transaction.

Each app registers, when it is ready, how it ends what the person has under way, such as shifts and
vouchers, so that no app has to know the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Leaving:
    """A person's leave of a community since a moment."""

    user_id: UUID
    community_id: UUID
    at: datetime

    @property
    def whose(self) -> dict[str, UUID]:
        """The filter of a tenant table with a ``volunteer`` for the person's rows there."""
        return {"community_id": self.community_id, "volunteer_id": self.user_id}


_listeners: list[Callable[[Leaving], object]] = []
_places: list[Callable[[UUID], list[UUID]]] = []


def heard_by(listener: Callable[[Leaving], object]) -> None:
    """Register a listener when an app is ready. A second call of it has to change nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(leaving: Leaving) -> None:
    """Call all listeners, within the leave's transaction and after its lock on the membership."""
    for listener in _listeners:
        listener(leaving)


def places_by(hold: Callable[[UUID], list[UUID]]) -> None:
    """Register what locks a person's roles and returns the ids of all their communities."""
    _places[:] = [hold]


def tell_everywhere(user_id: UUID, at: datetime) -> None:
    """Call all listeners for one community of the person after the other, in order of id."""
    for community_id in sorted(_places[0](user_id)):
        tell(Leaving(user_id, community_id, at))
