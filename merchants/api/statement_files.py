"""A statement as a file: for a spreadsheet, as a page to print, and as PDF."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from backend import printing
from backend.api import files
from backend.api.callers import signed_in
from backend.api.renderers import FileRenderer
from backend.spreadsheets import Cell, Sheet
from merchants import selectors
from merchants.api.statements import statements_owned
from merchants.models import Statement
from points.errors import ExportTooLarge

MOST_LINES = {"csv": 100_000, "xlsx": 100_000, "pdf": 5_000, "html": 5_000}
PAGE = Path(__file__).parents[1] / "templates" / "merchants" / "statement.typ"


class PDFRenderer(FileRenderer):
    media_type = "application/pdf"
    format = "pdf"


class PageRenderer(FileRenderer):
    media_type = "text/html"
    format = "html"
    charset = "utf-8"


RENDERERS = (files.CSVRenderer, files.XLSXRenderer, PDFRenderer, PageRenderer)


@extend_schema(responses=OpenApiTypes.BINARY)
class MerchantStatementFileView(APIView):
    """A statement of mine as a file.

    ``GET /api/v1/merchants/{merchant_id}/statements/{statement_id}/lines.{format}``: ``csv``,
    ``xlsx``, ``pdf``, or ``html`` to print. Refused with ``export_too_large``.
    """

    def get(self, request: Request, merchant_id: UUID, statement_id: UUID) -> HttpResponseBase:
        owned = statements_owned(request, merchant_id)
        return _answer(request, get_object_or_404(owned, pk=statement_id))


@extend_schema(responses=OpenApiTypes.BINARY)
class StatementFileView(APIView):
    """The same for staff and auditors: ``GET /api/v1/statements/{statement_id}/lines.{format}``.

    ``csv``, ``xlsx``, ``pdf``, or ``html`` to print. Refused with ``export_too_large``.
    """

    def get(self, request: Request, statement_id: UUID) -> HttpResponseBase:
        seen = selectors.statements_seen_by(signed_in(request))
        return _answer(request, get_object_or_404(seen, pk=statement_id))


def _answer(request: Request, statement: Statement) -> HttpResponseBase:
    wanted: str = request.accepted_renderer.format
    limit = MOST_LINES[wanted]
    if statement.redemptions_count + statement.refunds_count > limit:
        raise ExportTooLarge(limit=limit)
    name = f"{_title(statement)} {statement.partnership.name} {statement.period_start}"
    if wanted in ("csv", "xlsx"):
        return files.answer(request, Sheet(name, _header(), _lines(statement)))
    if wanted == "html":
        page = render_to_string("merchants/statement.html", _facts(statement))
        return HttpResponse(page, content_type="text/html; charset=utf-8")
    return FileResponse(
        _pdf(statement),
        as_attachment=True,
        filename=files.named(name, "pdf"),
        content_type=PDFRenderer.media_type,
    )


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
    """Redemptions, then refunds, which are below zero, each in their order of time."""
    clock = statement.community.clock
    redeemed = selectors.lines_of(statement).order_by("closed_at", "id")
    for at, code, title, quantity, points, fen, pk in redeemed.values_list(
        "closed_at", "offer__code", "offer__title", "quantity", "price_points", "amount_fen", "pk"
    ):
        assert at is not None
        local = at.astimezone(clock)
        yield [local, _("Redemption"), code, title, quantity, points, fen, str(pk)]
    given_back = selectors.refunds_in(statement).order_by("refunded_at", "id")
    for refunded_at, code, title, quantity, points, fen, pk in given_back.values_list(
        "refunded_at",
        "redemption__offer__code",
        "redemption__offer__title",
        "quantity",
        "points",
        "amount_fen",
        "pk",
    ):
        local = refunded_at.astimezone(clock)
        yield [local, _("Refund"), code, title, -quantity, -points, -fen, str(pk)]


def _facts(statement: Statement) -> dict[str, Any]:
    """What the page and the PDF say, in the words of the reader's language."""
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
    """``-1205`` is ``-12.05 元``."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02} 元"


def _name(person: Any) -> str:
    return person.shown_name if person else ""


# --- PDF --------------------------------------------------------------------------------------
def _pdf(statement: Statement) -> io.BytesIO:
    said = {**_facts(statement), "language": (get_language() or "zh")[:2]}
    said["facts"] = [[name, value] for name, value in said["facts"] if value]
    return io.BytesIO(printing.pdf(PAGE, said, at=statement.approved_at or statement.drafted_at))
