"""Results of verifying the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is wrong: the check that found it, the row's name, and what is wrong."""

    check: str
    row: str
    because: str

    def __str__(self) -> str:
        return f"{self.check}: {self.row}: {self.because}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A finished check: its promise, how many rows it read, and how long it took."""

    check: str
    promise: str
    rows: int
    seconds: float


def rows_of(statement: str, values: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield the query's rows as they arrive: findings may be as many as the ledger is long."""
    with connection.cursor() as cursor, connection.wrap_database_errors:
        yield from cursor.stream(statement, values)
