"""Distribute a database over a cluster."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from backend.cluster import tables
from backend.cluster.errors import NotReady
from backend.cluster.placement import Placement, placement_of

SHARDS = 32  # as many nodes as the cluster can ever have

# Tenants' tables last, because they refer to the others; the first of theirs makes the shards.
_ORDER = [Placement.REFERENCE, Placement.LOCAL, Placement.DISTRIBUTED]

_KEYS = """
    SELECT source.relname, k.conname, a.attname, target.relname
    FROM pg_constraint AS k
    JOIN pg_class AS source ON source.oid = k.conrelid
    JOIN pg_class AS target ON target.oid = k.confrelid
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND source.relnamespace = 'public'::regnamespace
        AND (source.relname = ANY(%(tables)s) OR target.relname = ANY(%(tables)s))
    ORDER BY 1, 2
"""
# The digest of a trigger, which a table that Citus makes local loses.
_DIGESTS = """
    SELECT format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, t.tgrelid::regclass, d.description)
    FROM pg_trigger AS t
    JOIN pg_description AS d ON d.objoid = t.oid AND d.classoid = 'pg_trigger'::regclass
    WHERE NOT t.tgisinternal
"""
# How far the sequences are that number rows: a table that is placed gets a new one, from 1 on.
_NUMBERED = """
    SELECT numbered.of_table, numbered.of_column, pg_sequence_last_value(numbered.by::regclass)
    FROM (
        SELECT c.relname AS of_table, a.attname AS of_column,
            pg_get_serial_sequence(quote_ident(c.relname), a.attname) AS by
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%s)
            AND a.attidentity <> ''
    ) AS numbered
"""
_OF_ALL_COMMUNITIES = """
    SELECT i.relname FROM pg_index AS x
    JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'community_id'
    WHERE c.relname = ANY(%(tables)s) AND (x.indisunique OR x.indisexclusion)
        AND NOT x.indisprimary AND x.indkey[0] <> a.attnum
    ORDER BY 1
"""


def declared() -> dict[str, Placement]:
    """Return the place of every table of the project, by its name."""
    of_migrations: Any = MigrationRecorder.Migration
    models = [*apps.get_models(include_auto_created=True), of_migrations]
    return {model._meta.db_table: placement_of(model) for model in models}


def distribute(*, shards: int = SHARDS) -> Counter[str]:
    """Give every table and function its place on the cluster to which the database belongs.

    Returns how many got one, by the kind of place. Idempotent: what has its place keeps it. It all
    happens in one transaction, so nobody else writes meanwhile, and what fails leaves the database
    as it was. Raises NotReady.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _require_cluster(cursor)
        _require_migrated()
        _settle(cursor)
        places, placed = declared(), tables.places(cursor)
        missing = {name: place for name, place in places.items() if name not in placed}
        tenants = [name for name, place in missing.items() if place is Placement.DISTRIBUTED]
        _require_right(cursor, places, placed, tenants)
        cursor.execute(_KEYS, {"tables": tenants})
        keys = cursor.fetchall()
        for table, key, *_ in keys:
            cursor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{key}"')
        digests, numbered = _digests(cursor), _numbered(cursor, missing)
        _move(cursor, missing, shards)
        for table, column, last in numbered:
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(quote_ident(%s), %s), %s)",
                [table, column, last],
            )
        for comment in digests - _digests(cursor):
            cursor.execute(comment)
        for table, key, column, target in keys:
            is_tenants = places[target] is Placement.DISTRIBUTED
            cursor.execute(tables.key_of(table, key, column, target, is_tenants=is_tenants))
        functions = tables.place_functions(cursor)
    return Counter(place.value for place in missing.values()) + Counter(functions=functions)


def _move(cursor: Any, missing: dict[str, Placement], shards: int) -> None:
    """Move tables with their rows, as they are: no trigger of ours takes them for new."""
    cursor.execute(
        "SELECT set_config('citus.shard_count', %s, true),"
        " set_config('session_replication_role', 'replica', true)",
        [str(shards)],
    )
    for table in sorted(missing, key=lambda one: (_ORDER.index(missing[one]), one != tables.FIRST)):
        # Citus makes local tables of a reference table's neighbours.
        if tables.places(cursor).get(table) is not missing[table]:
            if missing[table] is Placement.DISTRIBUTED:
                cursor.execute(tables.primary_key_of(table))
            tables.place(cursor, table, missing[table])
    for table, place in missing.items():
        if place is Placement.DISTRIBUTED:
            cursor.execute("SELECT truncate_local_data_after_distributing_table(%s)", [table])
    cursor.execute("SELECT set_config('session_replication_role', 'origin', true)")


def _digests(cursor: Any) -> set[str]:
    """Return the statements that give triggers the digests by which pgtrigger knows them."""
    cursor.execute(_DIGESTS)
    return {statement for (statement,) in cursor.fetchall()}


def _numbered(cursor: Any, missing: Iterable[str]) -> list[tuple[str, str, int]]:
    """Return which columns of the tables are numbered, and their last numbers."""
    cursor.execute(_NUMBERED, [list(missing)])
    return [row for row in cursor.fetchall() if row[2] is not None]


def _settle(cursor: Any) -> None:
    """Set what a cluster needs, for this transaction and for whoever connects to any node."""
    for name, value in tables.SETTINGS.items():
        cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        database = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {database} SET {name} = %s", [value])


# --- what may stand against it ----------------------------------------------------------------
def _require_cluster(cursor: Any) -> None:
    cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
    if not cursor.fetchone()[0]:
        raise NotReady("The database has no extension citus: run CREATE EXTENSION on every node.")
    if connection.settings_dict["ENGINE"] != "backend.cluster.engine":
        raise NotReady("DATABASE_URL has to begin with citus:// for a database on a cluster.")
    cursor.execute(
        "SELECT count(*) FILTER (WHERE groupid = 0),"
        " count(*) FILTER (WHERE groupid <> 0 AND isactive AND shouldhaveshards) FROM pg_dist_node"
    )
    coordinators, workers = cursor.fetchone()
    if not coordinators:
        raise NotReady("The cluster does not know its coordinator: citus_set_coordinator_host().")
    if not workers:
        raise NotReady("The cluster has no worker: citus_add_node().")


def _require_migrated() -> None:
    executor = MigrationExecutor(connection)
    if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady(f"{len(plan)} migrations are not applied: manage.py migrate.")


def _require_right(
    cursor: Any, places: dict[str, Placement], placed: dict[str, Placement], tenants: list[str]
) -> None:
    """Raise NotReady for what would make a table, once distributed, other than it was."""
    for table, place in placed.items():
        if table in places and place is not places[table]:
            raise NotReady(f"{table} is {place.value} and is declared {places[table].value}.")
    cursor.execute(_KEYS, {"tables": tenants})
    for table, key, _, target in cursor.fetchall():
        if places.get(table) is not Placement.DISTRIBUTED:
            raise NotReady(f"{key}: {table} is of no community and refers to {target}, which is.")
        if places.get(target) is Placement.LOCAL:
            raise NotReady(f"{key}: {table} refers to {target}, which only the coordinator has.")
    cursor.execute(_OF_ALL_COMMUNITIES, {"tables": tenants})
    if found := [name for (name,) in cursor.fetchall()]:
        raise NotReady(f"Unique beyond one community: {', '.join(found)}.")
