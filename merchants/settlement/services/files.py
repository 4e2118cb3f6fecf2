"""Files of a statement: for a spreadsheet, as a page to print, and as PDF."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.documents.models import Document
from backend.documents.selectors import streamed
from backend.files import printing, spreadsheets
from backend.files.spreadsheets import Cell, Sheet
from merchants.settlement import selectors
from merchants.settlement.models.statements import Statement

PAGE = Path(__file__).parents[2] / "templates" / "merchants" / "statement.typ"


def about(statement: Statement) -> dict[str, str]:
    """Return what a document is about. An approved or paid statement never changes."""
    return {"statement": str(statement.pk), "status": statement.status}


def seen_by(user: User, document: Document) -> bool:
    """Tell whether ``user`` may read the statement that the document is about."""
    its = selectors.statements_seen_by(user).filter(community=document.community_id)
    return its.filter(pk=UUID(document.about["statement"])).exists()


def write(document: Document, file: IO[bytes]) -> str:
    """Write the statement's file in the document's format. Returns its name."""
    statement = Statement.objects.select_related(
        "community", "partnership", "drafted_by", "approved_by", "paid_by"
    ).get(community=document.community_id, pk=document.about["statement"])
    name = f"{_title(statement)} {statement.partnership.name} {statement.period_start}"
    if document.ending == "html":
        file.write(render_to_string("merchants/statement.html", _facts(statement)).encode())
    elif document.ending == "pdf":
        file.write(_pdf(statement))
    else:
        sheet = Sheet(name, _header(), _lines(statement))
        spreadsheets.write(sheet, file, document.ending)
    return name


# --- what is in it ----------------------------------------------------------------------------
def _title(statement: Statement) -> str:
    return _("Settlement %(number)s") % {"number": statement.number or _("draft")}


def _header() -> list[str]:
    return [
        _("Time"),
        _("What happened"),
        _("Item's code"),
        _("Item"),
        _("Pieces"),
        _("Points"),
        _("Amount (fen)"),
        _("Line"),
    ]


def _lines(statement: Statement) -> Iterator[list[Cell]]:
    """Yield a row for each redemption, then each refund (as negative figures), by time."""
    clock = statement.community.clock
    for what, sign, lines, at, of, points in (
        (_("Redemption"), 1, selectors.lines_of(statement), "closed_at", "", "price_points"),
        (_("Refund"), -1, selectors.refunds_in(statement), "refunded_at", "redemption__", "points"),
    ):
        offer = (f"{of}offer__code", f"{of}offer__title")
        told = lines.order_by(at, "id").values_list(
            at, *offer, "quantity", points, "amount_fen", "pk"
        )
        for moment, code, title, *figures, pk in streamed(told):
            signed = (sign * figure for figure in figures)
            yield [moment.astimezone(clock), what, code, title, *signed, str(pk)]


def _facts(statement: Statement) -> dict[str, Any]:
    """Return what the page and the PDF show, in the reader's language."""
    facts = [
        (_("Merchant"), statement.partnership.name),
        (_("Community"), statement.community.name),
        (_("Period"), f"{statement.period_start} – {statement.last_day}"),
        (_("Redemptions"), str(statement.redemptions_count)),
        (_("Refunds"), str(statement.refunds_count)),
        (_("Points"), str(statement.points)),
        (_("Money"), yuan(statement.amount_fen)),
        (_("Carried over"), yuan(statement.carried_fen)),
        (_("To be paid"), yuan(statement.due_fen)),
        (_("Drafted by"), _name(statement.drafted_by) or _("the night's task")),
        (_("Approved by"), _name(statement.approved_by)),
        (_("Paid by"), _name(statement.paid_by)),
        (_("Payment reference"), statement.payment_reference),
    ]
    return {
        "title": _title(statement),
        "facts": facts,
        "header": [*_header()[:6], _("Money")],
        "lines": [
            [f"{line[0]:%Y-%m-%d %H:%M}", *map(str, line[1:6]), yuan(int(str(line[6])))]
            for line in _lines(statement)
        ],
        "services_title": _("Services received from volunteers"),
        "services_header": [_("Activity"), _("Volunteers"), _("Hours")],
        "services": [
            [service["title"], str(service["volunteers"]), f"{service['minutes'] / 60:.1f}"]
            for service in statement.services
        ],
        "digest_title": _("Digest (SHA-256)"),
        "digest": statement.digest,
    }


def yuan(fen: int) -> str:
    """Format fen as yuan: ``-1205`` as ``-12.05 元``."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02} 元"


def _name(person: Any) -> str:
    return person.shown_name if person else ""


# --- PDF --------------------------------------------------------------------------------------
def _pdf(statement: Statement) -> bytes:
    said = {**_facts(statement), "language": (get_language() or "zh")[:2]}
    said["facts"] = [[name, value] for name, value in said["facts"] if value]
    return printing.pdf(PAGE, said, at=statement.approved_at or statement.drafted_at)
