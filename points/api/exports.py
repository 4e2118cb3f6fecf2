"""Statements and books as files for a spreadsheet: CSV and XLSX."""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from django.db import connection
from django.db.models import QuerySet
from django.http import FileResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from xlsxwriter import Workbook

from backend.api.renderers import FileRenderer
from backend.communities.models import Community
from points import selectors
from points.errors import ExportTooLarge
from points.models import Account, Transfer, Unit

MOST_ROWS = 100_000  # in one file; what is longer is refused, not cut off
LARGEST_EXACT = 10**15  # a spreadsheet's numbers have fifteen digits
# What a spreadsheet takes for a formula, or for the end of the cell before.
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")

Cell = str | int | datetime


@dataclass(frozen=True)
class Sheet:
    """What is written: ``rows`` are asked for once, and may be long. Moments are local."""

    name: str
    header: Sequence[str]
    rows: Iterable[Sequence[Cell]]


# --- what is in them --------------------------------------------------------------------------
def statement(account: Account, transfers: QuerySet[Transfer], *, is_whole: bool) -> Sheet:
    """``transfers``, which are the account's own; if they are all, each with the balance then.

    Raises ExportTooLarge.
    """
    _check_length(transfers)
    header = [
        _("Time"),
        _("Points") if account.unit == Unit.POINTS else _("Fen"),
        _("Reason"),
        _("Source"),
        _("Transfer"),
    ]
    columns = ["occurred_at", "amount", "credit_id", "reason", "source", "id"]
    if is_whole:
        header.append(_("Balance after"))
        columns.append("balance_after")
        transfers = selectors.transfers_with_balance(account)
    reasons, clock = _reasons(), account.community.clock

    def rows() -> Iterator[Sequence[Cell]]:
        for occurred_at, amount, credit_id, reason, source, pk, *balance in _read(
            transfers, columns
        ):
            yield (
                occurred_at.astimezone(clock),
                amount if credit_id == account.pk else -amount,
                reasons.get(reason, reason),
                source,
                str(pk),
                *map(int, balance),
            )

    return Sheet(_file_name(account.community, _("Statement")), header, rows())


def books(community: Community, transfers: QuerySet[Transfer]) -> Sheet:
    """``transfers`` as the books have them, in their order. Raises ExportTooLarge."""
    _check_length(transfers)
    header = [
        _("Time"),
        _("Amount"),
        _("Unit"),
        _("From"),
        _("To"),
        _("Reason"),
        _("Source"),
        _("Key"),
        _("Transfer"),
    ]
    sides = [f"{side}__{name}" for side in ("debit", "credit") for name in ("kind", "holder")]
    columns = ["occurred_at", "amount", "debit__unit", *sides, "reason", "source", "key", "id"]
    units, reasons, clock = {"points": _("Points"), "fen": _("Fen")}, _reasons(), community.clock

    def rows() -> Iterator[Sequence[Cell]]:
        for occurred_at, amount, unit, *accounts, reason, source, key, pk in _read(
            transfers, columns
        ):
            yield (
                occurred_at.astimezone(clock),
                amount,
                units[unit],
                " ".join(accounts[:2]).strip(),
                " ".join(accounts[2:]).strip(),
                reasons.get(reason, reason),
                source,
                key,
                str(pk),
            )

    return Sheet(_file_name(community, _("Transfers")), header, rows())


def _check_length(transfers: QuerySet[Transfer]) -> None:
    if transfers[MOST_ROWS : MOST_ROWS + 1].exists():
        raise ExportTooLarge(limit=MOST_ROWS)


def _read(transfers: QuerySet[Transfer], columns: list[str]) -> Iterator[Sequence[Any]]:
    """The rows as they arrive; Django's own iterator would have all of them in memory first."""
    wanted = transfers.values_list(*columns)[:MOST_ROWS]
    with connection.cursor() as cursor, connection.wrap_database_errors:
        yield from cursor.stream(*wanted.query.sql_with_params())


def _file_name(community: Community, content: str) -> str:
    today = community.today
    return f"{community.name} {content} {today}"


def _reasons() -> dict[str, str]:
    """The words for the reasons that we give; others stand for themselves."""
    return {
        "hours": _("Volunteer hours"),
        "report": _("Report"),
        "redemption": _("Redemption"),
        "refund": _("Refund"),
        "settlement": _("Settlement"),
        "expiry": _("Expiry"),
        "reversal": _("Reversal"),
    }


# --- how they are written ---------------------------------------------------------------------
class CSVRenderer(FileRenderer):
    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"


class XLSXRenderer(FileRenderer):
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    format = "xlsx"


def answer(request: Request, sheet: Sheet) -> FileResponse:
    """The file, in the format that the address is for.

    It is whole before the first byte is sent: a slow download keeps no query waiting, and nobody
    takes half of it for all.
    """
    renderer = request.accepted_renderer
    content_type = renderer.media_type
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it, and it is gone
    if renderer.format == CSVRenderer.format:
        content_type += "; charset=utf-8"
        write_csv(sheet, file)
    else:
        write_xlsx(sheet, file)
    file.seek(0)
    name = f"{sheet.name}.{renderer.format}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)


def write_csv(sheet: Sheet, file: IO[bytes]) -> None:
    """Texts that a spreadsheet would run as a formula begin with an apostrophe."""
    # With a mark in front, without which Excel in China reads UTF-8 as GB18030.
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(sheet.header)
    writer.writerows([_as_text(cell) for cell in row] for row in sheet.rows)
    text.detach()


def _as_text(cell: Cell) -> str | int:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def write_xlsx(sheet: Sheet, file: IO[bytes]) -> None:
    """One row at a time is in memory."""
    with Workbook(file, {"constant_memory": True, "remove_timezone": True}) as book:
        bold = book.add_format({"bold": True})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        page = book.add_worksheet()
        page.freeze_panes(1, 0)
        page.set_column(0, len(sheet.header) - 1, 20)
        for column, title in enumerate(sheet.header):
            page.write_string(0, column, title, bold)
        for number, row in enumerate(sheet.rows, start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    page.write_datetime(number, column, cell, moment)
                elif isinstance(cell, int) and abs(cell) < LARGEST_EXACT:
                    page.write_number(number, column, cell)
                else:
                    page.write_string(number, column, str(cell))
