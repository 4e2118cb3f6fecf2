"""Functions and trigger bodies in the database are those of the ``.sql`` files."""

import re

import pgtrigger
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils import translation

from backend import sql, triggers
from backend.communities.management.commands.makemigrations import Autodetector
from points.models import Hold
from tests import whose

FUNCTIONS = {
    name: text
    for app in apps.get_app_configs()
    for name, text in sql.functions_in(app.path).items()
}
BODIES = set(sql._files()) - set(FUNCTIONS)
# Why a function is told no community: nothing that it reads or writes is a tenant's.
OF_NO_COMMUNITY = {
    "uuid7": "it reads no table",
    "accounts_attempt": "guesses are counted of a person, wherever they guess",
    "accounts_attempts_wait": "guesses are counted of a person, wherever they guess",
    "accounts_give_back_attempt": "guesses are counted of a person, wherever they guess",
    "communities_lock_roles": "a lock of all nodes is one of the coordinator",
    "communities_volunteering": "a lock of all nodes is one of the coordinator",
    "lock_by_id": "a lock of all nodes is one of the coordinator",
    "communities_known_to": "it finds out in which communities a person is known",
    "communities_suspended": "it is asked whether a person is suspended in any of them",
    "communities_refuse_moved": "it is a trigger's: the row says whose it is",
    "merchants_communities": "it finds out in which communities a merchant is a partner",
    "merchants_scan": "a code may be of any community that the merchant is a partner of",
}
# What is told several, for it looks for one thing wherever it may be.
OF_SEVERAL = {"api_first_answer"}

STATEMENT_ENDS = re.compile(r";|\b(?:DECLARE|BEGIN|IF|THEN|ELSE|LOOP)\b")


def test_every_function_in_the_database_has_its_file_and_is_as_the_file_says(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT proname, prosrc FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proname !~ '^_?pgtrigger_'
                AND NOT EXISTS (
                    SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e'
                )
            """
        )
        found = dict(cursor.fetchall())

    assert found == {name: text.split("$$")[1] for name, text in FUNCTIONS.items()}


def test_two_triggers_of_one_name_are_refused(monkeypatch):
    twice = [*Hold._meta.triggers, Hold._meta.triggers[0]]
    monkeypatch.setattr(Hold._meta, "triggers", twice)

    with pytest.raises(ValueError, match="one name"):
        triggers.register()


def test_no_statement_on_a_table_calls_a_function_that_reads_one():
    """The function would ask from within what one shard is asked, and no shard may ask."""
    tables = "|".join(model._meta.db_table for model in apps.get_models(include_auto_created=True))
    reads = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:{tables})\b(?!\()")
    calls = re.compile(rf"\b(?:{'|'.join(set(FUNCTIONS) - {'uuid7'})})\(")
    found = [
        f"{name}: {statement}"
        for name in sql._files()
        for statement in STATEMENT_ENDS.split(re.sub("--.*", "", sql.sql(name)))
        if reads.search(statement) and calls.search(statement)
    ]

    assert found == []


def test_no_function_locks_a_row_that_every_node_has():
    """The lock would be on the table, for all communities: ``lock_by_id`` is for that."""
    found = [
        f"{name}: {statement}"
        for name in sql._files()
        for statement in STATEMENT_ENDS.split(re.sub("--.*", "", sql.sql(name)))
        if whose.copies_locked(statement.partition("PERFORM")[2] or statement)
    ]

    assert found == []


def test_every_other_file_is_the_body_of_a_trigger():
    bodies = {trigger.func for _, trigger in pgtrigger.registered()}

    assert BODIES
    assert {name for name in BODIES if sql.sql(name) not in bodies} == set()


@pytest.mark.parametrize("changed", ["changed", "gone", "new"])
def test_makemigrations_sees_what_became_of_a_file(changed):
    loader = MigrationLoader(None)
    migrated = loader.project_state()
    state = migrated.sql_state
    if changed == "changed":
        state.nodes["communities", "uuid7"].sql += " "
    elif changed == "new":
        state.remove_node(("communities", "uuid7"))
    else:
        state.add_node(("communities", "uuid8"), state.nodes["communities", "uuid7"])

    with translation.override(None):
        changes = Autodetector(migrated, ProjectState.from_apps(apps)).changes(loader.graph)

    assert [type(one).__name__ for one in changes.pop("communities")[0].operations] == {
        "changed": ["ReverseAlterSQL", "AlterSQL"],
        "new": ["CreateSQL"],
        "gone": ["DeleteSQL"],
    }[changed]
    assert changes == {}


def test_a_function_of_a_community_is_told_it_first_and_takes_and_answers_scalars(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.proname, l.lanname, p.proargnames[1], array_agg(t.typname::text) FILTER (
                WHERE coalesce(e.typtype, t.typtype) NOT IN ('b', 'd', 'r')
            )
            FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
            CROSS JOIN LATERAL unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) AS a (type)
            JOIN pg_type t ON t.oid = a.type LEFT JOIN pg_type e ON e.oid = t.typelem
            WHERE p.proname = ANY(%s) GROUP BY p.oid, l.oid
            """,
            [list(FUNCTIONS)],
        )
        shapes = {name: shape for name, *shape in cursor.fetchall()}

    assert {name: shapes[name] for name in set(FUNCTIONS) - set(OF_NO_COMMUNITY)} == {
        name: ["plpgsql", "p_communities" if name in OF_SEVERAL else "p_community", None]
        for name in set(FUNCTIONS) - set(OF_NO_COMMUNITY)
    }
    assert set(OF_NO_COMMUNITY) <= set(FUNCTIONS)
    assert not [name for name in OF_NO_COMMUNITY if "p_community" in FUNCTIONS[name]]


@pytest.mark.parametrize("name", sorted(sql._files()))
def test_a_refusal_says_its_name_in_detail(name):
    """A worker of a cluster loses the name that CONSTRAINT gives."""
    text = sql.sql(name)

    assert "CONSTRAINT = " not in text
    assert "= CONSTRAINT_NAME" not in text
    assert text.count("RAISE EXCEPTION USING") <= text.count("DETAIL = ")


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        ("MESSAGE = 'no', DETAIL = 'hold_resolves_once'", "hold_resolves_once"),
        ("MESSAGE = 'no', CONSTRAINT = 'account_once'", "account_once"),
        (
            "MESSAGE = 'duplicate key value violates unique constraint \"account_once_102270\"',"
            " DETAIL = 'Key (id)=(1) already exists.'",
            "account_once",
        ),
        ("MESSAGE = 'no', DETAIL = 'Key (id)=(1) already exists.'", None),
        ("MESSAGE = 'no'", None),
    ],
)
def test_a_refusals_constraint_is_found_wherever_its_name_is_said(db, refused, named):
    with (
        pytest.raises(IntegrityError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "DO $do$ BEGIN RAISE EXCEPTION USING"
            f" ERRCODE = 'integrity_constraint_violation', {refused}; END $do$"
        )

    assert sql.constraint_of(refusal.value) == named


def test_an_error_of_no_statement_has_no_constraint():
    assert sql.constraint_of(IntegrityError("of ours")) is None
