"""Reads the sheets of an XLSX file: values, and results of formulas, each as text.

A workbook is read into memory as a rectangle, so its unpacked size and the reach of its cells are
measured first: a few bytes can claim a cell at the far end of the sheet.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.parsers import expat

from django.conf import settings
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from backend.imports.errors import TableError
from backend.text import shows_nothing

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how such files begin
MAX_FILE_BYTES: int = settings.UPLOAD_MAX_BYTES
MAX_UNPACKED_BYTES = 100_000_000
MAX_CELLS = 3_000_000  # of the rectangle that holds all of a sheet's

_CHUNK_BYTES = 65_536
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})", re.IGNORECASE)
_EXACT = 10**15  # a spreadsheet's numbers have fifteen digits


@dataclass
class WorkbookSheet:
    """One sheet: ``records`` are its rows that are not blank, each with its number.

    Cells that are merged downwards each hold the first one's value, as people read them.
    """

    name: str
    sheet: CalamineSheet
    bytes_read: int = 0  # all of it was read when the file was opened

    def records(self) -> Iterator[tuple[int, list[str]]]:
        left = self.sheet.start[1] if self.sheet.start else 0  # rows begin at the first, cells here
        merged = {
            (top, column - left): bottom
            for (top, column), (bottom, _) in self.sheet.merged_cell_ranges or ()
        }
        said: dict[int, tuple[int, str]] = {}  # column → down to which row the first cell says what
        for number, row in enumerate(self.sheet.iter_rows()):
            cells = [_as_text(value) for value in row]
            if all(map(shows_nothing, cells)):
                continue
            for column, cell in enumerate(cells):
                if (number, column) in merged:
                    said[column] = merged[number, column], cell
                elif column in said and number <= said[column][0]:
                    cells[column] = said[column][1]
            while cells and shows_nothing(cells[-1]):
                cells.pop()
            yield number + 1, cells


def is_workbook(start: bytes) -> bool:
    """Tell whether a file that begins so is a spreadsheet's own format rather than text."""
    return start.startswith((ZIP, OLE))


def open_sheets(path: Path) -> list[WorkbookSheet]:
    """Return the visible sheets that hold something, in order; they can be read at any time.

    Raises TableError: ``file_encrypted``, ``file_xls``, ``file_too_large``, ``file_damaged``,
    ``file_unknown``, ``file_empty``, and OSError.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise TableError("file_too_large")
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if content.startswith(OLE):
        if _ENCRYPTED in content:
            raise TableError("file_encrypted")
        raise TableError("file_xls")
    try:
        book = CalamineWorkbook.from_filelike(_measured(content))
        found = [
            WorkbookSheet(about.name, book.get_sheet_by_name(about.name))
            for about in book.sheets_metadata
            if about.typ == SheetTypeEnum.WorkSheet and about.visible == SheetVisibleEnum.Visible
        ]
    except CalamineError as error:
        raise TableError("file_damaged") from error
    sheets = [sheet for sheet in found if next(sheet.records(), None)]
    if not sheets:
        raise TableError("file_empty")
    return sheets


def _measured(content: bytes) -> io.BytesIO:
    """Return a copy of the workbook, made of the very bytes that were unpacked and measured."""
    copy = io.BytesIO()
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(copy, "w") as plain:
            members = archive.infolist()
            if any(member.flag_bits & 1 for member in members):
                raise TableError("file_encrypted")
            if "xl/workbook.xml" not in {member.filename.lower() for member in members}:
                raise TableError("file_unknown")
            for member in members:
                reach = _Reach()
                with archive.open(member) as packed, plain.open(member.filename, "w") as out:
                    while chunk := packed.read(_CHUNK_BYTES):
                        unpacked += len(chunk)
                        if unpacked > MAX_UNPACKED_BYTES:
                            raise TableError("file_too_large")
                        reach.follow(chunk)
                        out.write(chunk)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zlib.error) as error:
        raise TableError("file_damaged") from error
    copy.seek(0)
    return copy


class _Reach:
    """The rectangle that holds all filled cells of one sheet."""

    def __init__(self) -> None:
        self._parser: expat.XMLParserType | None = expat.ParserCreate()
        self._parser.StartElementHandler = self._element
        self._at: tuple[int, int] | None = None  # the cell that is being read
        self._row = self._column = 0
        self._rows: list[int] = []
        self._columns: list[int] = []

    def follow(self, chunk: bytes) -> None:
        """Read a chunk. Raises TableError if cells are too far apart; what is no XML has none."""
        if self._parser is not None:
            try:
                self._parser.Parse(chunk, False)
            except expat.ExpatError:
                self._parser = None

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "row":
            told = attributes.get("r", "")
            self._row = int(told) if told.isdecimal() and len(told) < 8 else self._row + 1
            self._column = 0
        elif kind == "c":
            if told_at := _REFERENCE.fullmatch(attributes.get("r", "")):
                self._column, self._row = _column(told_at[1]), int(told_at[2])
            else:
                self._column += 1
            self._at = (self._row, self._column)
        elif kind in ("v", "is", "f") and self._at:
            row, column = self._at
            self._at = None
            self._rows = _widened(self._rows, row)
            self._columns = _widened(self._columns, column)
            if _span(self._rows) * _span(self._columns) > MAX_CELLS:
                raise TableError("file_too_large")


def _widened(bounds: list[int], place: int) -> list[int]:
    return [min(place, bounds[0]), max(place, bounds[1])] if bounds else [place, place]


def _span(bounds: list[int]) -> int:
    return bounds[1] - bounds[0] + 1


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _as_text(value: Any) -> str:
    """Return the value as people type it: 15112345678 for 15112345678.0, moments to the second."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if isinstance(value, datetime):
        # A fraction of a day is never quite a second.
        return str((value + timedelta(milliseconds=500)).replace(microsecond=0))
    return str(value)  # of a day and a time, too, as in ISO 8601
