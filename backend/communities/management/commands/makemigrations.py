"""``manage.py makemigrations``, which also sees when a function's file has changed."""

from typing import Any

from django.apps import apps
from django.core.management.commands import makemigrations
from django.db.migrations.operations import AddConstraint, AddIndex, CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import FieldOperation
from django_migrate_sql.autodetector import MigrationAutodetector as SQLAutodetector
from django_migrate_sql.config import SQLItem
from django_migrate_sql.graph import SQLStateGraph
from django_migrate_sql.operations import BaseAlterSQL
from pgtrigger.migrations import AddTrigger
from pgtrigger.migrations import MigrationAutodetectorMixin as TriggersMixin

from backend.sql import functions_in

_STANDS_ON_A_TABLE = {AddIndex: "index", AddConstraint: "constraint", AddTrigger: "trigger"}
_LATE = (*_STANDS_ON_A_TABLE, BaseAlterSQL)


def _function(operation: Operation) -> str:
    return str(operation.name) if isinstance(operation, BaseAlterSQL) else ""


def _declared() -> SQLStateGraph:
    graph = SQLStateGraph()
    for app in apps.get_app_configs():
        for name, text in functions_in(app.path).items():
            graph.add_node((app.label, name), SQLItem(name, text, f"DROP FUNCTION {name}"))
    return graph


class Autodetector(TriggersMixin, SQLAutodetector):  # type: ignore[misc]
    """Autodetector that compares models, triggers and functions in files with the migrations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, to_sql_graph=_declared())

    def swappable_first_key(self, item: tuple[str, str]) -> tuple[str, str]:
        """Make tables in the order in which they are declared: a model names those before it."""
        return f"{list(self.to_state.models).index(item):04}", ""

    def _optimize_migrations(self) -> None:
        """Make a table with all that stands on it, and functions last: they may declare its rows.

        Each step of its own would have ``migrate`` build nearly all models anew.
        """
        steps = [step for made in self.migrations.values() for step in made]
        late = [[one for one in step.operations if isinstance(one, _LATE)] for step in steps]
        for step in steps:
            step.operations = [one for one in step.operations if not isinstance(one, _LATE)]
        super()._optimize_migrations()
        for step, operations in zip(steps, late, strict=True):
            tables = {}
            for one in step.operations:
                if isinstance(one, CreateModel) and not one.options.get("proxy"):  # has no table
                    tables[one.name_lower] = one
                elif isinstance(one, FieldOperation):  # what comes later may be about its column
                    tables.pop(one.model_name_lower, None)
            for operation in sorted(operations, key=_function):  # in one order each time
                attribute = _STANDS_ON_A_TABLE.get(type(operation))
                if attribute and operation.model_name_lower in tables:
                    options = tables[operation.model_name_lower].options
                    made = options.setdefault(operation.option_name, [])
                    made.append(getattr(operation, attribute))
                else:
                    step.operations.append(operation)


class Command(makemigrations.Command):
    autodetector = Autodetector
