"""Reads lists that staff keep: XLSX (workbook.py), or CSV of any length in constant memory.

CSV in UTF-8 with or without a byte order mark, or GB18030 (what Excel in China writes); comma,
semicolon or tab; any line ends. Lines are counted as an editor counts them: the first is 1, and a
row with a line break inside a quoted cell is named by the line it starts on. Lines of a workbook
are its rows. Above the header there may be a title, and the header may take up two rows.
"""

import codecs
import csv
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import IO, Any, Protocol

from django.utils.functional import Promise

from backend.imports.errors import CellError, TableError, reason
from backend.imports.workbook import OLE, is_workbook, open_sheets
from backend.names import of_thing as of_heading  # width, brackets, blanks: no other heading
from backend.text import shows_nothing

MAX_CELL_CHARS = 32_767  # Excel's own limit of a cell
# A row, with all its cells and line breaks. It stays below the csv module's limit of one field,
# so that an unclosed quotation mark is noticed here, and bounds what is in memory at once.
MAX_ROW_CHARS = 100_000
DELIMITERS = (",", ";", "\t")
EXCERPT_CHARS = 40
HEADER_WITHIN = 10  # rows that are not blank: what stands above it is a title

_CHUNK_BYTES = 65_536
# Characters that Python's GB18030 still puts into the private use area, as the standard did before
# 2005: radicals and rare ones that names are written with.
_GB18030_SINCE_2005 = str.maketrans(
    "\ue816\ue817\ue818\ue81e\ue826\ue82b\ue82c\ue831\ue832\ue83b\ue843\ue854\ue855\ue864",
    "\U00020087\U00020089\U000200cc\u9fb4\u9fb5\u9fb6\u9fb7\U000215d7\u9fb8\U0002298f\u9fb9\u9fba"
    "\U000241fe\u9fbb",
)
# A mobile number, or a longer one such as that of an identity card, also as 199 0000 0001.
_PERSONAL_NUMBER = re.compile(r"(?<![0-9])([0-9]{3})[ -]?[0-9]{4}[ -]?[0-9]*([0-9]{4})(?![0-9])")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column to read: its heading, and the name of its values in a Row.

    A required column must be there and filled in every row; an optional one reads as None where the
    column is missing or a cell blank. ``called`` is what one file calls it, where that is another
    heading; empty, the file does not have it. ``about`` and ``example`` are for who fills it in.
    """

    header: str
    name: str
    parse: Callable[[str], Any]
    required: bool = True
    about: str | Promise = ""
    example: str = ""
    called: str | None = None

    @property
    def place(self) -> str:
        """The heading to look for in the file, as headings are compared; empty for none."""
        return of_heading(self.header if self.called is None else self.called)


@dataclass(frozen=True)
class Row:
    """A good row: the line it starts on, and its parsed values by column name."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True)
class RowError:
    """An error of a row. ``column`` is the heading, empty if the row as a whole is wrong.

    ``excerpt`` is the offending text, made by ``excerpt()``: short, printable, phones masked.
    ``is_left`` means that the row is correct but left alone, because what somebody did since
    counts; it is reported, and the file is imported all the same.
    """

    line: int
    column: str
    code: str
    reason: str
    excerpt: str = ""
    is_left: bool = False


