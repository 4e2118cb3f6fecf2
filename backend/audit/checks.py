"""The check that whatever the trail tells of is still there."""

# ruff: noqa: S608  # SQL made of the names of models

import re
from collections.abc import Iterator

import pgtrigger
from django.apps import apps
from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.registries import ours
from backend.registries.checks import Check, Finding, Kind, Scope, queried, register

NAME = "on_record"


def kept() -> dict[str, str]:
    """Return the tables from which nothing that is decided is deleted, by the trail's nouns."""
    labels = {app.label for app in ours()}
    return {
        re.sub("(?<!^)(?=[A-Z])", "_", model.__name__).lower(): model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in labels and _is_kept(model)
    }


def _is_kept(model: type[models.Model]) -> bool:
    return any(field.name == "community" for field in model._meta.fields) and any(
        isinstance(trigger, pgtrigger.Protect) and "DELETE" in str(trigger.operation)
        for trigger in getattr(model._meta, "triggers", ())
    )


def _gone(noun: str, table: str) -> str:
    return f"""
        SELECT DISTINCT ON (x.target_id) '{table}', x.target_id,
            format('it is gone; the trail tells of it (%%s)', x.action)
        FROM audit_auditentry x
        WHERE x.community_id = %(community)s AND x.target_type = '{noun}' AND x.id >= %(since_id)s
            AND NOT EXISTS (
                SELECT FROM {table} t WHERE t.community_id = %(community)s
                    AND t.id = CASE WHEN pg_input_is_valid(x.target_id, 'uuid')
                        THEN x.target_id::uuid END
            )
        ORDER BY x.target_id, x.id
    """


def _findings(scope: Scope) -> Iterator[Finding]:
    return queried(NAME, *(_gone(noun, table) for noun, table in kept().items()))(scope)


register(
    Check(
        name=NAME,
        kind=Kind.LEDGER,
        promise=_("Whatever the audit trail tells of and nobody may delete is still there."),
        advice=_(
            "Somebody deleted a row in the database. The trail tells what it was and who knows it;"
            " a backup from before has the rest."
        ),
        tables=("audit_auditentry",),
        findings=_findings,
    )
)
