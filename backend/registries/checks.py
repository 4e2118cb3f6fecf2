"""Checks: what the apps promise about their tables, for a verification to look into.

Each slice declares its checks in a ``checks.py``, which is found by its name. A check reads only,
locks nothing, and names every row that breaks its promise: the table, the row, what the row says
and what it should say. Nothing that a row says of itself is believed where another row says it too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from backend.ids import first_id_at
from backend.registries import discover

if TYPE_CHECKING:
    from backend.communities.models import Community

# A row has its id and its times within this span of being committed. Nobody's transaction may last
# longer.
LONGEST_TRANSACTION = timedelta(hours=6)
SPAN = f"interval '{LONGEST_TRANSACTION.total_seconds():.0f} s'"  # in SQL


def made_at(column: str) -> str:
    """Return the SQL of the moment when the UUIDv7 in ``column`` was made, which it begins with."""
    milliseconds = f"('x' || translate(left({column}::text, 13), '-', ''))::bit(48)::bigint"
    return f"to_timestamp({milliseconds} / 1000::float8)"


def first_id_since(moment: datetime) -> UUID:
    """Return the least UUIDv7 id of a row that says it was made at ``moment`` or later."""
    return first_id_at(moment - LONGEST_TRANSACTION)


class Kind(TextChoices):
    """A part of what a verification looks into; each check is of one kind."""

    LEDGER = "ledger", _("Ledger")
    AWARDS = "awards", _("Awards")
    SETTLEMENTS = "settlements", _("Settlements")
    GUARDS = "guards", _("Guards of the database")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that breaks the promise of ``check``.

    ``table`` is the database's name of the table. ``row`` is the row's id, or the name of what is
    no row, such as a trigger. ``because`` says what is there and what should be.
    """

    check: str
    table: str
    row: str
    because: str

    def __str__(self) -> str:
        return f"{self.check}: {self.table} {self.row}: {self.because}"


# Of rows made since the beginning of time: the parameters of a scope without ``since``.
EVERYTHING: dict[str, Any] = {
    "since": "-infinity",
    "since_id": UUID(int=0),
    "seal": 0,
    "whole": True,
}


@dataclass(frozen=True)
class Scope:
    """The rows that a check is to read: those of a community, all or what is new.

    ``since`` is when the verification before this one began, and ``seal`` the number of the last
    seal that it read; None and 0: read everything. A check reads in full each row that was made or
    changed since then, and what belongs to it. It may read more. ``against`` are heads of seals
    as they were published, ``number`` and ``head`` of each, for the check that compares them.
    """

    community: "Community"
    since: datetime | None = None
    seal: int = 0
    against: Sequence[Mapping[str, Any]] = ()

    @property
    def since_id(self) -> UUID:
        """The least UUIDv7 id of a row that was made since then."""
        return UUID(int=0) if self.since is None else first_id_since(self.since)

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of a check's query.

        They are ``community``, ``since``, ``since_id``, ``seal`` and ``whole``, which is true
        without ``since``. ``since`` leaves room for the longest transaction; rows with UUIDv7 ids
        from ``since_id`` on were made since then. Without ``since`` they are the least there are.
        """
        if self.since is None:
            return {"community": self.community.pk, **EVERYTHING}
        return {
            "community": self.community.pk,
            "since": self.since - LONGEST_TRANSACTION,
            "since_id": self.since_id,
            "seal": self.seal,
            "whole": False,
        }


@dataclass(frozen=True, kw_only=True)
class Check:
    """A promise about ``tables``, and the function that yields what breaks it.

    ``advice`` tells an auditor what a finding means, and what to do about it.
    """

    name: str  # stable, a slug
    kind: Kind
    promise: Any  # in words, lazily translated
    advice: Any
    tables: tuple[str, ...]  # the database's names: their rows are counted as read
    findings: Callable[[Scope], Iterator[Finding]]
    is_against_heads: bool = False  # made only where there are published heads to compare with
    is_everybodys: bool = False  # it says the same of every community


def queried(check: str, *queries: str) -> Callable[[Scope], Iterator[Finding]]:
    """Return the function of a check made of ``queries``.

    Each is one statement, which sees one moment, takes ``Scope.values``, and answers the table, the
    row and what is wrong with it. Rows are yielded as they arrive.
    """

    def findings(scope: Scope) -> Iterator[Finding]:
        for query in queries:
            for table, row, because in rows_of(query, scope.values):
                yield Finding(check, table, str(row), because)

    return findings


def rows_of(statement: str, values: Mapping[str, Any] | Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield the query's rows as they arrive: findings may be as many as the ledger is long."""
    with connection.cursor() as cursor, connection.wrap_database_errors:
        yield from cursor.stream(statement, values)


_checks: dict[str, Check] = {}


def register(*checks: Check) -> None:
    """Register checks, by their names. Idempotent."""
    _checks.update({check.name: check for check in checks})


@cache
def _found() -> None:
    """Find all checks, the first time that one is asked for: most processes never do."""
    discover("checks")


def registered(kind: Kind | None = None) -> list[Check]:
    """Return the checks of a kind, or all, in the order of registration."""
    _found()
    return [check for check in _checks.values() if kind in (None, check.kind)]


def named(name: str) -> Check | None:
    """Return the check of that name, None if no slice declares one."""
    _found()
    return _checks.get(name)
