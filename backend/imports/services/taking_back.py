"""Taking back what an import wrote: all of it, or nothing if something was built on it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from backend.accounts.models import User
from backend.imports import kinds
from backend.imports.errors import ImportBuiltUpon
from backend.imports.kinds import Taken, Thing
from backend.imports.models import Import, ImportedRow

AT_ONCE = 2_000  # rows that one statement names
MOST_TOLD = 20  # of what stands in the way


def require_nothing_built_on(one: Import, by: User) -> None:
    """Raise ImportBuiltUpon, which tells of the first rows, if the import can not be taken back."""
    rows: list[dict[str, Any]] = []
    count = 0
    for thing, taken in _taken(one, by):
        reasons = thing.built_on(taken)
        count += len(reasons)
        rows += [
            {"line": row.line, "thing": thing.name, "reason": str(reasons[row.row_id])}
            for row in taken.rows
            if row.row_id in reasons
        ][: MOST_TOLD - len(rows)]
    if count:
        raise ImportBuiltUpon(count=count, rows=sorted(rows, key=lambda row: row["line"]))


@transaction.atomic
def undo(one: Import, by: User) -> None:
    """Undo what the import wrote, what came last first. Raises ImportBuiltUpon."""
    require_nothing_built_on(one, by)
    try:
        with transaction.atomic():
            for thing, taken in _taken(one, by):
                thing.undo(taken)
            connection.check_constraints()  # keys to what was deleted are looked at now
    except IntegrityError as error:
        raise ImportBuiltUpon(count=1, rows=[]) from error


def _taken(one: Import, by: User) -> Iterator[tuple[Thing, Taken]]:
    """Yield the things that the import wrote, some rows at once; the last thing first."""
    assert one.run_at is not None  # it is done
    ours: dict[str, set[UUID]] = {}
    written = ImportedRow.objects.filter(community=one.community_id, of=one)
    for name, row_id in written.values_list("thing", "row_id"):
        ours.setdefault(name, set()).add(row_id)
    for thing in reversed(kinds.registered[one.kind].things):
        rows = list(written.filter(thing=thing.name).order_by("id"))
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            yield thing, Taken(one.community, some, ours, by, one.run_at)
