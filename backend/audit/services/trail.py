"""Writing down who did what, in the transaction in which it is done."""

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
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action} is not recorded in the transaction that does it.")
    return AuditEntry.objects.create(
        action=action,
        actor=actor,
        community=community,
        target_type=action.partition(".")[0],
        target_id=str(target.pk),
        before=before or {},
        after=after or {},
        request_id=current_request_id(),
    )
