"""Tables as CSV and XLSX files."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, Any

LONGEST_PAGE_NAME = 31  # Excel's limit
EXACT_DIGITS = 15  # of a spreadsheet's numbers; what has more is written as text
# What a spreadsheet takes for a formula, or for the end of the cell before.
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")

Cell = str | int | Decimal | datetime


@dataclass(frozen=True)
class Sheet:
    """A table to write; ``rows`` are read once, and may be long.

    ``head`` stands above it: a name and a value a line, then an empty line. Moments are local. A
    ``Decimal`` is money, with its two places; digits that are no number, such as those of an
    account, are a ``str``.
    """

    name: str
    header: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    head: Sequence[tuple[str, Cell]] = ()

    @property
    def lines(self) -> Iterator[Sequence[Cell]]:
        """The lines of the head, the titles of the columns, and the rows."""
        yield from self.head
        if self.head:
            yield ()
        yield self.header
        yield from self.rows


def write(sheet: Sheet, file: IO[bytes], ending: str) -> None:
    """Write ``sheet`` as ``csv`` or ``xlsx``."""
    {"csv": write_csv, "xlsx": write_xlsx}[ending](sheet, file)


def write_csv(sheet: Sheet, file: IO[bytes]) -> None:
    """Write CSV; texts that a spreadsheet would run as a formula begin with an apostrophe."""
    # With a mark in front, without which Excel in China reads UTF-8 as GB18030.
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerows([_as_text(cell) for cell in row] for row in sheet.lines)
    text.detach()


def _as_text(cell: Cell) -> str | int:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, Decimal):
        return f"{cell:.2f}"
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def write_xlsx(sheet: Sheet, file: IO[bytes], *others: Sheet) -> None:
    """Write XLSX with one row at a time in memory; each of ``others`` is a further page."""
    from xlsxwriter import Workbook

    with Workbook(file, {"constant_memory": True, "remove_timezone": True}) as book:
        bold = book.add_format({"bold": True})
        formats = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            Decimal: book.add_format({"num_format": "0.00"}),
        }
        for one in (sheet, *others):
            page = book.add_worksheet(one.name[:LONGEST_PAGE_NAME] if others else None)
            _fill(page, one, formats, bold)


def _fill(page: Any, sheet: Sheet, formats: dict[type, Any], bold: Any) -> None:
    titles = len(sheet.head) + 1 if sheet.head else 0  # the line with the columns' titles
    page.freeze_panes(titles + 1, 0)
    page.set_column(0, len(sheet.header) - 1, 20)
    for number, row in enumerate(sheet.lines):
        for column, cell in enumerate(row):
            if isinstance(cell, datetime):
                page.write_datetime(number, column, cell, formats[datetime])
            elif isinstance(cell, str):
                page.write_string(number, column, cell, bold if number == titles else None)
            elif len(Decimal(cell).as_tuple().digits) <= EXACT_DIGITS:
                page.write_number(number, column, cell, formats.get(type(cell)))
            else:
                page.write_string(number, column, str(cell))
