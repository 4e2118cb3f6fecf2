"""Functions and trigger bodies in the database are those of the ``.sql`` files."""

import pgtrigger
import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils import translation

from backend import sql
from backend.communities.management.commands.makemigrations import Autodetector

FUNCTIONS = {
    name: text
    for app in apps.get_app_configs()
    for name, text in sql.functions_in(app.path).items()
}
BODIES = set(sql._files()) - set(FUNCTIONS)


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
