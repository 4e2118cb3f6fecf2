"""A statement as a file: for a spreadsheet, as a page to print, and as PDF."""

from uuid import UUID

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api import files
from backend.api.callers import signed_in
from backend.documents import api as documents
from merchants.settlement import selectors
from merchants.settlement.api.statements import statements_owned
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import statement_files
from points.ledger.errors import ExportTooLarge

# What one sheet holds; and pages that somebody may still want to read, set by a process of 400 MB.
MOST_LINES = {"csv": 1_000_000, "xlsx": 1_000_000, "pdf": 5_000, "html": 5_000}
RENDERERS = files.RENDERERS


@extend_schema(responses=documents.LATER)
class MerchantStatementFileView(APIView):
    """A statement of mine as a file.

    ``GET /api/v1/merchants/{merchant_id}/statements/{statement_id}/lines.{format}``: ``csv``,
    ``xlsx``, ``pdf``, or ``html`` to print. Above 500 lines a task makes it: 202 until it is there,
    with ``Retry-After`` and, as ``Location``, where it will be. Once the statement is approved its
    file is made once, and stays. Refused with ``export_too_large``, ``too_many_documents``.
    """

    def get(self, request: Request, merchant_id: UUID, statement_id: UUID) -> HttpResponseBase:
        owned = statements_owned(request, merchant_id)
        return _answer(request, get_object_or_404(owned, pk=statement_id))


@extend_schema(responses=documents.LATER)
class StatementFileView(APIView):
    """The same for staff and auditors: ``GET /api/v1/statements/{statement_id}/lines.{format}``.

    ``csv``, ``xlsx``, ``pdf``, or ``html`` to print; 202 until it is there. Refused with
    ``export_too_large``, ``too_many_documents``.
    """

    def get(self, request: Request, statement_id: UUID) -> HttpResponseBase:
        seen = selectors.statements_seen_by(signed_in(request))
        return _answer(request, get_object_or_404(seen, pk=statement_id))


def _answer(request: Request, statement: Statement) -> HttpResponseBase:
    limit = MOST_LINES[request.accepted_renderer.format]
    lines = statement.redemptions_count + statement.refunds_count
    if lines > limit:
        raise ExportTooLarge(limit=limit)
    return documents.answer(
        request,
        community=statement.community,
        kind="statement",
        about=statement_files.about(statement),
        is_long=lines > documents.AT_ONCE,
        is_final=statement.status in (Statement.Status.APPROVED, Statement.Status.PAID),
    )
