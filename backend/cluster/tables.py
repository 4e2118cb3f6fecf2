"""How a table, its keys and the functions get their places on a cluster."""

from typing import Any

from backend.cluster.placement import Placement

FIRST = "points_account"  # its shards are the group that all tenants' tables share

# "Unsafe" is what Citus calls triggers, because one could write to another node; ours name the
# community of their row. Sequential is how a transaction that has read many shards may still write
# a reference table. And what is SET LOCAL holds on workers too.
SETTINGS = {
    "citus.enable_unsafe_triggers": "on",
    "citus.multi_shard_modify_mode": "sequential",
    "citus.propagate_set_commands": "local",
}

# Whoever claims many rows writes last what they were claimed for, and how many they are. A claim
# without it would be a fault of ours, so nobody reads the SQLSTATE of that.
DEFERRED = {("merchants_redemption", "statement_id"), ("merchants_refund", "statement_id")}

_PLACES = """
    SELECT relname, CASE WHEN partmethod = 'h' THEN 'distributed'
        WHEN repmodel = 't' THEN 'reference' ELSE 'local' END
    FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid
"""
_FUNCTIONS = """
    SELECT p.oid::regprocedure::text, coalesce(p.proargnames[1] = 'p_community', false)
    FROM pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
        AND NOT EXISTS (
            SELECT FROM pg_dist_object AS o WHERE o.classid = 'pg_proc'::regclass
                AND o.objid = p.oid
                AND (o.force_delegation OR p.proargnames[1] IS DISTINCT FROM 'p_community')
        )
    ORDER BY p.oid
"""

_TRIGGERS_OF_TRUNCATE = """
    SELECT regexp_replace(pg_get_triggerdef(t.oid), '(TRIGGER \\S+)( .* ON \\S+)',
        format('\\1_%%s\\2_%%s', s.shardid, s.shardid))
    FROM pg_trigger AS t JOIN pg_dist_shard AS s ON s.logicalrelid = t.tgrelid
    WHERE t.tgrelid = %s::regclass AND NOT t.tgisinternal AND t.tgtype & 32 <> 0
"""


def places(cursor: Any) -> dict[str, Placement]:
    """Return where each table is that the cluster knows of: none if nothing is distributed."""
    cursor.execute("SELECT to_regclass('pg_dist_partition') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return {}
    cursor.execute(_PLACES)
    return {table: Placement(place) for table, place in cursor.fetchall()}


def place(cursor: Any, table: str, placement: Placement) -> None:
    """Give ``table``, which the cluster does not know of, its place, and move its rows there.

    A tenant's table must have the primary key of ``primary_key_of``, and no keys to others yet:
    ``key_of`` tells how it gets those.
    """
    if placement is Placement.LOCAL:
        # Else it would be committed before the other nodes have agreed to commit.
        cursor.execute("SELECT citus_add_local_table_to_metadata(%s)", [table])
        _refuse_truncate(cursor, table)
    elif placement is Placement.REFERENCE:
        cursor.execute("SELECT create_reference_table(%s)", [table])
        _refuse_truncate(cursor, table)
    else:
        cursor.execute(
            "SELECT create_distributed_table(%s, 'community_id', colocate_with => %s)",
            [table, "none" if table == FIRST else FIRST],
        )


def _refuse_truncate(cursor: Any, table: str) -> None:
    """Put the triggers of TRUNCATE back, which Citus takes off the coordinator's own copy."""
    cursor.execute(_TRIGGERS_OF_TRUNCATE, [table])
    for (trigger,) in cursor.fetchall():
        cursor.execute("SET LOCAL citus.enable_manual_changes_to_shards = on")
        cursor.execute(trigger)
        cursor.execute("SET LOCAL citus.enable_manual_changes_to_shards = off")


def primary_key_of(table: str) -> str:
    """Return the statement that widens the primary key of a tenant's table by the community."""
    key = f"{table}_pkey"
    return (
        f'ALTER TABLE "{table}" DROP CONSTRAINT "{key}",'
        f' ADD CONSTRAINT "{key}" PRIMARY KEY (community_id, id)'
    )


def key_of(table: str, name: str, column: str, target: str, *, is_tenants: bool) -> str:
    """Return the statement that gives a tenant's table a key to ``target``, a tenant's or not.

    It is not deferred, unless DEFERRED names it: what a worker finds at COMMIT would have lost its
    SQLSTATE.
    """
    ours, theirs = f'"{column}"', "id"
    if is_tenants:
        ours, theirs = f"community_id, {ours}", "community_id, id"
    deferrable = " DEFERRABLE INITIALLY DEFERRED" if (table, column) in DEFERRED else ""
    return (
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY ({ours})'
        f' REFERENCES "{target}" ({theirs}){deferrable}'
    )


def place_functions(cursor: Any) -> int:
    """Send functions to all nodes, those of a community to run at its shard. Returns how many."""
    cursor.execute(_FUNCTIONS)
    functions = cursor.fetchall()
    for function, is_of_community in functions:
        if is_of_community:
            cursor.execute(
                "SELECT create_distributed_function(%s, 'p_community', colocate_with => %s,"
                " force_delegation => true)",
                [function, FIRST],
            )
        else:
            cursor.execute("SELECT create_distributed_function(%s)", [function])
    return len(functions)
