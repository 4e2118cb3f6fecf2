"""What looking at the ledger tells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is not as it must be: which check found it, its name, and what is wrong."""

    check: str
    row: str
    because: str

    def __str__(self) -> str:
        return f"{self.check}: {self.row}: {self.because}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A check is over: what it holds the ledger to, how many rows it read, and how long it took."""

    check: str
    promise: str
    rows: int
    seconds: float


def rows_of(statement: str, values: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """The answer's rows as they arrive: what is found may be as long as the ledger."""
    with connection.cursor() as cursor, connection.wrap_database_errors:
        yield from cursor.stream(statement, values)
