"""The suite on a Citus cluster: ``make test-cluster DATABASE_URL=citus://…``.

A test's database is one on every node. That of DATABASE_URL only tells which nodes there are.
Copies of a distributed database, taken on every node, are distributed as it is.
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.db import connection, transaction
from django.db.backends.postgresql.creation import DatabaseCreation

from backend.cluster import tables

ROOT = Path(__file__).parents[1]
SHARDS = "4"  # few, so that a test waits for few
NODES = "SELECT nodename, nodeport FROM pg_dist_node ORDER BY groupid DESC"  # coordinator last
# What the suite asks of a cluster that no test could do without.
MISSING = "No cluster: {}. docs/scale.md says how to start one."


def is_used() -> bool:
    return os.environ.get("DATABASE_URL", "").startswith("citus:")


def missing() -> str | None:
    """Return what DATABASE_URL lacks for a run on a cluster, None if nothing."""
    if not is_used():
        return MISSING.format("DATABASE_URL does not begin with citus://")
    try:
        with psycopg.connect(server()) as database:
            roles = [group for (group,) in database.execute("SELECT groupid FROM pg_dist_node")]
    except psycopg.OperationalError as error:
        return MISSING.format(f"{error}".strip())
    except psycopg.errors.UndefinedTable:
        return MISSING.format("the database has no extension citus")
    if 0 not in roles or len(roles) < 3:
        return MISSING.format("pg_dist_node has to name the coordinator and two workers")
    return None


def server(name: str = "") -> str:
    """Return the address for libpq of DATABASE_URL's database, or of another beside it."""
    address = urlsplit(os.environ["DATABASE_URL"].replace("citus:", "postgresql:", 1))
    return (address._replace(path=f"/{name}") if name else address).geturl()


def nodes() -> list[tuple[str, int]]:
    with psycopg.connect(server()) as database:
        return database.execute(NODES).fetchall()


def tell(statement: str, database: str = "postgres") -> None:
    """Execute a statement on every node."""
    for host, port in nodes():
        with psycopg.connect(server(database), host=host, port=port, autocommit=True) as node:
            node.execute(statement)


def make(name: str) -> int:
    """Make a distributed database of the project. Returns the status of what failed, or 0."""
    tell(f"CREATE DATABASE {name}")
    tell("CREATE EXTENSION citus", name)
    *workers, coordinator = nodes()
    with psycopg.connect(server(name), autocommit=True) as database:
        database.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
        for worker in workers:
            database.execute("SELECT citus_add_node(%s, %s)", worker)
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    for command in (
        ["migrate", "--verbosity=0", "--skip-checks"],
        ["distribute", "--shards", SHARDS],
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": address},
        )
        if done.returncode:
            return done.returncode
    # A copy is taken of what nobody uses, and Citus' own daemon uses it.
    tell(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    kill_sessions(name)
    return 0


def kill_sessions(name: str) -> None:
    """Kill whatever uses a database, node by node."""
    tell(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")


def copy(template: str, name: str) -> None:
    """Make a database as the distributed ``template`` is, which nobody may be connected to."""
    tell(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    with psycopg.connect(server(name), autocommit=True) as database:
        for setting, value in tables.SETTINGS.items():  # these are no part of a copy
            database.execute(f'ALTER DATABASE "{name}" SET {setting} = {value}')


def drop(name: str) -> None:
    tell(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def watch() -> None:
    """Have Django make and drop its test databases on every node."""

    def create(self, cursor, parameters, keepdb=False):
        name = parameters["dbname"].strip('"')
        drop(name)  # of a run that was killed, on whichever node it is
        copy(self.connection.settings_dict["TEST"]["TEMPLATE"], name)

    def destroy(self, name, verbosity):
        drop(name)

    DatabaseCreation._execute_create_test_db = create
    DatabaseCreation._destroy_test_db = destroy


def empty() -> None:
    """Take out what a test has committed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN"
            " ('django_migrations', 'django_content_type', 'auth_permission')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'DELETE FROM "{table}"')


if __name__ == "__main__":
    sys.exit(missing())
