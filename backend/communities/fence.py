"""The fence: the database refuses every write to the rows of a community that has moved away.

Two triggers on each tenant's table name the communities that have moved. They stand only where one
has, so that nobody else's writes pay for it. A verification compares them with what they should be
(backend/verification/checks.py); a table that a migration adds is fenced by that migration.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import OperationalError, connection, transaction
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from backend.communities.models import Community

MOVED = "community_moved"  # the refusal's name
NAMES = (MOVED, f"{MOVED}_away")  # before pgtrigger_…: a row's triggers act in alphabetical order


def fenced() -> list[str]:
    """Return the tables that are fenced: those of ``of_communities``, and that of places."""
    models: list[type[Any]] = [*of_communities(), Community]
    return [str(model._meta.db_table) for model in models]


def of_communities() -> list[type[Any]]:
    """Return the models whose rows belong to communities, in the order of their tables' names."""
    found = [model for model in apps.get_models() if model._meta.managed and _is_tenants(model)]
    return sorted(found, key=lambda model: str(model._meta.db_table))


def moved() -> list[UUID]:
    """Return the ids of the communities that have moved, with their estates."""
    return list(
        Community.objects.filter(moved_at__isnull=False).order_by("pk").values_list("pk", flat=True)
    )


def statements(table: str, moved: Sequence[UUID]) -> list[str]:
    """Return the statements that make the triggers of ``table``, none if nobody has moved."""
    if not moved:
        return []
    them = f"ANY ('{{{','.join(map(str, moved))}}}'::uuid[])"
    new, old = f"NEW.community_id = {them}", f"OLD.community_id = {them}"
    if table == Community._meta.db_table:  # and estates below one
        new, old = f"NEW.id = {them} OR NEW.parent_id = {them}", f"OLD.id = {them}"
    return [
        f'CREATE TRIGGER {name} BEFORE {operation} ON "{table}" FOR EACH ROW WHEN ({condition})'
        f" EXECUTE FUNCTION communities_refuse_moved('{row}')"
        for name, operation, condition, row in (
            (NAMES[0], "INSERT OR UPDATE", new, "new"),
            (NAMES[1], "UPDATE OR DELETE", old, "old"),
        )
    ]


def build(*, leave_out: Collection[UUID] = ()) -> None:
    """Make the fence stand around the communities that have moved, and no other. Idempotent.

    It is taken away from those to ``leave_out``, who are about to be opened again.

    Each table waits for the transactions that write to it, in a transaction of its own: once all
    are fenced, whatever was written before is committed, and nothing comes later.
    """
    for table in fenced():
        _fence(table, leave_out)


def fence_new_tables(**_: Any) -> None:
    """Fence what migrations have added; called after they have run."""
    if Community._meta.db_table in connection.introspection.table_names() and moved():
        build()


@retry(
    retry=retry_if_exception_type(OperationalError),  # others wait for us meanwhile: let them go on
    wait=wait_random(0.1, 1),
    stop=stop_after_attempt(60),
    reraise=True,
)
def _fence(table: str, leave_out: Collection[UUID]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [MOVED])
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        for name in NAMES:
            cursor.execute(f'DROP TRIGGER IF EXISTS {name} ON "{table}"')
        places = [place for place in moved() if place not in leave_out]
        for statement in statements(table, places):
            cursor.execute(statement)


def _is_tenants(model: type[Any]) -> bool:
    try:
        return not model._meta.proxy and model._meta.get_field("community") is not None
    except FieldDoesNotExist:
        return False
