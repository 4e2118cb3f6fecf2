"""Runs an import: the rows of a table, in batches, in one transaction, all or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from backend.imports.reader import Row, RowError, Table

MAX_ERRORS_KEPT = 100  # a file that is wrong in every row must not fill the memory


@dataclass(frozen=True)
class Made:
    """Something that a row wrote: its kind by name, its id, and a word for what it was before."""

    line: int
    thing: str
    id: UUID
    before: str = ""  # nothing was there


class BatchOutcome(NamedTuple):
    """Rows created, rows found unchanged, and errors; a row with an error has written nothing."""

    created: int
    unchanged: int
    errors: list[RowError]
    made: Sequence[Made] = ()


@dataclass
class ImportResult:
    """The result of an import: each row is created, unchanged or skipped.

    A skipped row had at least one error, or was left alone. ``errors`` holds the first
    few of ``errors_total``, by line; ``is_spoiled`` says that one was more than a row
    left alone. ``kept`` is False if everything was rolled back; the counts then say what would have
    been.
    """

    created: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors_total: int = 0
    errors: list[RowError] = field(default_factory=list)
    is_spoiled: bool = False
    kept: bool = False


def run_import(
    table: Table,
    handle_batch: Callable[[list[Row]], BatchOutcome],
    *,
    batch_rows: int = 500,
    dry_run: bool,
    skip_bad: bool,
    progress: Callable[[int], object],
    most_errors: int = MAX_ERRORS_KEPT,
) -> ImportResult:
    """Pass every good row to ``handle_batch``, at most ``batch_rows`` at a time, in file order.

    All run in one transaction. It is rolled back if any row had an error, unless ``skip_bad``; and
    always if ``dry_run``. A row that is left alone is reported like one with an error, and stops
    nothing. Bad rows do not end the run early: all others are checked too, and the first
    ``most_errors`` errors are kept. ``progress`` is called with the bytes of the file read since
    the last call. Raises TableError, and whatever ``handle_batch`` raises; nothing is kept then.
    """
    result = ImportResult()
    batch: list[Row] = []
    bad_line = 0
    told_bytes = 0

    def note(errors: list[RowError]) -> None:
        result.errors_total += len(errors)
        result.is_spoiled |= not all(error.is_left for error in errors)
        result.errors.extend(errors[: most_errors - len(result.errors)])

    def hand_over() -> None:
        nonlocal batch
        outcome = handle_batch(batch)
        result.created += outcome.created
        result.unchanged += outcome.unchanged
        result.skipped += len({error.line for error in outcome.errors})
        note(outcome.errors)
        batch = []

    with transaction.atomic():
        for item in table:
            if isinstance(item, Row):
                batch.append(item)
                if len(batch) == batch_rows:
                    hand_over()
            else:
                note([item])
                # The errors of one row follow each other.
                result.skipped += item.line != bad_line
                bad_line = item.line
            if table.bytes_read != told_bytes:
                progress(table.bytes_read - told_bytes)
                told_bytes = table.bytes_read
        if batch:
            hand_over()
        result.kept = not dry_run and (skip_bad or not result.is_spoiled)
        if not result.kept:
            transaction.set_rollback(True)
    progress(table.bytes_read - told_bytes)
    result.errors.sort(key=lambda error: error.line)
    return result
