"""Locks on what every node of a cluster has a copy of, such as people, communities, merchants.

A lock on one row of such a table would be one on the table, for all communities. So nobody locks
its rows: whoever has to queue at one locks its id, and reads the row then. Locks are taken in the
order people, of several in order of id, then tenants' rows.
"""

from uuid import UUID

from django.db import connection


def lock_by_id(*ids: UUID) -> None:
    """Let whoever else locks one of these ids wait until the transaction ends."""
    assert connection.in_atomic_block, "the lock would end at once"
    with connection.cursor() as cursor:
        cursor.execute("SELECT lock_by_id(%s)", [list(ids)])
