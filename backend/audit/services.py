"""Recording acts, in the transaction of the act."""

from collections.abc import Iterable
from datetime import date
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from django.db import connection, models

from backend.audit.models import Act, AuditEntry, OwnAct
from backend.request_id import current_request_id

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.communities.models import Community


def facts_of(row: models.Model | None, *names: str) -> dict[str, Any]:
    """Return fields of ``row`` for ``before`` and ``after``, days in ISO 8601; empty for None."""
    facts = {name: getattr(row, name) for name in names if row is not None}
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in facts.items()
    }


def record(
    action: str,
    *,
    actor: "User | None",
    target: models.Model,
    community: "Community | EllipsisType | None" = ...,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Act:
    """Record that ``actor`` did ``action``, such as ``attendance.verify``, to ``target``.

    The act belongs to the target's own community, unless another is given, or to none.
    ``before`` and ``after`` hold what changed: ids, states and numbers, never a name, phone or
    anything else that is personal, for entries can not be erased. The request's id is added. Raises
    RuntimeError outside of a transaction: the entry and the act stand or fall together.
    """
    if isinstance(community, EllipsisType):
        community = getattr(target, "community", None)
    targets = [(community, target)]
    (entry,) = record_many(action, actor=actor, targets=targets, before=before, after=after)
    return entry


def record_many(
    action: str,
    *,
    actor: "User | None",
    targets: "Iterable[tuple[Community | None, models.Model]]",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> list[Act]:
    """Record that ``actor`` did ``action`` to each of ``targets``, pairs of community and row.

    A statement for those of communities, and one for others. Raises RuntimeError as ``record``.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action} is not recorded in the transaction that does it.")
    entries: list[AuditEntry] = []
    own: list[OwnAct] = []
    for community, target in targets:
        facts: dict[str, Any] = {
            "action": action,
            "actor": actor,
            "target_type": action.partition(".")[0],
            "target_id": str(target.pk),
            "before": before or {},
            "after": after or {},
            "request_id": current_request_id(),
        }
        if community is None:
            own.append(OwnAct(**facts))
        else:
            entries.append(AuditEntry(community=community, **facts))
    AuditEntry.objects.bulk_create(entries)
    OwnAct.objects.bulk_create(own)
    return [*entries, *own]
