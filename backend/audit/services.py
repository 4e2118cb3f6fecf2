"""Writing down who did what, in the transaction in which it is done."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import connection, models

from backend.audit.models import AuditEntry
from backend.request_id import current_request_id

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.communities.models import Community


def record(
    action: str,
    *,
    actor: "User | None",
    target: models.Model,
    community: "Community | None" = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write that ``actor`` did ``action``, such as ``attendance.verify``, to ``target``.

    ``before`` and ``after`` tell what changed: ids, states and numbers, never a name, phone or
    anything else that is personal, for nothing here can be erased. The request's id is added.
    Raises RuntimeError outside of a transaction: the entry and the act stand or fall together.
    """
    _require_transaction(action)
    entry = _entry(action, actor, community, target, before, after)
    entry.save(force_insert=True)
    return entry


def record_many(
    action: str,
    *,
    actor: "User | None",
    targets: "Iterable[tuple[Community | None, models.Model]]",
) -> None:
    """Write that ``actor`` did ``action`` to each of ``targets``, told with its community.

    In one statement, or none if there are none. Raises RuntimeError as above.
    """
    _require_transaction(action)
    entries = [_entry(action, actor, community, target) for community, target in targets]
    AuditEntry.objects.bulk_create(entries)


def _require_transaction(action: str) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action} is not recorded in the transaction that does it.")


def _entry(
    action: str,
    actor: "User | None",
    community: "Community | None",
    target: models.Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        community=community,
        target_type=action.partition(".")[0],
        target_id=str(target.pk),
        before=before or {},
        after=after or {},
        request_id=current_request_id(),
    )
