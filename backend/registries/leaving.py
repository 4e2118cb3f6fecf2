"""Somebody takes no part any more: who must hear of it, and acts in the same transaction.

What runs in an app ends then: shifts, vouchers. Each app registers what it does about it when it is
ready, so that none has to know the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Leaving:
    """Who, where (``None``: everywhere), and since when."""

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
    """Said once, when an app is ready. A second run of ``listener`` has to change nothing."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(leaving: Leaving) -> None:
    """Within the transaction of whatever ended it, and after its lock on the membership."""
    for listener in _listeners:
        listener(leaving)
