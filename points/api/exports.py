"""Statements and books as tables for a spreadsheet."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from backend.communities.models import Community
from backend.spreadsheets import Cell, Sheet
from points import selectors
from points.errors import ExportTooLarge
from points.models import Account, Transfer, Unit

MOST_ROWS = 100_000  # in one file; what is longer is refused, not cut off


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
