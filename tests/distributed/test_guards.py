"""Guards on a cluster: what one node or one shard has otherwise is found, with its place.

Other nodes know nothing of a test's transaction, so the tampering is committed, and undone.
"""

from contextlib import ExitStack

import psycopg
import pytest
from django.db import connection

from backend.cluster import nodes
from backend.verification import checks as guards
from tests import cluster

pytestmark = pytest.mark.django_db

IN_FORCE = "it is not in force"


def find():
    return {(one.table, one.row): one.because for one in guards.findings()}


def shard_of(table):
    """Return where the first shard of a table is, or a worker's copy, and its name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nodename, nodeport, shardid FROM pg_dist_shard JOIN pg_dist_placement"
            " USING (shardid) JOIN pg_dist_node USING (groupid)"
            " WHERE logicalrelid = %s::regclass AND groupid <> 0 ORDER BY shardid, nodeport",
            [table],
        )
        host, port, number = cursor.fetchone()
    return (host, port), f"{table}_{number}"


def told(node):
    """A superuser's session on one node, which sees shards and changes them by hand."""
    host, port = node
    name = connection.settings_dict["NAME"]
    session = psycopg.connect(cluster.server(name), host=host, port=port, autocommit=True)
    session.execute("SET citus.enable_manual_changes_to_shards = on")
    session.execute("SET citus.enable_ddl_propagation = off")
    session.execute("SET citus.override_table_visibility = off")
    return session


# A table, what stands on it and in what catalogue, how it is changed, and why it is found.
GONE = "DROP CONSTRAINT {name}", "ADD CONSTRAINT {name} {definition}", IN_FORCE
OFF = "DISABLE TRIGGER {name}", "ENABLE TRIGGER {name}", "it is disabled"
GUARDS = [
    ("points_transfer", "constraint", "transfer_once", *GONE),
    ("points_transfer", "constraint", "transfer_moves_something", *GONE),
    ("points_unsealed", "constraint", "points_unsealed_pkey", *GONE),
    ("points_transfer", "trigger", "transfer_is_final", *OFF),
    # Every node has a copy of its own.
    ("accounts_user", "constraint", "accounts_user_username_key", *GONE),
    ("points_ruleversion", "trigger", "rule_version_is_not_emptied", *OFF),
    # What would be too long for a name ends in a digest.
    ("merchants_donation", "constraint", "merchants_donation_transfer_id", *GONE),
]
STANDING = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %(shard)s::regclass AND starts_with(conname, %(name)s)
    UNION ALL
    SELECT tgname, '' FROM pg_trigger
    WHERE tgrelid = %(shard)s::regclass AND starts_with(tgname, 'pgtrigger_' || %(name)s)
"""
# Statements on one worker, the opposite, and what is found.
CHANGES = [
    (
        "ALTER FUNCTION points_post STRICT",
        "ALTER FUNCTION points_post CALLED ON NULL INPUT",
        ("", "function points_post", "it is not as declared (on {node})"),
    ),
    (
        "ALTER DATABASE {database} SET session_replication_role = replica",
        "ALTER DATABASE {database} RESET session_replication_role",
        (
            "",
            "setting of the database",
            "session_replication_role=replica turns triggers off (on {node})",
        ),
    ),
    (
        "CREATE RULE swallowed AS ON INSERT TO {shard} DO INSTEAD NOTHING",
        "DROP RULE swallowed ON {shard}",
        ("points_transfer", "rule swallowed", "nobody declared it ({shard} on {node})"),
    ),
    (
        "ALTER TABLE {shard} ALTER amount DROP NOT NULL",
        "ALTER TABLE {shard} ALTER amount SET NOT NULL",
        (
            "points_transfer",
            "column amount",
            "it is bigint null, and should be bigint not null ({shard} on {node})",
        ),
    ),
    (
        "GRANT TRUNCATE ON {shard} TO PUBLIC",
        "REVOKE TRUNCATE ON {shard} FROM PUBLIC",
        ("points_transfer", "table", "everybody may truncate it ({shard} on {node})"),
    ),
]


def test_nothing_is_found_of_what_distribute_made():
    assert find() == {}


def test_each_guard_that_one_shard_lacks_is_found_with_its_place():
    expected, undo = {}, ExitStack()
    with undo:
        for table, what, name, do, again, because in GUARDS:
            node, shard = shard_of(table)
            session = undo.enter_context(told(node))
            ((standing, definition),) = session.execute(STANDING, {"shard": shard, "name": name})
            names = {"name": standing, "definition": definition}
            session.execute(f"ALTER TABLE {shard} {do.format(**names)}")
            undo.callback(session.execute, f"ALTER TABLE {shard} {again.format(**names)}")
            full = next(
                declared
                for of_what, of_table, declared in guards._declared()
                if (of_what, of_table) == (what, table) and name in declared
            )
            called = guards._names_of_triggers().get((table, full), full)
            expected[table, f"{what} {called}"] = "{} ({} on {}:{})".format(because, shard, *node)
        found = find()

    assert found == expected
    assert find() == {}


def test_what_one_node_has_otherwise_is_found_with_its_place():
    node, shard = shard_of("points_transfer")
    names = {
        "shard": shard,
        "node": "{}:{}".format(*node),
        "database": connection.settings_dict["NAME"],
    }
    with told(node) as session, ExitStack() as undo:
        for do, again, _ in CHANGES:
            session.execute(do.format(**names))
            undo.callback(session.execute, again.format(**names))
        found = find()

    assert found == {
        (table, row): because.format(**names) for _, _, (table, row, because) in CHANGES
    }
    assert find() == {}


def test_what_all_nodes_have_otherwise_is_found_without_places():
    name = connection.settings_dict["NAME"]
    with psycopg.connect(cluster.server(name), autocommit=True) as coordinator, ExitStack() as undo:
        coordinator.execute("ALTER FUNCTION points_post STRICT")
        undo.callback(coordinator.execute, "ALTER FUNCTION points_post CALLED ON NULL INPUT")
        found = find()

    assert found == {("", "function points_post"): "it is not as declared"}


def test_a_node_that_does_not_answer_ends_the_check():
    with pytest.raises(RuntimeError, match=r"did not answer: ERROR:  division by zero"):
        list(nodes.ask("SELECT 1 / 0 AS answer", {}))
