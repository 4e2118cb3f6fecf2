"""Each tenant's rows can be cut off from all others: every index leads with the community."""

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection

from backend.communities.models import Community, TenantModel

TENANT_MODELS = [model for model in apps.get_models() if issubclass(model, TenantModel)]

# From the catalogue, not from the models: Django makes indexes that no model names, and unique
# and exclusion constraints are indexes too.
INDEXES = """
    SELECT indexed.relname, first_column.attname
    FROM pg_index
    JOIN pg_class indexed ON indexed.oid = pg_index.indexrelid
    LEFT JOIN pg_attribute first_column
        ON first_column.attrelid = pg_index.indrelid AND first_column.attnum = pg_index.indkey[0]
    WHERE pg_index.indrelid = %s::regclass AND NOT pg_index.indisprimary
"""


def test_there_are_tenants_tables_in_every_app_that_has_a_business():
    assert {model._meta.app_label for model in TENANT_MODELS} == {
        "communities",
        "documents",
        "notices",
        "webhooks",
        "points",
        "volunteers",
        "merchants",
    }


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_every_index_and_constraint_of_a_tenants_table_leads_with_the_community(db, model):
    with connection.cursor() as cursor:
        cursor.execute(INDEXES, [model._meta.db_table])
        leading = dict(cursor.fetchall())

    assert leading, "the community's own rows could only be found by reading everybody's"
    assert set(leading.values()) == {"community_id"}, leading


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_a_tenants_table_has_the_indexes_its_model_names_and_no_other(db, model):
    named = {index.name for index in model._meta.indexes}
    with connection.cursor() as cursor:
        cursor.execute(INDEXES, [model._meta.db_table])
        in_database = {name for name, _ in cursor.fetchall()}

    assert named <= in_database
    assert in_database - named <= {constraint.name for constraint in model._meta.constraints}


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_a_tenants_row_always_says_whose_it_is(model):
    community = model._meta.get_field("community")

    assert (community.null, community.related_model) == (False, Community)


def test_whatever_belongs_to_a_community_is_a_tenants_table():
    strays = []
    for model in apps.get_models():
        try:
            model._meta.get_field("community")
        except FieldDoesNotExist:
            continue
        if model not in TENANT_MODELS:
            strays.append(model._meta.label)

    # What people do about themselves is of no community, and is audited in the same table.
    assert strays == ["audit.AuditEntry"]
