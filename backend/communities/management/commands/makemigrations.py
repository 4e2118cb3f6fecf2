"""``manage.py makemigrations``, which also sees when a function's file has changed."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.management.commands import makemigrations
from django.db.migrations.autodetector import OperationDependency
from django.db.migrations.operations.base import Operation
from django_migrate_sql.autodetector import MigrationAutodetector as SQLAutodetector
from django_migrate_sql.config import SQLItem
from django_migrate_sql.graph import SQLStateGraph
from django_migrate_sql.operations import BaseAlterSQL
from pgtrigger.migrations import MigrationAutodetectorMixin as TriggersMixin

from backend.sql import functions_in


def _declared() -> SQLStateGraph:
    graph = SQLStateGraph()
    for app in apps.get_app_configs():
        for name, text in functions_in(app.path).items():
            graph.add_node((app.label, name), SQLItem(name, text, f"DROP FUNCTION {name}"))
    return graph


class Autodetector(TriggersMixin, SQLAutodetector):  # type: ignore[misc]
    """Compares models, their triggers and the functions in files with what migrations make."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, to_sql_graph=_declared())

    def add_operation(
        self,
        app_label: str,
        operation: Operation,
        dependencies: Iterable[OperationDependency] | None = None,
        beginning: bool = False,
    ) -> None:
        """Make functions after the app's new tables, whose rows they may declare."""
        if isinstance(operation, BaseAlterSQL):
            dependencies = [
                *(dependencies or []),
                *(
                    OperationDependency(app, model, None, OperationDependency.Type.CREATE)
                    for app, model in self.new_model_keys
                    if app == app_label
                ),
            ]
        super().add_operation(app_label, operation, dependencies, beginning)


class Command(makemigrations.Command):
    autodetector = Autodetector
