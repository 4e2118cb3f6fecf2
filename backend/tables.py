"""Fields, triggers and conditions that tables of several models share."""

from typing import Any, TypeVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor
from django.db.models.fields.related_lookups import RelatedExact, RelatedIn
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, In
from pgtrigger import compiler

from backend.sql import sql

Set = TypeVar("Set")
Got = TypeVar("Got")

UPDATE_OF: Any = pgtrigger.UpdateOf  # untyped

# django-pgtrigger lets a session name triggers to be ignored (SET pgtrigger.ignore). What guards
# a table guards it against everybody, so the function it asks answers no; and being plain SQL it
# costs a posting nothing. Each migration of a trigger makes the function anew, hence each time.
NEVER_IGNORED = """
    CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name)
    RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false'
"""


class PersonKey(models.ForeignKey[Set, Got]):
    """A key to a person who did something, kept for good, without an index: nobody lists by it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("to", settings.AUTH_USER_MODEL)
        kwargs.setdefault("on_delete", models.PROTECT)
        kwargs.setdefault("related_name", "+")
        kwargs.setdefault("db_index", False)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs

    def clone(self) -> "PersonKey[Set, Got]":
        return type(self)(**{"db_index": True} | self.deconstruct()[-1])


class _ForwardInCommunity(ForwardManyToOneDescriptor):  # type: ignore[type-arg]
    """``row.offer``: one row of the row's own community."""

    def get_prefetch_querysets(self, instances: Any, querysets: Any = None) -> Any:
        rows = querysets[0] if querysets else self.get_queryset(instance=instances[0])
        whose = {instance.community_id for instance in instances}
        return super().get_prefetch_querysets(instances, [rows.filter(community__in=whose)])


class TenantForeignKey(models.ForeignKey[Set, Got]):
    """A key from one tenant's row to another of the same community, which every use names.

    A join compares the communities of both sides; so do ``row.offer``, ``prefetch_related`` and a
    condition that is given rows instead of ids, ``filter(offer=offer)``, as a related manager is.
    """

    forward_related_accessor_class = _ForwardInCommunity

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs

    def clone(self) -> "TenantForeignKey[Set, Got]":
        _, _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def get_extra_restriction(self, alias: Any, related_alias: Any) -> Any:
        theirs = _community_of(self.remote_field.model, alias)
        return Exact(theirs, _community_of(self.model, related_alias))

    def get_extra_descriptor_filter(self, instance: Any) -> Any:
        return {"community": instance.community_id}


def _community_of(model: Any, alias: Any) -> Any:
    return model._meta.get_field("community").get_col(alias)


class _InCommunity:
    """A comparison of a TenantForeignKey that compares communities where it is given rows."""

    lhs: Any
    rhs: Any
    communities: frozenset[Any] = frozenset()

    def get_prep_lookup(self) -> Any:
        given = self.rhs if isinstance(self.rhs, list | tuple | set | frozenset) else [self.rhs]
        whose = {getattr(row, "community_id", None) for row in given}
        if None not in whose:
            self.communities = frozenset(whose)
        return super().get_prep_lookup()  # type: ignore[misc]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        sql, params = super().as_sql(compiler, connection)  # type: ignore[misc]
        if not self.communities:
            return sql, params
        column = _community_of(self.lhs.target.model, self.lhs.alias)
        named, whose = compiler.compile(In(column, list(self.communities)))
        return f"({sql} AND {named})", [*params, *whose]


@TenantForeignKey.register_lookup
class _ExactInCommunity(_InCommunity, RelatedExact):
    pass


@TenantForeignKey.register_lookup
class _AnyInCommunity(_InCommunity, RelatedIn):
    pass


