"""The ZIP of all that is held about somebody: JSON, CSV, photos."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from django.utils import timezone

from backend.accounts.models import User
from backend.files.spreadsheets import Sheet, write_csv
from backend.privacy import held

CLOCK = ZoneInfo("Asia/Shanghai")  # in which moments are told; each says its offset

ABOUT = Path(__file__).with_name("about.txt")


def about() -> str:
    """Return the ZIP's README, which describes every table in Chinese and English."""
    told = [("profile.json", "您是谁，怎样登录 / who you are and how you log in")]
    told += [(table.name, table.about) for table in held.TABLES]
    return ABOUT.read_text(encoding="utf-8").format(
        tables="\n".join(f"{name:17} {words}" for name, words in told)
    )


def write(file: IO[bytes], user: User) -> None:
    """Write the ZIP of all that is held about ``user``, in the active language.

    Only one row, or a piece of a photo, is in memory at a time; long tables go through the disk.
    """
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        with _open(archive, "README.txt") as readme:
            readme.write(about().encode())
        with _open(archive, "profile.json") as profile:
            facts = {name: fact for told in held.PROFILE for name, fact in told(user).items()}
            profile.write(_json(facts, indent=2) + b"\n")
        # Of other records of theirs that were merged into this one as well.
        records = [user, *User.objects.filter(pk__in=user.merged_ids).order_by("pk")]
        for table in held.TABLES:
            _write_table(archive, table, records)
        for files in held.FILES:
            for name, file_held in chain.from_iterable(map(files, records)):
                with file_held, _open(archive, name, ZIP_STORED) as entry:
                    shutil.copyfileobj(file_held, entry)


def _write_table(archive: ZipFile, table: held.Table, records: list[User]) -> None:
    """Write both files of a table from one reading, so that they agree."""
    header = [str(held.TITLES[column]) for column in table.columns]
    with tempfile.TemporaryFile() as spreadsheet:
        with _open(archive, f"{table.name}.json") as entry:
            rows = _while_writing_json(table, records, entry)
            write_csv(Sheet(table.name, header, rows), spreadsheet)
        spreadsheet.seek(0)
        with _open(archive, f"{table.name}.csv") as entry:
            shutil.copyfileobj(spreadsheet, entry)


def _while_writing_json(
    table: held.Table, records: list[User], entry: IO[bytes]
) -> Iterator[list[str | int]]:
    """Yield the cells of each row after writing it to ``entry`` as JSON."""
    before = b"["
    for row in chain.from_iterable(map(table.rows, records)):
        named = dict(zip(table.columns, row, strict=True))
        entry.write(before + b"\n" + _json(named))
        before = b","
        yield [_cell(value) for value in row]
    entry.write(b"[]\n" if before == b"[" else b"\n]\n")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return value if isinstance(value, str) else _json(value).decode().strip('"')


def _json(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(CLOCK).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{value!r} has no place in an export.")


def _open(archive: ZipFile, name: str, compression: int = ZIP_DEFLATED) -> IO[bytes]:
    entry = ZipInfo(name, timezone.now().astimezone(CLOCK).timetuple()[:6])
    entry.compress_type = compression
    return archive.open(entry, "w")
