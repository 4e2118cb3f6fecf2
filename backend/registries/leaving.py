"""Leaving: who must hear that somebody takes no part any more, and acts in that transaction.

What runs in an app ends then: shifts, vouchers. Each app registers what it does about it when it is
ready, so that none has to know the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Leaving:
    """Leave of a person, in one community or (``None``) everywhere, since a moment."""

    user_id: UUID
    community_id: UUID | None
    at: datetime

    @property
    def whose(self) -> dict[str, UUID]:
        """What narrows a tenant table with a ``volunteer`` down to what is theirs there."""
        where = {} if self.community_id is None else {"community_id": self.community_id}
        return {"volunteer_id": self.user_id} | where


_listeners: list[Callable[[Leaving], object]] = []


def heard_by(listener: Callable[[Leaving], object]) -> None:
    """Register a listener when an app is ready. Its second run has to change nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(leaving: Leaving) -> None:
    """Tell all, within the transaction of what ended it and after its lock on the membership."""
    for listener in _listeners:
        listener(leaving)
