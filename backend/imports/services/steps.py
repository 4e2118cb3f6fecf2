"""The steps of an import that people take: upload, say what is which, run, take back."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.files.storing import discard_unless_committed
from backend.imports import errors, kinds, selectors
from backend.imports.models import Import, ImportMapping
from backend.imports.reader import Column, read_headings
from backend.imports.services import taking_back
from backend.imports.workbook import MAX_FILE_BYTES
from backend.names import of_thing
from backend.tenants import HERE

Status = Import.Status
FOLDER = "imports"
LONGEST_NAME = 255
MAY_BE_MAPPED = (Status.UPLOADED, Status.CHECKED, Status.FAILED)


@transaction.atomic
def upload(*, community: Community, kind: str, file: "UploadedFile[Any]", by: User) -> Import:
    """Keep a file, and suggest what its headings are by their names and by the last import.

    Raises ImportFileTooLarge, ImportFileInvalid.
    """
    if file.size is None or file.size > MAX_FILE_BYTES:
        raise errors.ImportFileTooLarge(most_bytes=MAX_FILE_BYTES)
    columns = kinds.registered[kind].sheet(community, by).columns
    with _on_disk(file) as path:
        try:
            headings = read_headings(path, columns)
        except errors.TableError as error:
            raise errors.ImportFileInvalid(
                fault=error.code, reason=error.reason, line=error.line
            ) from error
    stored_as = f"{FOLDER}/{secrets.token_hex(16)}"
    file.seek(0)
    default_storage.save(stored_as, file)
    discard_unless_committed(stored_as)
    one = Import.objects.create(
        community=community,
        kind=kind,
        file_name=(file.name or "")[:LONGEST_NAME],
        size_bytes=file.size,
        stored_as=stored_as,
        headings=headings,
        mapping=_suggested(community, kind, columns, headings),
        language=_language(),
        uploaded_by=by,
        next_at=None,
    )
    trail.record("import.upload", actor=by, target=one, after={"kind": kind})
    one.refresh_from_db(fields=["uploaded_at", "asked_at"])
    return one


def _suggested(
    community: Community, kind: str, columns: Any, headings: list[str]
) -> dict[str, str]:
    last = ImportMapping.objects.filter(community=community, kind=kind).first()
    remembered = last.mapping if last else {}
    known = {of_thing(heading): heading for heading in headings}
    found: dict[str, str] = {}
    for column in columns:
        for name in (remembered.get(column.name, ""), column.header):
            heading = known.get(of_thing(name))
            if heading and heading not in found.values():
                found[column.name] = heading
                break
    return found


@transaction.atomic
def map_columns(*, one: Import, told: Sequence[tuple[str, str]]) -> Import:
    """Say which heading each column is, remember it for the next file, and owe the check.

    ``told`` has pairs of a column of the kind and a heading. What was checked, or failed, before is
    checked anew. Raises MappingInvalid, ImportStatusWrong,
    ImportFileGone.
    """
    one, mapping = locked(one), dict(told)
    _require(one, *MAY_BE_MAPPED)
    _require_file(one)
    columns = columns_of(one)
    names = {column.name for column in columns}
    known = {of_thing(heading): heading for heading in one.headings}
    missing = [c.header for c in columns if c.required and c.name not in mapping]
    unknown = [name for name in mapping if name not in names]
    unknown += [heading for heading in mapping.values() if of_thing(heading) not in known]
    is_one_to_one = len(mapping) == len({of_thing(heading) for _, heading in told}) == len(told)
    if missing or unknown or not is_one_to_one:
        raise errors.MappingInvalid(missing=missing, unknown=unknown)
    mapping = {name: known[of_thing(heading)] for name, heading in mapping.items()}
    ImportMapping.objects.update_or_create(
        community=one.community, kind=one.kind, defaults={"mapping": mapping}
    )
    _owe(one, Status.CHECKING, mapping=mapping, language=_language())
    return one


@transaction.atomic
def run(*, one: Import, skips_bad: bool, by: User) -> Import:
    """Owe the run of a checked import. Idempotent while it runs or once it is done.

    ``skips_bad`` leaves out rows with errors, else any stops all. Raises ImportHasErrors,
    ImportStatusWrong, ImportFileGone.
    """
    one = locked(one)
    if one.status in (Status.RUNNING, Status.DONE):
        return one
    _require(one, Status.CHECKED)
    _require_file(one)
    if one.has_errors and not skips_bad:
        raise errors.ImportHasErrors(errors_count=one.errors_count)
    now = timezone.now()
    _owe(one, Status.RUNNING, skips_bad=skips_bad, run_by=by, run_at=now)
    trail.record("import.run", actor=by, target=one, after={"kind": one.kind})
    return one


@transaction.atomic
def take_back(*, one: Import, by: User) -> Import:
    """Owe the taking back of an import, all of it or nothing. Idempotent.

    Raises ImportBuiltUpon, ImportStatusWrong.
    """
    one = locked(one)
    if one.status in (Status.TAKING_BACK, Status.TAKEN_BACK):
        return one
    _require(one, Status.DONE)
    taking_back.require_nothing_built_on(one, by)
    _owe(one, Status.TAKING_BACK, taken_back_by=by)
    trail.record("import.take_back", actor=by, target=one, after={"kind": one.kind})
    return one


def remove_old_files(*, now: datetime | None = None) -> int:
    """Remove files that were kept long enough, with what is told of their rows. Returns the count.

    What an import wrote stays known, so that it can be taken back later.
    """
    due = selectors.files_to_remove(now or timezone.now()).filter(HERE)
    return sum(_remove(*row) for row in due.values_list("community_id", "pk"))


@transaction.atomic
def _remove(community_id: UUID, import_id: UUID) -> bool:
    rows = Import.objects.select_for_update(no_key=True, skip_locked=True)
    one = rows.filter(community=community_id, pk=import_id).exclude(stored_as="").first()
    if one is None or one.status in Import.UNDER_WAY:
        return False
    default_storage.delete(one.stored_as)
    selectors.faults_of(one).delete()
    one.save_with(stored_as="")
    return True


def columns_of(one: Import) -> list[Column]:
    """Return the columns of the import's kind."""
    return list(kinds.registered[one.kind].sheet(one.community, one.uploaded_by).columns)


def called(one: Import) -> list[Column]:
    """Return the columns of the import's kind as its file calls them."""
    return [replace(column, called=one.mapping.get(column.name, "")) for column in columns_of(one)]


@contextmanager
def file_of(one: Import) -> Iterator[Path]:
    """Copy the import's file to this machine for a while. Raises ImportFileGone."""
    _require_file(one)
    try:
        stored = default_storage.open(one.stored_as)
    except FileNotFoundError:
        raise errors.ImportFileGone from None
    with stored, _on_disk(stored) as path:
        yield path


def locked(one: Import) -> Import:
    return one.locked("community", "uploaded_by", "run_by", "taken_back_by")


@contextmanager
def _on_disk(file: Any) -> Iterator[Path]:
    file.seek(0)
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield Path(copy.name)


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE


def _owe(one: Import, status: Status, **values: Any) -> None:
    now = timezone.now()
    anew: dict[str, Any] = {
        "attempts": 0,
        "given_up_at": None,
        "reason": "",
        "progress": 0,
        "fault": {},
    }
    one.save_with(status=status, asked_at=now, next_at=now, finished_at=None, **anew, **values)


def _require(one: Import, *allowed: Status) -> None:
    if one.status not in allowed:
        raise errors.ImportStatusWrong(current_status=one.status)


def _require_file(one: Import) -> None:
    if not one.stored_as:
        raise errors.ImportFileGone
