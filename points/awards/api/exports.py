"""Statements and books as tables for a spreadsheet."""

from datetime import datetime
from decimal import Decimal
from typing import IO, Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Concat, Trim
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
from points.awards.api.filters import StatementFilter, TransferFilter
from points.awards.reasons import words_for
from points.kinds import AccountKind, Unit
from points.ledger import selectors
from points.ledger.errors import ExportTooLarge
from points.ledger.models import Account, Transfer

MOST_ROWS = 1_000_000  # what one sheet holds; what is longer is refused, not cut off


# --- asked for --------------------------------------------------------------------------------
ACCOUNT, BOOKS = "account", "books"  # kinds of documents


def answer(
    request: Request,
    of: Account | Community,
    transfers: QuerySet[Transfer],
    *,
    filterset: type[StatementFilter],
) -> HttpResponseBase:
    """Answer with the ``transfers`` of an account or a community, filtered as asked, as a file.

    Raises ExportTooLarge, TooManyDocuments.
    """
    community: Any = of.community if isinstance(of, Account) else of
    account = {"account": str(of.pk)} if isinstance(of, Account) else {}
    if transfers[MOST_ROWS : MOST_ROWS + 1].exists():
        raise ExportTooLarge(limit=MOST_ROWS)
    asked = {name: request.query_params.get(name, "") for name in filterset.base_filters}
    about: dict[str, Any] = {"filters": {name: text for name, text in asked.items() if text}}
    return documents.answer(
        request,
        community=community,
        kind=ACCOUNT if account else BOOKS,
        about=about | account,
        is_long=transfers[documents.AT_ONCE : documents.AT_ONCE + 1].exists(),
    )


def account_seen_by(user: User, document: Document) -> bool:
    """Tell whether the person owns the wallet or may read the community's books."""
    wallet = selectors.wallet_of(document.community_id, user.pk)
    is_theirs = wallet is not None and str(wallet.pk) == document.about["account"]
    return (
        is_theirs and communities_known_to(user).filter(pk=document.community_id).exists()
    ) or books_seen_by(user, document)


def books_seen_by(user: User, document: Document) -> bool:
    """Tell whether the person may read the community's books."""
    return communities_where(user, WATCHES_OVER).filter(pk=document.community_id).exists()


def write_account(document: Document, file: IO[bytes]) -> str:
    """Write the statement of an account. Returns the file's name.

    Each line has the balance after it, unless filters leave some out.
    """
    community, filters = document.community, document.about["filters"]
    account = selectors.accounts_in(community).filter(pk=document.about["account"]).first()
    if account is None:  # a wallet that nothing was ever earned in, nor will before it is fetched
        account = Account(community=community, kind=AccountKind.WALLET, unit=Unit.POINTS)
    columns = {
        "occurred_at": _("Time"),
        "signed": _("Points") if account.unit == Unit.POINTS else _("Fen"),
        "reason": _("Reason"),
        "source": _("Source"),
        "id": _("Transfer"),
    }
    if filters:
        transfers = StatementFilter(filters, selectors.transfers_of(account)).qs
    else:
        columns["balance_after"] = _("Balance after")
        transfers = selectors.transfers_with_balance(account)
    transfers = transfers.annotate(signed=selectors.signed(account))
    return _write(document, file, _("Statement"), transfers, columns)


def write_books(document: Document, file: IO[bytes]) -> str:
    """Write the books, in their order. Returns the file's name."""
    transfers = TransferFilter(
        document.about["filters"], selectors.transfers_in(document.community)
    ).qs
    sides = {
        f"{side}_name": Trim(Concat(f"{side}__kind", Value(" "), f"{side}__holder"))
        for side in ("debit", "credit")
    }
    columns = {
        "occurred_at": _("Time"),
        "amount": _("Amount"),
        "debit__unit": _("Unit"),
        "debit_name": _("From"),
        "credit_name": _("To"),
        "reason": _("Reason"),
        "source": _("Source"),
        "key": _("Key"),
        "id": _("Transfer"),
    }
    return _write(document, file, _("Transfers"), transfers.annotate(**sides), columns)


def _write(
    document: Document,
    file: IO[bytes],
    content: str,
    transfers: QuerySet[Transfer],
    columns: dict[str, str],
) -> str:
    """Write the transfers as a table. Returns its name. ``columns`` maps fields to titles."""
    community = document.community
    words = {"points": _("Points"), "fen": _("Fen")}

    def shown(name: str, value: Any) -> Cell:
        if isinstance(value, datetime):
            return value.astimezone(community.clock)
        if isinstance(value, Decimal):  # PostgreSQL's sum of whole points
            return int(value)
        if name == "reason":
            return words_for(value)
        if name == "debit__unit":
            return words[value]
        return value if isinstance(value, int) else str(value)

    rows = (
        [shown(name, value) for name, value in zip(columns, row, strict=True)]
        for row in streamed(transfers.values_list(*columns))
    )
    name = f"{community.name} {content} {community.today}"
    spreadsheets.write(Sheet(name, list(columns.values()), rows), file, document.ending)
    return name
