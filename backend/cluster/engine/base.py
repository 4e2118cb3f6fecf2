"""What a cluster needs of Django: see backend/cluster/tables.py for the tables themselves."""

from collections.abc import Iterator
from typing import Any

from django.db.backends.postgresql import base, features, schema
from django.db.models import Model

from backend.cluster import tables
from backend.cluster.placement import Placement, placement_of


class DatabaseFeatures(features.DatabaseFeatures):
    """Features of a cluster."""

    def allows_group_by_selected_pks_on_model(self, model: type[Model]) -> bool:
        """Tell whether GROUP BY may leave out all but ``id``, which alone is no tenant's key."""
        return placement_of(model) is not Placement.DISTRIBUTED


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Schema editor that gives a new table of a distributed database its place at once."""

    is_distributed = False

    def __enter__(self) -> "DatabaseSchemaEditor":
        entered = super().__enter__()
        with self.connection.cursor() as cursor:
            self.is_distributed = bool(tables.places(cursor))
        if self.is_distributed:
            # A key within ADD COLUMN could name the column alone.
            self.sql_create_column_inline_fk = None  # type: ignore[assignment]
        return entered

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if self.is_distributed and not self.collect_sql and exc_type is None:
            with self.connection.cursor() as cursor:
                tables.place_functions(cursor)
        super().__exit__(exc_type, exc_value, traceback)

    def execute(self, sql: Any, params: Any = ()) -> None:
        """Execute SQL; a script, such as that of a trigger, statement by statement."""
        if self.is_distributed and params is None:
            for statement in _statements(str(sql)):
                super().execute(statement, None)
        else:
            super().execute(sql, params)

    def create_model(self, model: type[Model]) -> None:
        super().create_model(model)
        if not self.is_distributed:
            return
        placement, table = placement_of(model), model._meta.db_table
        if placement is Placement.DISTRIBUTED:
            self.execute(tables.primary_key_of(table))
        if not self.collect_sql:
            with self.connection.cursor() as cursor:
                tables.place(cursor, table, placement)

    def _create_fk_sql(self, model: type[Model], field: Any, suffix: str) -> Any:
        made = super()._create_fk_sql(model, field, suffix)  # type: ignore[misc]
        if not self.is_distributed or placement_of(model) is not Placement.DISTRIBUTED:
            return made
        if (model._meta.db_table, field.column) not in tables.DEFERRED:
            made.parts["deferrable"] = ""
        target = field.target_field.model
        if placement_of(target) is Placement.DISTRIBUTED:
            made.parts["column"].columns.insert(0, "community_id")
            made.parts["to_column"].columns.insert(0, "community_id")
        return made


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script in which only ``$$`` quotes a semicolon."""
    parts = script.split("$$")
    parts[::2] = [part.replace(";", "\0") for part in parts[::2]]
    yield from (statement for statement in "$$".join(parts).split("\0") if statement.strip())


class DatabaseWrapper(base.DatabaseWrapper):
    """Connection to a cluster's coordinator."""

    display_name = "Citus"
    features_class = DatabaseFeatures
    SchemaEditorClass = DatabaseSchemaEditor
