"""What a cluster asks of the tables, as far as one PostgreSQL can show it.

tests/distributed/ is the other half: `make test-cluster`.
"""

import re
import subprocess
import sys

import pgtrigger
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, models

from backend.cluster import services
from backend.cluster.engine import base
from backend.cluster.placement import REFERENCE, Placement, placement_of
from backend.cluster.services import declared
from backend.communities.models import TenantModel
from points.models import Account, Hold
from tests import cluster

TENANTS = [
    model
    for model in apps.get_models(include_auto_created=True)
    if placement_of(model) is Placement.DISTRIBUTED
]


def test_every_table_has_a_place(db):
    assert set(connection.introspection.table_names()) == set(declared())


def test_what_every_node_has_a_copy_of_is_there():
    assert {model._meta.label for model in apps.get_models()} >= REFERENCE


def test_every_tenants_row_is_kept_with_its_community_or_on_every_node():
    kept = {model for model in apps.get_models() if issubclass(model, TenantModel)}
    assert {placement_of(model) for model in kept} == {Placement.DISTRIBUTED, Placement.REFERENCE}


@pytest.mark.parametrize("model", TENANTS, ids=lambda model: model._meta.label)
def test_a_tenants_table_refers_to_tenants_and_to_what_every_node_has(model):
    targets = {
        field.related_model
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
    }
    assert Placement.LOCAL not in {placement_of(target) for target in targets}


def test_nothing_else_refers_to_a_tenants_table():
    refer = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        if placement_of(model) is not Placement.DISTRIBUTED
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and placement_of(field.related_model) is Placement.DISTRIBUTED
    ]
    assert refer == []


@pytest.mark.parametrize("label", sorted(REFERENCE))
def test_no_trigger_of_what_every_node_has_writes(label):
    """A trigger fires on every node's copy, so one that writes would write as often."""
    model = apps.get_model(label)
    triggers = [trigger for other, trigger in pgtrigger.registered() if other is model]
    assert not [one.name for one in triggers if re.search("INSERT|UPDATE|DELETE", one.func or "")]


# --- the engine -------------------------------------------------------------------------------
@pytest.fixture
def editor(db):
    """A schema editor of the engine that only writes down what it would execute."""
    engine = base.DatabaseWrapper(connection.settings_dict)
    with base.DatabaseSchemaEditor(engine, collect_sql=True, atomic=False) as editor:
        editor.is_distributed = True
        yield editor
        editor.is_distributed = False
    engine.close()


@pytest.mark.parametrize(
    ("field", "keys"),
    [
        ("debit", 'FOREIGN KEY ("community_id", "debit_id") REFERENCES'),
        ("community", 'FOREIGN KEY ("community_id") REFERENCES "communities_community" ("id")'),
    ],
)
def test_a_key_between_tenants_names_the_community_and_waits_for_nothing(editor, field, keys):
    made = str(editor._create_fk_sql(Hold, Hold._meta.get_field(field), "_fk"))

    assert keys in made
    assert "DEFERRABLE" not in made


def test_grouping_names_all_columns_of_a_tenants_table():
    features = base.DatabaseFeatures(connection)

    assert not features.allows_group_by_selected_pks_on_model(Account)
    assert features.allows_group_by_selected_pks_on_model(apps.get_model("accounts.User"))


def test_a_script_is_taken_apart_at_semicolons_that_nothing_quotes():
    script = "CREATE FUNCTION f() AS $$ a; b $$;\nSELECT 1;\n"

    assert list(base._statements(script)) == [
        "CREATE FUNCTION f() AS $$ a; b $$",
        "\nSELECT 1",
    ]


# --- what may stand against it ----------------------------------------------------------------
@pytest.mark.plain
def test_a_database_on_no_cluster_is_not_distributed(db):
    with pytest.raises(CommandError, match="no extension citus"):
        call_command("distribute")


@pytest.mark.plain  # a cluster refuses them itself
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "CREATE UNIQUE INDEX of_all ON points_hold (key)",
            "Unique beyond one community: of_all",
        ),
        (
            "ALTER TABLE accounts_consent ADD hold_id uuid"
            " CONSTRAINT of_a_tenant REFERENCES points_hold (id)",
            "of_a_tenant: accounts_consent is of no community and refers to points_hold",
        ),
        (
            "ALTER TABLE points_hold ADD consent_id uuid"
            " CONSTRAINT of_the_coordinator REFERENCES accounts_consent (id)",
            "of_the_coordinator: points_hold refers to accounts_consent",
        ),
    ],
)
def test_what_would_not_be_the_same_afterwards_is_named(db, statement, told):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        tenants = [model._meta.db_table for model in TENANTS]
        with pytest.raises(services.NotReady, match=told):
            services._require_right(cursor, declared(), {}, tenants)


def test_a_table_that_stands_elsewhere_is_named(db):
    with connection.cursor() as cursor:
        placed = {"points_hold": Placement.REFERENCE}
        with pytest.raises(services.NotReady, match="points_hold is reference"):
            services._require_right(cursor, declared(), placed, [])


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (None, "does not begin with citus://"),
        ("postgresql://somebody@somewhere/linli", "does not begin with citus://"),
        ("citus://nobody@127.0.0.1:1/linli", "refused"),
    ],
)
def test_without_a_cluster_the_suite_says_what_is_missing(url, told):
    """As make asks, on a machine where nothing else is set."""
    asked = [sys.executable, "-m", "tests.cluster"]
    env = {"DATABASE_URL": url} if url else {}

    done = subprocess.run(asked, cwd=cluster.ROOT, env=env, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("No cluster: ")
    assert told in done.stderr


@pytest.mark.plain
def test_a_database_without_the_extension_is_no_cluster(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", cluster.server().replace("postgresql:", "citus:", 1))

    assert "no extension citus" in cluster.missing()
