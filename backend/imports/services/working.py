"""Work on imports: a check, a run, or taking one back, in one transaction.

The transaction ends by writing its outcome into the import's row as long as the lease is the
worker's own, so whoever lost it has written nothing. A thread with a connection of its own keeps
the lease alive meanwhile, and tells how far the file is read.
"""

import threading
from typing import Any

from django.db import Error, connection, transaction
from django.utils import timezone, translation

from backend.imports import errors, kinds, selectors
from backend.imports.errors import TableError
from backend.imports.models import Import, ImportedRow, ImportFault
from backend.imports.reader import Row, RowError, open_table
from backend.imports.run import BatchOutcome, ImportResult, run_import
from backend.imports.services import steps, taking_back
from backend.outbox import services as outbox

OWED = "import"  # the name of the kind in the outbox
BEAT_SECONDS = 2.0
MAX_ROWS = 50_000
MAX_FAULTS = 5_000  # kept of one file; the count tells of all
Status = Import.Status


class LeaseLost(Exception):
    """Raised in a transaction of an import that another worker has taken over."""


def work(one: Import) -> None:
    """Do what a claimed import owes: the act of the outbox. It records its end itself."""
    act = {
        Status.CHECKING: _check,
        Status.RUNNING: _run,
        Status.TAKING_BACK: _take_back,
    }[Status(one.status)]
    progress = _Progress(one)
    try:
        with translation.override(one.language):
            act(one, progress)
    except LeaseLost:
        return
    finally:
        progress.stop()


def gave_up(one: Import) -> None:
    """Record that an import broke off, in the transaction that gives it up."""
    was = Status(one.status)
    with translation.override(one.language):
        fault = {"code": "import_broke_off", "title": str(errors.BROKE_OFF), "line": None}
    Import.objects.filter(community=one.community_id, pk=one.pk).update(
        status=Status.DONE if was == Status.TAKING_BACK else Status.FAILED,
        fault=fault,
        finished_at=timezone.now(),
    )


class _Progress:
    """The progress of reading a file, and the thread that tells it and keeps the lease alive."""

    def __init__(self, one: Import) -> None:
        self.size = self.read = 0
        self._one, self._is_over = one, threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def __call__(self, more_bytes: int) -> None:
        self.read += more_bytes

    def stop(self) -> None:
        """End the thread: nobody prolongs the lease from here on."""
        self._is_over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            percent = min(99, 100 * self.read // self.size) if self.size else 0
            try:
                if not outbox.prolong(OWED, self._one, progress=percent):
                    return  # the act finds out when it ends
            except Error:
                continue  # the next beat may reach the database again
            finally:
                connection.close()


def _check(one: Import, progress: _Progress) -> None:
    with transaction.atomic():
        try:
            result = _import(one, progress, dry_run=True)
        except (TableError, errors.ImportFileGone) as error:
            _fail(one, progress, error)
        else:
            _record(one, progress, result, Status.CHECKED)


def _run(one: Import, progress: _Progress) -> None:
    with transaction.atomic():
        try:
            with transaction.atomic():
                result = _import(one, progress, dry_run=False)
        except (TableError, errors.ImportFileGone) as error:
            _fail(one, progress, error)
        else:
            _record(one, progress, result, Status.DONE if result.kept else Status.FAILED)


def _import(one: Import, progress: _Progress, *, dry_run: bool) -> ImportResult:
    by = one.uploaded_by if dry_run else one.run_by
    sheet = kinds.registered[one.kind].sheet(one.community, by)
    rows_count = 0

    def take(rows: list[Row]) -> BatchOutcome:
        nonlocal rows_count
        rows_count += len(rows)
        if rows_count > MAX_ROWS:
            raise TableError("too_many_rows", limit=MAX_ROWS)
        outcome = sheet.take(rows)
        ImportedRow.objects.bulk_create(
            ImportedRow(
                community=one.community,
                of=one,
                line=made.line,
                thing=made.thing,
                row_id=made.id,
                before=made.before,
            )
            for made in outcome.made
        )
        return outcome

    with steps.file_of(one) as path:
        table = open_table(path, steps.called(one))
        progress.size = table.size
        return run_import(
            table,
            take,
            dry_run=dry_run,
            skip_bad=one.skips_bad,
            progress=progress,
            most_errors=MAX_FAULTS,
        )


def _record(one: Import, progress: _Progress, result: ImportResult, status: Status) -> None:
    """Record the outcome with its errors, which name columns as the file does."""
    called = {column.header: column.called or column.header for column in steps.called(one)}
    selectors.faults_of(one).delete()
    ImportFault.objects.bulk_create(
        (_fault(one, number, error, called) for number, error in enumerate(result.errors, 1)),
        batch_size=1_000,
    )
    _end(
        one,
        progress,
        status=status,
        rows_count=result.created + result.unchanged + result.skipped,
        created_count=result.created,
        unchanged_count=result.unchanged,
        skipped_count=result.skipped,
        errors_count=result.errors_total,
        has_errors=result.is_spoiled,
        progress=100,
    )


def _fault(one: Import, number: int, error: RowError, called: dict[str, str]) -> ImportFault:
    return ImportFault(
        community=one.community,
        of=one,
        number=number,
        line=error.line,
        column=called.get(error.column, error.column)[:100],
        code=error.code,
        reason=error.reason,
        value=error.excerpt,
        is_left=error.is_left,
    )


def _fail(one: Import, progress: _Progress, error: TableError | errors.ImportFileGone) -> None:
    selectors.faults_of(one).delete()
    reason = error.reason if isinstance(error, TableError) else str(error.title)
    line = error.line if isinstance(error, TableError) else None
    _end(
        one,
        progress,
        status=Status.FAILED,
        fault={"code": error.code, "title": reason, "line": line},
        **dict.fromkeys(
            ("rows_count", "created_count", "unchanged_count", "skipped_count", "errors_count"), 0
        ),
        has_errors=False,
    )


def _take_back(one: Import, progress: _Progress) -> None:
    assert one.taken_back_by is not None  # whoever owes it has set it
    try:
        with transaction.atomic():
            taking_back.undo(one, one.taken_back_by)
            _end(
                one, progress, status=Status.TAKEN_BACK, taken_back_at=timezone.now(), progress=100
            )
    except errors.ImportBuiltUpon as refusal:  # since it was asked for
        with transaction.atomic():
            fault = {"code": refusal.code, "title": str(refusal.title), "line": None}
            _end(one, progress, status=Status.DONE, fault=fault)


def _end(one: Import, progress: _Progress, /, **values: Any) -> None:
    """Record the end in the transaction of the act. Raises LeaseLost if it is not ours to end."""
    progress.stop()  # else the lease that is compared may not be the last
    rows = Import.objects.filter(community=one.community_id, pk=one.pk, next_at=one.leased_until)
    if not rows.update(next_at=None, reason="", finished_at=timezone.now(), **values):
        raise LeaseLost
