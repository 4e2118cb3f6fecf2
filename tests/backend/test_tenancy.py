"""Tenants' rows can be cut off from all others: every index leads with the community."""

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection

from backend.audit.models import AuditEntry
from backend.communities.models import Community, TenantModel
from backend.tables import TenantForeignKey

# The trail lies below communities in the house, so it can not inherit what they declare.
TENANT_MODELS = [
    model
    for model in apps.get_models()
    if issubclass(model, (TenantModel, AuditEntry)) and not model._meta.proxy
]

# Who belongs where is asked before any community is known, and every node is to have a copy of it.
ASKED_FIRST = {"membership_of_person", "suspension_of_person"}

# From the catalogue, not from the models: Django makes indexes that no model names, and unique
# and exclusion constraints are indexes too.
INDEXES = """
    SELECT pg_index.indrelid::regclass::text, indexed.relname, first_column.attname
    FROM pg_index
    JOIN pg_class indexed ON indexed.oid = pg_index.indexrelid
    LEFT JOIN pg_attribute first_column
        ON first_column.attrelid = pg_index.indrelid AND first_column.attnum = pg_index.indkey[0]
    WHERE pg_index.indrelid = ANY (%s::regclass[]) AND NOT pg_index.indisprimary
"""


def test_there_are_tenants_tables_in_every_app_that_has_a_business():
    assert {model._meta.app_label for model in TENANT_MODELS} == {
        "api",
        "audit",
        "communities",
        "documents",
        "imports",
        "notices",
        "webhooks",
        "payouts",
        "people",
        "sampling",
        "events",
        "verification",
        "points",
        "volunteers",
        "merchants",
    }


@pytest.fixture
def indexes(db):
    """By each tenant model, the name and the leading column of every index on its table."""
    with connection.cursor() as cursor:
        cursor.execute(INDEXES, [[model._meta.db_table for model in TENANT_MODELS]])
        found = cursor.fetchall()
    return {
        model: {name: column for table, name, column in found if table == model._meta.db_table}
        for model in TENANT_MODELS
    }


def test_every_index_and_constraint_of_a_tenants_table_leads_with_the_community(indexes):
    for model, leading in indexes.items():
        assert leading, f"{model}: its own rows could only be found by reading everybody's"
        others = {name for name, column in leading.items() if column != "community_id"}
        assert others == ASKED_FIRST & set(leading), leading


def test_a_tenants_table_has_the_indexes_its_model_names_and_no_other(indexes):
    for model, found in indexes.items():
        named = {index.name for index in model._meta.indexes}
        constraints = {constraint.name for constraint in model._meta.constraints}
        assert named <= set(found) <= named | constraints, model


def test_a_tenants_row_always_says_whose_it_is():
    for model in TENANT_MODELS:
        community = model._meta.get_field("community")
        assert (community.null, community.related_model) == (False, Community), model


def test_keys_between_tenants_compare_their_communities():
    plain = [
        f"{model._meta.label}.{field.name}"
        for model in TENANT_MODELS
        for field in model._meta.concrete_fields
        if field.related_model in TENANT_MODELS and not isinstance(field, TenantForeignKey)
    ]

    assert plain == ["points.Award.rule_version"]  # the street above may lend it


def test_whatever_belongs_to_a_community_is_a_tenants_table():
    strays = []
    for model in apps.get_models():
        if model._meta.proxy:
            continue
        try:
            model._meta.get_field("community")
        except FieldDoesNotExist:
            continue
        if model not in TENANT_MODELS:
            strays.append(model._meta.label)

    assert strays == []
