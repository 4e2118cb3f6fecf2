"""Statements and books as tables for a spreadsheet."""

from collections.abc import Iterator, Sequence
from typing import IO, Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.request import Request

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER, communities_known_to, communities_where
from backend.documents import api as documents
from backend.documents.models import Document
from backend.documents.selectors import streamed
from backend.files import spreadsheets
from backend.files.spreadsheets import Cell, Sheet
from points.kinds import AccountKind, Unit
from points.ledger import selectors
from points.ledger.api.filters import StatementFilter, TransferFilter
from points.ledger.errors import ExportTooLarge
from points.ledger.models import Account, Transfer

MOST_ROWS = 1_000_000  # what one sheet holds; what is longer is refused, not cut off


# --- asked for --------------------------------------------------------------------------------
ACCOUNT, BOOKS = "account", "books"  # kinds of documents


def answer(
    request: Request,
    transfers: QuerySet[Transfer],
    *,
    community: Community,
    filterset: type[StatementFilter],
    account: Account | None = None,
) -> HttpResponseBase:
    """``transfers``, filtered as asked, as a file: of an account, or of all the books.

    Raises ExportTooLarge, TooManyDocuments.
    """
    if transfers[MOST_ROWS : MOST_ROWS + 1].exists():
        raise ExportTooLarge(limit=MOST_ROWS)
    asked = {name: request.query_params.get(name, "") for name in filterset.base_filters}
    about: dict[str, Any] = {"filters": {name: text for name, text in asked.items() if text}}
    return documents.answer(
        request,
        community=community,
        kind=ACCOUNT if account else BOOKS,
        about=about | ({"account": str(account.pk)} if account else {}),
        is_long=transfers[documents.AT_ONCE : documents.AT_ONCE + 1].exists(),
    )


def account_seen_by(user: User, document: Document) -> bool:
    """Whether it is their own wallet, or they watch over the books."""
    wallet = selectors.wallet_of(document.community_id, user.pk)
    is_theirs = wallet is not None and str(wallet.pk) == document.about["account"]
    return (
        is_theirs and communities_known_to(user).filter(pk=document.community_id).exists()
    ) or books_seen_by(user, document)


def books_seen_by(user: User, document: Document) -> bool:
    """Whether they watch over the community."""
    return communities_where(user, WATCHES_OVER).filter(pk=document.community_id).exists()


def write_account(document: Document, file: IO[bytes]) -> str:
    """Write the statement of an account, and return the file's name."""
    community, filters = document.community, document.about["filters"]
    account = selectors.accounts_in(community).filter(pk=document.about["account"]).first()
    if account is None:  # a wallet that nothing was ever earned in, nor will before it is fetched
        account = Account(community=community, kind=AccountKind.WALLET, unit=Unit.POINTS)
    found = StatementFilter(filters, selectors.transfers_of(account)).qs
    sheet = statement(account, found, is_whole=not filters)
    spreadsheets.write(sheet, file, document.ending)
    return sheet.name


def write_books(document: Document, file: IO[bytes]) -> str:
    """Write the books, and return the file's name."""
    community, filters = document.community, document.about["filters"]
    found = TransferFilter(filters, selectors.transfers_in(community)).qs
    sheet = books(community, found)
    spreadsheets.write(sheet, file, document.ending)
    return sheet.name


# --- what is in them --------------------------------------------------------------------------
def statement(account: Account, transfers: QuerySet[Transfer], *, is_whole: bool) -> Sheet:
    """``transfers``, which are the account's own; if they are all, each with the balance then."""
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
        for occurred_at, amount, credit_id, reason, source, pk, *balance in streamed(
            transfers.values_list(*columns)
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
    """``transfers`` as the books have them, in their order."""
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
        for occurred_at, amount, unit, *accounts, reason, source, key, pk in streamed(
            transfers.values_list(*columns)
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
