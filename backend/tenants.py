"""Rows that belong to one community, whatever app they are in."""

from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connection, models

from backend.ids import new_id

# Condition on tenants' rows: their community has not moved away. Sweeps leave all others alone.
HERE = models.Q(community__moved_at__isnull=True)


class TenantModel(models.Model):
    """A row that belongs to one community.

    Every index and unique constraint but the primary key leads with the community: isolation
    today, the shard key tomorrow. tests/backend/test_tenancy.py holds every subclass to it, and
    names the one exception.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    community = models.ForeignKey(  # each table's own indexes lead with it
        "communities.Community", models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        abstract = True

    def _do_update(self, base_qs: Any, *how: Any) -> Any:
        return super()._do_update(base_qs.filter(community=self.community_id), *how)

    def refresh_from_db(
        self, using: Any = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        rows = type(self)._base_manager.using(using) if from_queryset is None else from_queryset
        if "community_id" in vars(self):  # else it is what is read now
            rows = rows.filter(community=self.community_id)
        super().refresh_from_db(using, fields, rows)

    def save_with(self, **values: Any) -> None:
        """Set these fields and save them, and no others. Raises DoesNotExist if the row is gone.

        Written out for plain values, because Django takes longer to put it together than PostgreSQL
        to execute it.
        """
        for name, value in values.items():
            setattr(self, name, value)
        if not values or any(hasattr(value, "as_sql") for value in values.values()):
            self.save(update_fields=list(values))
            return
        fields: list[Any] = [self._meta.get_field(name) for name in values]
        changes = ", ".join(f'"{field.column}" = %s' for field in fields)
        told = [
            field.get_db_prep_save(field.pre_save(self, add=False), connection) for field in fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                f'UPDATE "{self._meta.db_table}" SET {changes}'  # noqa: S608  # of the model's names
                " WHERE community_id = %s AND id = %s",
                [*told, self.community_id, self.pk],
            )
            if not cursor.rowcount:
                raise self.DoesNotExist

    def locked(self, *related: str) -> Self:
        """Return the row anew, ``related`` rows with it, locked until the transaction ends.

        Written out without ``related``, as ``save_with`` is. Raises DoesNotExist.
        """
        if related:
            rows = type(self)._default_manager.select_for_update(no_key=True, of=("self",))
            return rows.select_related(*related).get(community=self.community_id, pk=self.pk)
        fields: list[Any] = list(self._meta.concrete_fields)
        columns = ", ".join(f'"{field.column}"' for field in fields)
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT {columns} FROM "{self._meta.db_table}"'  # noqa: S608  # of the model's names
                " WHERE community_id = %s AND id = %s FOR NO KEY UPDATE",
                [self.community_id, self.pk],
            )
            row = cursor.fetchone()
        if row is None:
            raise self.DoesNotExist
        values = (
            field.from_db_value(value, None, connection)
            if hasattr(field, "from_db_value")
            else value
            for field, value in zip(fields, row, strict=True)
        )
        names = [field.attname for field in fields]
        return self.from_db(DEFAULT_DB_ALIAS, names, list(values))