def _where_set(made: compiler.Trigger, model: Any, fields: list[str]) -> compiler.Trigger:
    """Return the trigger asked only of an update that sets one of ``fields``.

    PostgreSQL prepares a trigger's condition anew for each statement. The four conditions of a
    redemption took two fifths of the time of the row's update.
    """
    columns = [model._meta.get_field(name).column for name in fields]
    kwargs = made.sql.kwargs | {"operation": UPDATE_OF(*columns)}
    return compiler.Trigger(name=made.name, sql=compiler.UpsertTriggerSql(**kwargs))


class ReadOnly(pgtrigger.ReadOnly):
    """A trigger that refuses a change of ``fields``, or of all fields but ``exclude``."""

    def compile(self, model: Any) -> compiler.Trigger:
        exclude = self.exclude or []
        fields = self.fields or [one.name for one in model._meta.fields if one.name not in exclude]
        return _where_set(super().compile(model), model, fields)


class FSM(pgtrigger.FSM):
    """A trigger that refuses a change of ``field`` that is not one of ``transitions``."""

    def compile(self, model: Any) -> compiler.Trigger:
        return _where_set(super().compile(model), model, [self.field])


def trigger(
    name: str, operation: Any, *, body: str = "", when: Any = pgtrigger.After, **how: Any
) -> pgtrigger.Trigger:
    """Return the trigger whose body is the SQL file ``name``, or ``body`` if given."""
    return pgtrigger.Trigger(
        name=name, operation=operation, when=when, func=sql(body or name), **how
    )


def refuses(name: str, message: str, operation: Any, **how: Any) -> pgtrigger.Trigger:
    """Return a trigger that refuses ``operation`` and names itself as a constraint does."""
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=operation,
        func=f"""
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
        DETAIL = '{name}', MESSAGE = '{message}';
""",
        **how,
    )


def not_emptied(table: str) -> pgtrigger.Trigger:
    """Return a trigger that refuses TRUNCATE, which triggers on rows do not see."""
    name, message = f"{table}_is_not_emptied", "what is on record stays"
    return refuses(name, message, pgtrigger.Truncate, level=pgtrigger.Statement)


def stays(table: str) -> list[pgtrigger.Trigger]:
    """Return triggers that refuse to delete rows of ``table``."""
    return [
        pgtrigger.Protect(name=f"{table}_stays", operation=pgtrigger.Delete),
        not_emptied(table),
    ]


def final(table: str) -> list[pgtrigger.Trigger]:
    """Return triggers that refuse to change or delete rows of ``table``."""
    is_final = pgtrigger.Protect(
        name=f"{table}_is_final", operation=pgtrigger.Update | pgtrigger.Delete
    )
    return [is_final, not_emptied(table)]


def set_once(name: str, column: str) -> pgtrigger.Trigger:
    """Return a trigger that refuses any change of a row once ``column`` is set."""
    is_set = pgtrigger.Q(**{f"old__{column}__isnull": False})
    return pgtrigger.Protect(name=name, operation=pgtrigger.Update, condition=is_set)


def never(name: str, change: str) -> pgtrigger.Trigger:
    """Return a trigger that refuses an update if ``change``, over OLD and NEW, is true."""
    condition = pgtrigger.Condition(change)
    return pgtrigger.Protect(name=name, operation=pgtrigger.Update, condition=condition)


def changed(column: str) -> Any:
    """Return the trigger condition that an update changes ``column``."""
    return pgtrigger.Q(**{f"old__{column}__df": pgtrigger.F(f"new__{column}")})


def together(*columns: str) -> Q:
    """Return the condition that all of ``columns`` are set, or none."""
    all_, none = ({f"{column}__isnull": is_null for column in columns} for is_null in (False, True))
    return Q(**none) | Q(**all_)


def none_of(rows: models.QuerySet[Any]) -> Any:
    """Return the condition that there are none of ``rows``, asked for each row by itself.

    PostgreSQL makes a join of a plain ``~Exists``. In a statement of one community, a cluster then
    no longer finds that what its other subqueries ask about is the same community's.
    """
    return Exact(Coalesce(models.Exists(rows), False), False)
