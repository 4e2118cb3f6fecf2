"""Migrations of a database that has been distributed."""

import pgtrigger
import pytest
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection, migrations, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django_migrate_sql.operations import CreateSQL
from pgtrigger.migrations import AddTrigger

from backend.cluster import services
from backend.ids import new_id
from points.kinds import AccountKind
from points.ledger import services as ledger

FUNCTION = """
    CREATE FUNCTION points_notes(p_community uuid, OUT notes bigint) LANGUAGE plpgsql AS $$
    BEGIN
        SELECT count(*) INTO notes FROM points_note n WHERE n.community_id = p_community;
    END $$
"""


@pytest.fixture(scope="module")
def state():
    return ProjectState.from_apps(apps)


@pytest.fixture
def migrate(db, state):
    """Apply operations one by one, each as a migration of its own. Returns the new model."""
    now = state.clone()

    def apply(*operations):
        for operation in operations:
            before = now.clone()
            operation.state_forwards("points", now)
            with connection.schema_editor() as editor:
                operation.database_forwards("points", editor, before, now)
        return now.apps.get_model("points", "Note")

    return apply


@pytest.fixture
def note(migrate):
    """A new table of tenants, with a column, a trigger and a function that came later."""
    add = migrations.CreateModel(
        name="Note",
        fields=[
            ("id", models.UUIDField(primary_key=True, default=new_id)),
            ("community", key("communities.community")),
            ("account", key("points.account")),
            ("text", models.TextField()),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=["community", "text"], name="note_once")]
        },
    )
    author = migrations.AddField("note", "author", key(settings.AUTH_USER_MODEL, null=True))
    about = migrations.AddField("note", "about", key("points.note", null=True))
    stays = pgtrigger.Protect(name="note_stays", operation=pgtrigger.Delete)
    made = migrate(add, author, about)
    migrate(AddTrigger("note", stays.compile(made)), CreateSQL("points_notes", FUNCTION))
    return made


def key(to, **how):
    return models.ForeignKey(to, models.PROTECT, related_name="+", db_index=False, **how)


def written(note, community, text="a note", **row):
    account = ledger.account(community=community, kind=AccountKind.ISSUANCE)
    row = {"account_id": account.pk} | row
    return note.objects.create(community_id=community.pk, text=text, **row)


def test_a_new_table_is_kept_beside_the_others(note, lake, hill, wang):
    written(note, lake, author_id=wang.pk)
    written(note, hill)

    assert placed("points_note") == placed("points_account")


@pytest.mark.parametrize("column", ["account_id", "about_id"])
def test_its_keys_stay_within_the_community(note, lake, hill, column):
    theirs = {"account_id": ledger.account(community=hill, kind=AccountKind.ISSUANCE).pk}
    theirs["about_id"] = written(note, hill).pk

    with pytest.raises(IntegrityError), transaction.atomic():
        written(note, lake, **{column: theirs[column]})


def test_its_unique_constraint_and_its_trigger_hold_on_shards(note, lake, hill):
    first = written(note, lake)
    written(note, hill)

    with pytest.raises(IntegrityError), transaction.atomic():
        written(note, lake)
    with pytest.raises(Exception, match="Cannot delete rows"), transaction.atomic():
        note.objects.filter(community_id=lake.pk, pk=first.pk).delete()


def test_a_new_function_runs_where_its_community_is(note, lake):
    written(note, lake)

    with connection.cursor() as cursor:
        cursor.execute("SELECT notes FROM points_notes(%s)", [lake.pk])
        assert cursor.fetchone() == (1,)
        cursor.execute(
            "SELECT force_delegation FROM pg_dist_object"
            " WHERE classid = 'pg_proc'::regclass AND objid = 'points_notes(uuid)'::regprocedure"
        )
        assert cursor.fetchone() == (True,)


def test_a_second_distribution_changes_nothing(db):
    assert services.distribute() == {}


def placed(table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT citus_table_type, colocation_id FROM citus_tables"
            " WHERE table_name = %s::regclass",
            [table],
        )
        return cursor.fetchone()


def test_rows_that_are_numbered_go_on_from_the_last_number(db):
    """Among them those that say which migrations are applied."""
    applied = MigrationRecorder.Migration.objects.latest("id")

    MigrationRecorder(connection).record_applied("points", "of_later")

    assert MigrationRecorder.Migration.objects.get(name="of_later").pk > applied.pk
