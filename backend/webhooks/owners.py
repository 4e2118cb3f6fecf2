"""Declarations of the app that owners of endpoints belong to, made once, when it is ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from backend.communities.models import TenantModel
from backend.webhooks.models import Delivery


class Event:
    """The facts of an event's row: ``facts`` are JSON keys, or ``key=column`` where they differ.

    Facts are read when the event is first sent, which may be days after it happened. So a column
    has to be final from the event on; facts that change later are given in ``said``.
    """

    def __init__(self, model: type[TenantModel], facts: str, **said: Any) -> None:
        pairs = [fact.partition("=") for fact in facts.split()]
        self.model, self.said = model, said
        self.facts = {key: column or key for key, _, column in pairs}

    def tell(self, *, community_id: UUID, object_id: UUID) -> dict[str, Any] | None:
        """Return the facts of one row; ``None`` if there is no such row any more."""
        rows = self.model._default_manager.filter(community=community_id, pk=object_id)
        row = rows.values_list(*self.facts.values()).first()
        return row and {**dict(zip(self.facts, row, strict=True)), **self.said}


@dataclass(frozen=True, kw_only=True)
class Owners:
    """The app's side of owners: their events and callbacks."""

    events: Mapping[str, Event]
    lock: Callable[[UUID], object]  # the owner's own row, while its endpoints are counted
    record: Callable[..., None]  # (action, endpoint=…, by=…), where the owner's auditors look
    tell_switched_off: Callable[[Delivery], None]  # which of an endpoint's deliveries was the last


_declared: list[Owners] = []


def declare(owners: Owners) -> None:
    _declared[:] = [owners]


def declared() -> Owners:
    (owners,) = _declared
    return owners
