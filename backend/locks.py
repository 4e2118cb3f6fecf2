"""Locks on what every node of a cluster has a copy of, such as people, communities, merchants.

A lock on one row of such a table would be one on the table, for all communities. So nobody locks
its rows: whoever has to queue at one locks its id, and reads the row then. Locks are taken in the
order people, of several in order of id, then tenants' rows.
"""

from typing import TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model

Row = TypeVar("Row", bound=Model)


def lock_by_id(*ids: UUID) -> None:
    """Let whoever else locks one of these ids wait until the transaction ends."""
    assert connection.in_atomic_block, "the lock would end at once"
    with connection.cursor() as cursor:
        cursor.execute("SELECT lock_by_id(%s)", [list(ids)])


def locked(row: Row, *related: str) -> Row:
    """Lock the id of ``row``, and return it as it is now, ``related`` rows with it."""
    lock_by_id(row.pk)
    rows = type(row)._default_manager
    return (rows.select_related(*related) if related else rows).get(pk=row.pk)
