"""Guards of the database: each that is gone, off or changed is found, and named.

Each tampering is done to all of its kind at once, in a transaction that is rolled back.
"""

import re

import pgtrigger
import pytest
from django.apps import apps
from django.db import connection

from backend import sql
from backend.registries import ours
from backend.registries.checks import Kind, registered
from backend.verification import checks as guards

pytestmark = pytest.mark.plain  # tests/distributed/test_guards.py tampers with a cluster

IN_FORCE = "it is not in force"
# The constraints of our tables, but of what hangs together with the rest.
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = ANY(%s::regclass[]) AND contype = ANY(%s)
"""


def find():
    return {(one.table, one.row): one.because for one in guards.findings()}


def ask(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def do(*statements):
    """Tamper. What is written into a catalogue by hand invalidates nobody's cache of a table, and
    one read in between outlives the rollback: so all are told to read their tables again.
    """
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(
            "UPDATE pg_class SET relname = relname WHERE relnamespace = 'public'::regnamespace"
        )


def our_triggers():
    """Each trigger that a model declares: its table, its name in the database, and in the code."""
    return [
        (model._meta.db_table, trigger.get_pgid(model), trigger.name)
        for model, trigger in pgtrigger.registered()
    ]


def our_constraints(*types):
    return ask(CONSTRAINTS, guards._tables(), list(types))


@pytest.mark.django_db
def test_nothing_is_found_of_what_the_migrations_made():
    assert find() == {}


def test_the_guards_of_every_app_are_declared(db):
    tables = {table for _, table, _ in guards._declared() if table}
    ours_of = {
        model._meta.db_table
        for app in ours()
        for model in app.get_models()
        if model._meta.managed and not model._meta.proxy
    }
    assert tables >= ours_of >= {"points_transfer", "merchants_statement", "audit_auditentry"}
    names = {(table, name) for _, table, name in guards._declared()}
    for model in apps.get_models():
        if model._meta.app_label in {app.label for app in ours()} and not model._meta.proxy:
            for constraint in model._meta.constraints:
                assert (model._meta.db_table, constraint.name) in names
    for table, in_database, _ in our_triggers():
        assert (table, in_database) in names
    assert {one.name for one in registered(Kind.GUARDS)} == {"guards", "findings"}


# --- triggers ---------------------------------------------------------------------------------
def dropped(table, name):
    return f"DROP TRIGGER {name} ON {table}"


def disabled(table, name):
    return f"ALTER TABLE {table} DISABLE TRIGGER {name}"


def of_replicas_only(table, name):
    return f"ALTER TABLE {table} ENABLE REPLICA TRIGGER {name}"


def emptied(table, name):
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$"
    )


def shadowed(table, name):
    """The function of the trigger stays what it was, and the trigger calls another."""
    return (
        f"CREATE FUNCTION f_{name}() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$;"
        f"UPDATE pg_trigger SET tgfoid = 'f_{name}'::regproc"
        f" WHERE tgname = '{name}' AND tgrelid = '{table}'::regclass"
    )


def under_a_condition(table, name):
    """As it was declared, comment and function, but for a condition that is never true."""
    definition = ask(
        "SELECT pg_get_triggerdef(oid), obj_description(oid, 'pg_trigger'), tgconstraint <> 0"
        " FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass",
        name,
        table,
    )
    ((made, comment, _),) = definition
    before, _, condition = made.partition(" EXECUTE FUNCTION")
    before = before.partition(" WHEN (")[0]
    return (
        f"DROP TRIGGER {name} ON {table};"
        f"{before} WHEN (now() IS NULL) EXECUTE FUNCTION{condition};"
        f"COMMENT ON TRIGGER {name} ON {table} IS '{comment}'"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tamper", "because"),
    [
        (dropped, "it is not installed"),
        (disabled, "it is disabled"),
        (of_replicas_only, "it is disabled"),
        (emptied, "it is not as declared"),
        (shadowed, "it is not as declared"),
        (under_a_condition, "it is not as declared"),
    ],
)
def test_each_trigger_that_was_tampered_with_is_named(tamper, because):
    triggers = our_triggers()
    assert len(triggers) > 150

    do(*(tamper(table, in_database) for table, in_database, _ in triggers))

    assert find() == {(table, f"trigger {name}"): because for table, _, name in triggers}


def test_a_trigger_that_nobody_declared_is_named(db):
    do(
        "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN NEW.amount := 2 * NEW.amount; RETURN NEW; END $$",
        "CREATE TRIGGER doubles BEFORE INSERT ON points_transfer"
        " FOR EACH ROW EXECUTE FUNCTION more()",
    )

    assert find() == {("points_transfer", "trigger doubles"): "nobody declared it"}


# --- constraints and indexes ------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("contype", ["c", "f", "u", "x"])
def test_each_constraint_that_was_dropped_is_named(contype):
    constraints = our_constraints(contype)
    assert constraints

    do(*(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"' for table, name, _ in constraints))

    assert find() == {(table, f"constraint {name}"): IN_FORCE for table, name, _ in constraints}


@pytest.mark.django_db
def test_each_primary_key_that_was_dropped_is_named_and_what_pointed_at_it():
    gone = our_constraints("p", "f")

    do(
        *(
            f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}" CASCADE'
            for table, name, _ in our_constraints("p")
        )
    )

    found = find()
    named = {(table, f"constraint {name}") for table, name, _ in our_constraints("p", "f")}
    assert set(found) == {(table, f"constraint {name}") for table, name, _ in gone} - named
    assert set(found.values()) == {IN_FORCE}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("contype", "instead"),
    [
        ("c", "CHECK (true)"),
        ("c", "{} NOT VALID"),
        ("f", "{} NOT VALID"),
        ("u", "UNIQUE (id, community_id)"),
        ("x", "EXCLUDE (id WITH =)"),
    ],
)
def test_each_constraint_that_says_something_else_is_named(contype, instead):
    constraints = [
        one
        for one in our_constraints(contype)
        if contype != "u" or "UNIQUE (community_id, " in one[2] or "DISTINCT (comm" in one[2]
    ]
    do(
        *(
            f'ALTER TABLE {table} DROP CONSTRAINT "{name}",'
            f' ADD CONSTRAINT "{name}" {instead.format(definition)}'
            for table, name, definition in constraints
        )
    )

    found = find()

    assert set(found) == {(table, f"constraint {name}") for table, name, _ in constraints}
    for table, name, definition in constraints:
        because = found[table, f"constraint {name}"]
        assert because.startswith(f"{IN_FORCE} as declared: it is ")
        assert because.endswith(f", and should be {definition}")


@pytest.mark.django_db
def test_each_foreign_key_is_named_whose_triggers_are_disabled():
    triggered = {table for table, *_ in our_triggers()}
    do(*(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in guards._tables()))

    found = find()

    keys = our_constraints("f")
    assert {(table, f"constraint {name}") for table, name, _ in keys} <= set(found)
    assert {table for table, row in found if row.startswith("trigger ")} == triggered
    assert set(found.values()) == {"its triggers are disabled", "it is disabled"}


@pytest.mark.django_db
def test_each_foreign_key_is_named_whose_triggers_are_gone():
    keys = our_constraints("f")
    do(
        "DELETE FROM pg_trigger WHERE tgconstraint IN"
        " (SELECT oid FROM pg_constraint WHERE contype = 'f')"
    )

    assert find() == {
        (table, f"constraint {name}"): "its triggers are gone" for table, name, _ in keys
    }


@pytest.mark.django_db
def test_each_unique_index_that_was_dropped_is_named_and_each_that_is_not_valid():
    indexes = [(table, name) for what, table, name in guards._declared() if what == "index"]
    assert ("merchants_bankbatchline", "bank_line_once") in indexes
    do(
        *(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"
            for _, name in indexes
        )
    )
    assert find() == {(table, f"index {name}"): "it is not valid" for table, name in indexes}

    do(*(f"DROP INDEX {name}" for _, name in indexes))

    assert find() == {(table, f"index {name}"): IN_FORCE for table, name in indexes}


@pytest.mark.django_db
def test_an_index_behind_a_constraint_that_is_not_valid_is_found():
    do("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'transfer_once'::regclass")

    assert find() == {("points_transfer", "constraint transfer_once"): "its index is not valid"}


@pytest.mark.django_db
def test_what_nobody_declared_is_named():
    do(
        "ALTER TABLE points_transfer ADD CONSTRAINT less CHECK (amount < 1000)",
        "CREATE UNIQUE INDEX only_one ON points_hold (community_id)",
        "CREATE RULE swallowed AS ON INSERT TO points_award DO INSTEAD NOTHING",
        "CREATE POLICY hidden ON points_void USING (false)",
    )

    assert find() == {
        ("points_transfer", "constraint less"): "nobody declared it",
        ("points_hold", "index only_one"): "nobody declared it",
        ("points_award", "rule swallowed"): "nobody declared it",
        ("points_void", "policy hidden"): "nobody declared it",
    }


# --- tables and columns -----------------------------------------------------------------------
@pytest.mark.django_db
def test_each_column_that_may_be_null_by_now_is_named():
    columns = [
        (table, name)
        for (what, table, name), (guard, _) in guards._declared().items()
        if what == "column" and " not null" in guard.definition
    ]
    keys = our_constraints("p")
    assert len(columns) > 400
    do(
        "UPDATE pg_attribute SET attnotnull = false WHERE attrelid = ANY(ARRAY["
        + ", ".join(f"'{table}'::regclass" for table in guards._tables())
        + "]) AND attnum > 0"
    )

    found = find()

    assert set(found) == {(table, f"column {name}") for table, name in columns}
    assert keys
    assert found["points_transfer", "column amount"] == (
        "it is bigint null, and should be bigint not null"
    )


@pytest.mark.django_db
def test_another_default_and_another_type_are_found():
    do(
        "ALTER TABLE points_transfer ALTER posted_at SET DEFAULT '2020-01-01'",
        "ALTER TABLE points_award ALTER amount TYPE numeric",
        "ALTER TABLE points_reversal DROP COLUMN source",
        "ALTER TABLE points_reversal ADD COLUMN remark text",  # keeps nothing from anybody
    )

    found = find()

    assert set(found) == {
        ("points_transfer", "column posted_at"),
        ("points_award", "column amount"),
        ("points_reversal", "column source"),
    } | {key for key in found if key[1].startswith("constraint ")}
    assert (
        "should be timestamp with time zone not null default clock_timestamp()"
        in (found["points_transfer", "column posted_at"])
    )
    assert found["points_reversal", "column source"] == "it is not installed"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tamper", "what"),
    [
        ("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", "a table, with row security"),
        (
            "UPDATE pg_class SET relhastriggers = false WHERE oid = '{}'::regclass",
            "a table, as if it had no triggers",
        ),
        (
            "UPDATE pg_class SET relchecks = 0 WHERE oid = '{}'::regclass",
            "a table, as if it had other constraints",
        ),
        (
            "UPDATE pg_class SET relhasindex = false WHERE oid = '{}'::regclass",
            "a table, as if it had no indexes",
        ),
        ("CREATE TABLE more () INHERITS ({})", "a table, part of an inheritance"),
        ("ALTER TABLE {} SET UNLOGGED", "a table, unlogged"),
    ],
)
def test_a_table_that_does_not_guard_is_named(tamper, what):
    table = "points_earned"

    do(tamper.format(table))

    assert find() == {(table, "table"): f"it is {what}, and should be a table"}


@pytest.mark.django_db
def test_a_view_in_the_place_of_a_table_and_a_table_that_is_gone_are_found():
    do(
        "ALTER TABLE points_void RENAME TO gone",
        "CREATE VIEW points_void AS SELECT * FROM gone",
        "DROP TABLE points_earned",
    )

    found = find()

    assert found["points_void", "table"] == "it is no table, and should be a table"
    assert found["points_earned", "table"] == "it is not installed"


# --- functions --------------------------------------------------------------------------------
@pytest.mark.django_db
def test_each_function_that_was_replaced_or_dropped_is_named():
    names = sorted(guards._functions())
    assert {"points_post", "merchants_redeem", "_pgtrigger_should_ignore", "uuid7"} <= set(names)
    standing = ask(
        "SELECT pg_get_functiondef(oid), prosrc FROM pg_proc WHERE proname = ANY(%s)", names
    )
    do(
        *(
            definition.replace(
                body, re.sub(r"SELECT(?! DISTINCT)", "SELECT ALL", body, count=1) + " "
            )
            for definition, body in standing
        )
    )
    assert find() == {("", f"function {name}"): "it is not as declared" for name in names}

    do(*(f"DROP FUNCTION {name} CASCADE" for name in names))

    found = find()
    assert {row: found["", row] for _, row in found if row.startswith("function ")} == {
        f"function {name}": "it is not installed" for name in names
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    ["SECURITY DEFINER", "SET search_path = elsewhere", "IMMUTABLE", "RESET ALL STRICT"],
)
def test_a_function_with_another_property_is_named(change):
    do(f"ALTER FUNCTION points_post {change}")

    assert find() == {("", "function points_post"): "it is not as declared"}


@pytest.mark.django_db
def test_a_second_function_of_a_name_is_found():
    do("CREATE FUNCTION uuid7(why text) RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'")

    assert find() == {("", "function uuid7(why text)"): "nobody declared it"}


def test_every_function_of_ours_is_looked_at():
    assert set(guards._functions()) >= {
        name for name in sql._files() if f"CREATE FUNCTION {name}(" in sql.sql(name)
    }


# --- whose they are ---------------------------------------------------------------------------
@pytest.mark.django_db
def test_another_owner_is_named():
    do(
        "CREATE ROLE mallory",
        "ALTER TABLE points_transfer OWNER TO mallory",
        "ALTER FUNCTION points_post OWNER TO mallory",
    )
    ((us,),) = ask("SELECT CURRENT_USER")

    because = f"it is owned by mallory, and should be by {us}"
    assert find() == {
        ("points_transfer", "table"): because,
        ("", "function points_post"): because,
    }


@pytest.mark.django_db
def test_who_may_do_away_with_a_guard_is_named_and_who_may_work_is_not():
    do(
        "CREATE ROLE mallory",
        "CREATE ROLE web",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO web",
        "GRANT TRIGGER ON points_transfer TO mallory",
        "GRANT TRUNCATE ON points_hold TO PUBLIC",
        "GRANT SELECT ON points_award TO mallory WITH GRANT OPTION",
        "GRANT EXECUTE ON FUNCTION points_post TO mallory WITH GRANT OPTION",
    )

    assert find() == {
        ("points_transfer", "table"): "mallory may trigger it",
        ("points_hold", "table"): "everybody may truncate it",
        ("points_award", "table"): "mallory may select it, and grant it to others",
        ("", "function points_post"): "mallory may execute it, and grant it to others",
    }


# --- everywhere -------------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_event_trigger_is_named():
    do(
        "CREATE FUNCTION looks_on() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$",
        "CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION looks_on()",
    )

    assert find() == {("", "event trigger watches"): "nobody declared it"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "is_found"),
    [
        ("session_replication_role = replica", True),
        ("session_replication_role = local", True),
        ("session_replication_role = origin", False),
        ("pgtrigger.ignore = '{{stays}}'", True),
        ("statement_timeout = 1000", False),
    ],
)
def test_a_setting_that_turns_triggers_off_is_named(setting, is_found):
    ((us, here),) = ask("SELECT CURRENT_USER, current_database()")
    do(f"ALTER ROLE {us} SET {setting}", f'ALTER DATABASE "{here}" SET {setting}')

    rows = {("", f"setting of the role {us}"), ("", "setting of the database")}
    assert set(find()) == (rows if is_found else set())