class Source(Protocol):
    """A source of rows that can be read repeatedly; ``bytes_read`` is the last reader's place."""

    bytes_read: int

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield every row that is not blank, with its line; the header is among the first."""


@dataclass
class CsvFile:
    """A CSV file whose encoding and delimiter are known."""

    path: Path
    encoding: str
    delimiter: str
    errors: str = "strict"
    bytes_read: int = 0

    def records(self) -> Iterator[tuple[int, list[str]]]:
        with _open_text(self.path, self.encoding, self.errors) as stream:
            for line, cells in _records(stream, self.delimiter):
                self.bytes_read = os.lseek(stream.fileno(), 0, os.SEEK_CUR)
                if self.encoding == "gb18030":
                    cells = [cell.translate(_GB18030_SINCE_2005) for cell in cells]
                yield line, cells


@dataclass(frozen=True)
class Header:
    """The headings, and how many records they and the title above them take up."""

    cells: list[str]
    records: int


class Table:
    """The rows of one file below its header; made by ``open_table``, can be iterated repeatedly.

    ``size`` is the file's length in bytes, ``bytes_read`` how far the iteration has come;
    ``ignored_columns`` are the headings that no Column asked for (``#5`` for a nameless fifth).
    """

    def __init__(
        self,
        source: Source,
        *,
        size: int,
        header: Header,
        columns: Sequence[Column],
    ) -> None:
        self._source = source
        self._header_records, cells = header.records, header.cells
        self._width = len(cells)
        places = {of_heading(cell): place for place, cell in enumerate(cells) if of_heading(cell)}
        self._columns = [(column, places.get(column.place)) for column in columns]
        known = {column.place for column in columns}
        self.ignored_columns = [
            excerpt(cell) if of_heading(cell) else f"#{number}"
            for number, cell in enumerate(cells, start=1)
            if of_heading(cell) not in known
        ]
        self.header = cells
        self.size = size
        self.bytes_read = 0

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the cells of every row that is not blank as they stand, with the row's line."""
        return islice(self._source.records(), self._header_records, None)

    def __iter__(self) -> Iterator[Row | RowError]:
        """Yield every row that is not blank or, for a bad one, an error for each bad cell.

        Raises TableError if the rest of the file can not be split into rows.
        """
        for line, cells in self.records():
            self.bytes_read = self._source.bytes_read
            yield from self._read_row(line, cells)
        self.bytes_read = self.size

    def _read_row(self, line: int, cells: list[str]) -> Iterator[Row | RowError]:
        # The row may lack the delimiters of empty last cells, or have too many.
        while len(cells) > self._width and shows_nothing(cells[-1]):
            cells.pop()
        cells += [""] * (self._width - len(cells))
        if len(cells) > self._width:
            told = reason("cell_count", cells=len(cells), columns=self._width)
            yield RowError(line, "", "cell_count", told)
            return
        values: dict[str, Any] = {}
        sound = True
        for column, place in self._columns:
            cell = "" if place is None else cells[place]
            try:
                values[column.name] = _parse(column, cell)
            except CellError as error:
                sound = False
                shown = excerpt(cell, personal=error.is_personal)
                yield RowError(line, column.header, error.code, error.reason, shown)
        if sound:
            yield Row(line, values)


def open_table(path: str | Path, columns: Sequence[Column]) -> Table:
    """Detect how the file is written, check its header, and return its rows.

    Raises TableError: ``file_missing``, ``file_unreadable``, ``not_a_file``, ``file_empty``,
    ``no_rows``, ``encoding_utf16``, ``encoding_unknown``, ``nul_byte``, ``columns_missing``,
    ``column_duplicate``; for a workbook also ``sheets_several`` and what ``open_sheets`` raises;
    for the quotes of the first rows ``quote_unclosed``, ``quote_malformed``, ``line_too_long``.
    """
    path = Path(path)
    try:
        _require_file(path)
        with path.open("rb") as file:
            start = file.read(len(OLE))
        open_it = _workbook if is_workbook(start) else _csv
        source, header = open_it(path, columns)
        size = path.stat().st_size
    except OSError as error:
        raise TableError("file_unreadable", error=error.strerror) from error
    counts = Counter(of_heading(cell) for cell in header.cells if of_heading(cell))
    if repeated := [heading for heading, count in counts.items() if count > 1]:
        raise TableError("column_duplicate", columns=_listed(repeated))
    if next(islice(source.records(), header.records, None), None) is None:
        raise TableError("no_rows")
    return Table(source, size=size, header=header, columns=columns)


def _csv(path: Path, columns: Sequence[Column]) -> tuple[Source, Header]:
    encoding, not_utf8_at = _find_encoding(path)
    source, header = _read_csv_header(path, columns, encoding)
    if missing := _missing(columns, header.cells):
        if not_utf8_at is not None:
            # Nearly any bytes can be read as GB18030. If the header makes sense as UTF-8, that
            # is what the file is, but for a damaged place.
            _, utf8_header = _read_csv_header(path, columns, "utf-8", errors="replace")
            if not _missing(columns, utf8_header.cells):
                raise _encoding_unknown(path, not_utf8_at)
        raise _columns_missing(missing, header.cells)
    return source, header


def _workbook(path: Path, columns: Sequence[Column]) -> tuple[Source, Header]:
    """Return the one sheet that has the columns. Raises TableError if several have."""
    sheets = [(sheet, _find_header(sheet.records(), columns)) for sheet in open_sheets(path)]
    fitting = [one for one in sheets if not _missing(columns, one[1].cells)]
    if not fitting:
        _, first = sheets[0]
        raise _columns_missing(_missing(columns, first.cells), first.cells)
    if len(fitting) > 1:
        raise TableError("sheets_several", sheets=_listed(sheet.name for sheet, _ in fitting))
    return fitting[0]


def read_headings(path: str | Path, columns: Sequence[Column]) -> list[str]:
    """Return the headings of a file of which nobody knows yet what it calls the ``columns``.

    Of the top rows that one is the header which has most of their headings, and of those the first
    that has most cells. Raises TableError as ``open_table`` does, but for missing columns.
    """
    path = Path(path)
    try:
        _require_file(path)
        with path.open("rb") as file:
            start = file.read(len(OLE))
        sources: Sequence[Source]
        if is_workbook(start):
            sources = open_sheets(path)
        else:
            encoding, _ = _find_encoding(path)
            sources = [CsvFile(path, encoding, delimiter) for delimiter in DELIMITERS]
        known = {of_heading(column.header) for column in columns}
        best: list[str] = []
        most = (0, 0)
        failure: TableError | None = None
        for source in sources:
            try:
                for _line, cells in islice(source.records(), HEADER_WITHIN):
                    told = {of_heading(cell) for cell in cells} - {""}
                    if (len(told & known), len(told)) > most:
                        best, most = cells, (len(told & known), len(told))
            except TableError as error:  # by another delimiter quotes may look malformed
                failure = failure or error
    except OSError as error:
        raise TableError("file_unreadable", error=error.strerror) from error
    if not best:
        raise failure or TableError("file_empty")
    return [cell.strip() for cell in best if of_heading(cell)]


def excerpt(value: str, *, personal: bool = False) -> str:
    """Return the value for a message: short, printable, long numbers masked as in 199****0001.

    ``personal`` masks every digit but the first three, for what was meant to be a phone number.
    """
    plain = unicodedata.normalize("NFKC", value[: MAX_CELL_CHARS + 1]).strip()
    plain = "".join(character if character.isprintable() else "·" for character in plain)
    if personal:
        places = [place for place, character in enumerate(plain) if character.isdigit()]
        hidden = set(places[3:])
        plain = "".join("*" if place in hidden else c for place, c in enumerate(plain))
    else:
        plain = _PERSONAL_NUMBER.sub(r"\1****\2", plain)
    return plain if len(plain) <= EXCERPT_CHARS else plain[: EXCERPT_CHARS - 1] + "…"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(map(excerpt, values))


def _parse(column: Column, cell: str) -> Any:
    if shows_nothing(cell):
        if column.required:
            raise CellError("missing")
        return None
    if len(cell) > MAX_CELL_CHARS:
        raise CellError("too_long", length=len(cell), limit=MAX_CELL_CHARS)
    return column.parse(cell)


# --- the header -------------------------------------------------------------------------------


def _missing(columns: Sequence[Column], header: list[str]) -> list[str]:
    found = {of_heading(cell) for cell in header}
    return [c.called or c.header for c in columns if c.required and c.place not in found]


def _columns_missing(missing: list[str], found: list[str]) -> TableError:
    return TableError("columns_missing", missing=", ".join(missing), found=_listed(found))


def _find_header(records: Iterator[tuple[int, list[str]]], columns: Sequence[Column]) -> Header:
    """Return the first of the top rows that has all columns, alone or with the row above: a heading
    over two rows is merged into the upper or stands in the lower. Else return the first row."""
    first: Header | None = None
    above: list[str] = []
    try:
        for count, (_line, cells) in enumerate(islice(records, HEADER_WITHIN), start=1):
            over_two_rows = [
                low if low.strip() else high
                for high, low in zip_longest(above, cells, fillvalue="")
            ]
            for candidate in (cells, over_two_rows):
                if not _missing(columns, candidate):
                    return Header(candidate, count)
            first = first or Header(cells, count)
            above = cells
    except TableError:
        if first is None:
            raise
    if first is None:
        raise TableError("file_empty")
    return first


def _read_csv_header(
    path: Path, columns: Sequence[Column], encoding: str, errors: str = "strict"
) -> tuple[CsvFile, Header]:
    """Return the file with the delimiter that shows most columns of the header (comma if equal)."""
    known = {column.place for column in columns}

    def shown(layout: tuple[CsvFile, Header]) -> int:
        return len(known & {of_heading(cell) for cell in layout[1].cells})

    layouts: list[tuple[CsvFile, Header]] = []
    failures: list[TableError] = []
    for delimiter in DELIMITERS:
        file = CsvFile(path, encoding, delimiter, errors)
        try:
            layouts.append((file, _find_header(file.records(), columns)))
        except TableError as error:
            if error.code == "file_empty":
                raise
            # Quoted cells end before their delimiter: by another one they look malformed.
            failures.append(error)
    best = max(layouts, key=shown, default=None)
    if best is None or (failures and not shown(best)):
        raise failures[0]
    return best


# --- rows -------------------------------------------------------------------------------------


class _Lines:
    """The physical lines of a stream, none longer than its row has room for."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._room = 0
        self._count = 0
        self.row_line = 1
        self.ended = False

    def start_row(self) -> None:
        """Mark the next line as the beginning of a row."""
        self._room = MAX_ROW_CHARS
        self.row_line = self._count + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self._room + 1)
        if not line:
            self.ended = True
            raise StopIteration
        if len(line) > self._room:
            if self._count >= self.row_line:
                raise TableError("quote_unclosed", line=self.row_line)
            raise TableError("line_too_long", line=self.row_line, limit=MAX_ROW_CHARS)
        self._room -= len(line)
        self._count += 1
        return line


def _records(stream: IO[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every row that is not blank, with the line it starts on; the header is the first."""
    lines = _Lines(stream)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_row()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            if lines.ended:
                raise TableError("quote_unclosed", line=lines.row_line) from error
            # Not an error of this row alone: where the next row begins is a guess from here on.
            raise TableError("quote_malformed", line=lines.row_line) from error
        if cells is None:
            return
        if not all(map(shows_nothing, cells)):
            yield lines.row_line, cells


def _open_text(path: Path, encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    """Open the file as text, past its byte order mark, with line ends as they are."""
    stream = path.open(encoding=encoding, errors=errors, newline="")
    if stream.read(1) != "\ufeff":
        stream.seek(0)
    return stream


# --- the encoding -----------------------------------------------------------------------------


def _require_file(path: Path) -> None:
    if not path.exists():
        raise TableError("file_missing")
    if not path.is_file():
        raise TableError("not_a_file")


def _find_encoding(path: Path) -> tuple[str, int | None]:
    """Return ``utf-8``, or ``gb18030`` and the offset of the first byte that is not UTF-8.

    Reads every byte before any row is used: a file is never half of one, half the other. Raises
    OSError and TableError.
    """
    with path.open("rb") as file:
        start = file.read(3)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TableError("encoding_utf16")
    if (offset := _find_nul(path)) is not None:
        raise TableError("nul_byte", line=_line_at(path, offset), offset=offset)
    not_utf8_at = _undecodable_at(path, "utf-8")
    if not_utf8_at is None:
        return "utf-8", None
    if start == codecs.BOM_UTF8:
        raise _encoding_unknown(path, not_utf8_at)
    not_gb18030_at = _undecodable_at(path, "gb18030")
    if not_gb18030_at is not None:
        # Whichever fits for longer is likely what was meant.
        raise _encoding_unknown(path, max(not_utf8_at, not_gb18030_at))
    return "gb18030", not_utf8_at


def _encoding_unknown(path: Path, offset: int) -> TableError:
    return TableError("encoding_unknown", line=_line_at(path, offset), offset=offset)


def _chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the file in pieces, each with the offset of its first byte."""
    offset = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield offset, chunk
            offset += len(chunk)


def _find_nul(path: Path) -> int | None:
    for offset, chunk in _chunks(path):
        if (place := chunk.find(0)) >= 0:
            return offset + place
    return None


def _undecodable_at(path: Path, encoding: str) -> int | None:
    """Return the offset of the first byte that ``encoding`` can not decode, None without one."""
    decoder = codecs.getincrementaldecoder(encoding)()
    pending = 0  # bytes of a character begun in the last chunk; error places count from them
    offset = 0
    try:
        for offset, chunk in _chunks(path):
            decoder.decode(chunk)
            pending = len(decoder.getstate()[0])
            offset += len(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return offset - pending + error.start
    return None


def _line_at(path: Path, offset: int) -> int:
    """Return the number of the line that the byte at ``offset`` is on; the first is 1.

    Works on bytes: neither encoding uses those of line ends inside another character.
    """
    newlines = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder("latin-1")(), translate=True
    )
    line = 1
    for start, chunk in _chunks(path):
        if start >= offset:
            break
        line += newlines.decode(chunk[: offset - start]).count("\n")
    return line
