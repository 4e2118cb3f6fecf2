"""Checks that the database still refuses what it should: the ledger's triggers, the functions they
call, and the constraints stand as this version of the code declares them."""

from collections.abc import Iterator
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connection
from pgtrigger.compiler import Trigger

from backend.sql import functions_in
from points.seals.services.verifying.findings import Finding

CHECK = "guards"
PROMISE = "triggers, functions and constraints stand as declared, and nothing turns them off"

_APP = "points"
_TRIGGERS = """
    SELECT class.relname, trigger.tgname, trigger.tgenabled::text,
        obj_description(trigger.oid, 'pg_trigger'), function.prosrc
    FROM pg_trigger AS trigger
    JOIN pg_class AS class ON class.oid = trigger.tgrelid
    JOIN pg_proc AS function ON function.oid = trigger.tgfoid
    WHERE class.oid = ANY(%s::regclass[])
"""
_FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE proname = ANY(%s)"
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname::text FROM pg_constraint
    WHERE conrelid = ANY(%(tables)s::regclass[]) AND convalidated
    UNION
    SELECT indrelid::regclass::text, class.relname::text
    FROM pg_index AS index JOIN pg_class AS class ON class.oid = indexrelid
    WHERE indrelid = ANY(%(tables)s::regclass[]) AND indisunique AND indisvalid
"""
_TURNED_OFF = """
    SELECT coalesce('role ' || setrole::regrole, 'database'), setting
    FROM (
        SELECT nullif(setrole, 0) AS setrole, unnest(setconfig) AS setting
        FROM pg_db_role_setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ) AS settings
    WHERE setting ~ '^(session_replication_role|pgtrigger[.]ignore)='
"""


class Guards:
    """The declared guards, compared with those in the database; ``count`` is how many there are."""

    def __init__(self) -> None:
        self._models: list[Any] = list(apps.get_app_config(_APP).get_models())
        self._triggers = [one for one in pgtrigger.registered() if one[0] in self._models]
        self._functions = declared_functions()
        self._constraints = {
            (model._meta.db_table, name)
            for model in self._models
            for name in (
                f"{model._meta.db_table}_pkey",
                *(constraint.name for constraint in model._meta.constraints),
            )
        }
        self.count = len(self._triggers) + len(self._functions) + len(self._constraints)

    def findings(self) -> Iterator[Finding]:
        tables = [model._meta.db_table for model in self._models]
        with connection.cursor() as cursor:
            cursor.execute(_TRIGGERS, [tables])
            triggers = {(table, name): rest for table, name, *rest in cursor.fetchall()}
            cursor.execute(_CONSTRAINTS, {"tables": tables})
            constraints = set(cursor.fetchall())
            cursor.execute(_FUNCTIONS, [list(self._functions)])
            functions = cursor.fetchall()
            cursor.execute(_TURNED_OFF)
            turned_off = cursor.fetchall()

        for model, trigger in self._triggers:
            table = model._meta.db_table
            found = triggers.get((table, trigger.get_pgid(model)))
            if because := _wrong_with(found, trigger.compile(model)):
                yield Finding(CHECK, f"trigger {trigger.name} of {table}", because)
        for table, name in sorted(self._constraints - constraints):
            yield Finding(CHECK, f"constraint {name} of {table}", "it is not in force")
        for name in sorted(set(self._functions) - {name for name, _ in functions}):
            yield Finding(CHECK, f"function {name}", "it is not installed")
        for name, body in functions:
            if body != self._functions[name]:
                yield Finding(CHECK, f"function {name}", "it is not as declared")
        for whose, setting in turned_off:
            yield Finding(CHECK, f"setting of the {whose}", f"{setting} turns triggers off")


def declared_functions() -> dict[str, str]:
    """Return the bodies of the ledger's functions, and of those that make ids, by name."""
    return {
        name: text.split("$$")[1]
        for app in (_APP, "communities")
        for name, text in functions_in(apps.get_app_config(app).path).items()
    }


def _wrong_with(found: list[str] | None, declared: Trigger) -> str | None:
    if found is None:
        return "it is not installed"
    enabled, declaration, body = found
    if enabled not in "OA":  # on origin, always
        return "it is disabled"
    # The declaration is a comment, beside which the function may have been replaced.
    if declaration != declared.hash or f"AS $${body}$$" not in declared.install_sql:
        return "it is not as declared"
    return None
