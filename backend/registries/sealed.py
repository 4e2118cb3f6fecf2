"""Sealed rows: what is closed under the chained heads of a community, transfers among them.

A slice whose rows must be provable registers a kind for them beside their table, and puts
``marked`` among the table's triggers. The mark is a row of the transaction in which a row becomes
due, so what commits late is found. Sealing (points/seals) hashes what is marked; verifying compares
each sealed row with its hash, and looks for each row that is due in the lists.

A leaf holds ids and facts, never names or other personal data: it is for good, and an erasure must
leave its row as it was hashed. What a format says never changes: other facts are another kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pgtrigger
from django.db import connection, models


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of sealed rows: those of ``table`` that are ``due``, SQL over ``{row}``.

    ``facts`` are what a leaf says beside id and community: SQL over the row ``t`` and over what
    ``joins`` adds, where each table's community is the parameter ``community``. ``happened`` names
    the column of the moment, if rows become due in the transaction that makes their ids.
    """

    name: str  # its leaves are of the format linli-NAME-1
    table: str
    facts: Mapping[str, str]
    joins: str = ""
    due: str = "true"
    happened: str = ""

    @property
    def is_due(self) -> str:
        """The condition on ``t`` that it is a row of this kind."""
        return self.due.format(row="t")

    @property
    def leaves(self) -> str:
        """The query of id and leaf of the rows ``ids``, without those that are gone.

        jsonb has one spelling, so a leaf has.
        """
        facts = "".join(f", '{name}', {sql}" for name, sql in self.facts.items())
        return f"""
            SELECT t.id, jsonb_build_object(
                'format', 'linli-{self.name.replace("_", "-")}-1', 'id', t.id,
                'community', t.community_id{facts}
            )::text
            FROM unnest(%(ids)s::uuid[]) AS given (id)
            CROSS JOIN LATERAL (
                SELECT * FROM {self.table} t
                WHERE t.community_id = %(community)s AND t.id = given.id AND {self.is_due}
                OFFSET 0  -- each by its id, whatever the planner knows of them
            ) AS t
            {self.joins}
        """  # noqa: S608  # made of declarations


def facts_of(model: type[models.Model], names: str) -> dict[str, str]:
    """Return fields of ``model`` as facts: moments in UTC to the microsecond, days in ISO 8601."""
    facts = {}
    for name in names.split():
        field = model._meta.get_field(name)
        fact = f"t.{field.attname}" if isinstance(field, models.ForeignKey) else f"t.{name}"
        if isinstance(field, models.DateTimeField):
            fact = f"""to_char({fact} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        elif isinstance(field, models.DateField):
            fact = f"to_char({fact}, 'YYYY-MM-DD')"
        facts[name] = fact
    return facts


def marked(kind: str, due: str = "") -> pgtrigger.Trigger:
    """Return the trigger that marks each row of ``kind`` for the next seal when it becomes due."""
    mark = _MARK.format("NEW.community_id", f"'{kind}'", "NEW.id") + ";"
    if not due:
        return pgtrigger.Trigger(
            name=f"{kind}_is_sealed",
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            func=f"{mark} RETURN NULL;",
        )
    return pgtrigger.Trigger(
        name=f"{kind}_is_sealed",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Condition(due.format(row="NEW")),
        func=f"""
        IF TG_OP = 'INSERT' OR ({due.format(row="OLD")}) IS NOT TRUE THEN {mark} END IF;
        RETURN NULL;
    """,
    )


def mark(kind: str, row: Any) -> None:
    """Mark a new row of a table of which every node of a cluster has a copy.

    A trigger there would mark it on each node.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MARK.format("%s", "%s", "%s"), [row.community_id, kind, row.pk])


_MARK = "INSERT INTO points_unsealed (id, community_id, kind, row_id) VALUES (uuid7(), {}, {}, {})"

_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Register kinds, by their names. Idempotent."""
    _kinds.update({kind.name: kind for kind in kinds})


def registered() -> Mapping[str, Kind]:
    """Return the kinds by their names."""
    return _kinds
