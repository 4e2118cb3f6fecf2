"""Tables that auditors take away: the findings, and the audit trail."""

from datetime import datetime
from typing import IO, Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from backend.accounts.models import User
from backend.api.views import OpenView
from backend.audit.models import AuditEntry
from backend.communities.api.audit import AuditFilter, audited_place
from backend.communities.api.shown import community
from backend.communities.models import Community
from backend.communities.selectors import (
    AUDITS,
    WATCHES_OVER,
    audit_entries_in,
    places_where,
)
from backend.documents import api as documents
from backend.documents.models import Document
from backend.documents.selectors import streamed
from backend.files import spreadsheets
from backend.files.spreadsheets import Cell, Sheet
from backend.registries import checks
from backend.replica import from_replica
from backend.verification.api.views import FindingFilter
from backend.verification.models import Finding
from backend.verification.selectors import findings_of

FINDINGS, TRAIL = "findings", "audit_entries"  # kinds of documents


# --- asked for --------------------------------------------------------------------------------
@from_replica
class FindingExportView(OpenView[Finding]):
    """Fetch all findings as a file: ``GET /api/v1/communities/{code}/findings.{format}``.

    ``csv`` or ``xlsx``, narrowed down as the list is. With ``status=signed_off`` it is the report.
    Of more than 500 a task makes it: 202 until it is there, with ``Retry-After`` and ``Location``.
    """

    filterset_class = FindingFilter
    queryset = Finding.objects.none()
    finds = community(WATCHES_OVER)

    @extend_schema(filters=True, responses=documents.LATER)
    def get(self, request: Request, **named: Any) -> HttpResponseBase:  # type: ignore[override]
        place: Any = self.finds(request, **named)
        return _answer(request, place, FINDINGS, self.filter_queryset(findings_of(place)))


@from_replica
class AuditExportView(OpenView[AuditEntry]):
    """Fetch the audit trail of a place: ``GET /api/v1/communities/{code}/audit-entries.{format}``.

    ``csv`` or ``xlsx``, narrowed down as the list is; for auditors. Of more than 500 entries a task
    makes it: 202 until it is there, with ``Retry-After`` and ``Location``.
    """

    filterset_class = AuditFilter
    queryset = AuditEntry.objects.none()
    finds = audited_place

    @extend_schema(filters=True, responses=documents.LATER)
    def get(self, request: Request, **named: Any) -> HttpResponseBase:  # type: ignore[override]
        place: Any = self.finds(request, **named)
        return _answer(request, place, TRAIL, self.filter_queryset(audit_entries_in(place)))


def _answer(request: Request, place: Community, kind: str, rows: QuerySet[Any]) -> HttpResponseBase:
    asked = {name: text for name, text in request.query_params.items() if text}
    return documents.answer(
        request,
        community=place,
        kind=kind,
        about={"filters": asked},
        is_long=rows[documents.AT_ONCE : documents.AT_ONCE + 1].exists(),
    )


# --- written ----------------------------------------------------------------------------------
def findings_seen_by(user: User, document: Document) -> bool:
    """Tell whether ``user`` may read the findings of the document's community."""
    return places_where(user, WATCHES_OVER).filter(pk=document.community_id).exists()


def trail_seen_by(user: User, document: Document) -> bool:
    """Tell whether ``user`` may read the audit trail of the document's place."""
    return places_where(user, AUDITS).filter(pk=document.community_id).exists()


def write_findings(document: Document, file: IO[bytes]) -> str:
    """Write findings, oldest first, with the words of who signed them off. Returns the name."""
    columns = {
        "found_at": _("Found"),
        "kind": _("Kind"),
        "check_name": _("Check"),
        "table": _("Table"),
        "row": _("Row"),
        "because": _("Finding"),
        "gone_since": _("Gone since"),
        "status": _("Status"),
        "signed_off_at": _("Signed off at"),
        "signed_off_by__name": _("Signed off by"),
        "words": _("Words"),
        "id": _("Id"),
    }
    found = FindingFilter(document.about["filters"], findings_of(document.community)).qs
    words = {"kind": dict(checks.Kind.choices), "status": dict(Finding.Status.choices)}
    return _write(document, file, _("Findings"), found, columns, words)


def write_trail(document: Document, file: IO[bytes]) -> str:
    """Write acts, oldest first, each with who did it and what changed. Returns the file's name."""
    columns = {
        "at": _("Time"),
        "actor__name": _("Name"),
        "actor": _("Person"),
        "action": _("Action"),
        "target_type": _("What kind of thing"),
        "target_id": _("Id of the thing"),
        "before": _("Before"),
        "after": _("After"),
        "request_id": _("Request"),
        "id": _("Id"),
    }
    acts = AuditFilter(document.about["filters"], audit_entries_in(document.community)).qs
    return _write(document, file, _("Audit trail"), acts, columns, {})


def _write(
    document: Document,
    file: IO[bytes],
    content: str,
    rows: QuerySet[Any],
    columns: dict[str, str],
    words: dict[str, dict[str, Any]],
) -> str:
    """Write the rows as a table. Returns its name. ``columns`` maps fields to titles."""
    place = document.community

    def shown(name: str, value: Any) -> Cell:
        if isinstance(value, datetime):
            return value.astimezone(place.clock)
        return "" if value is None else str(words.get(name, {}).get(value, value))

    found = streamed(rows.order_by("id").values_list(*columns))
    cells = ([shown(*cell) for cell in zip(columns, row, strict=True)] for row in found)
    name = f"{place.name} {content} {place.today}"
    spreadsheets.write(Sheet(name, list(columns.values()), cells), file, document.ending)
    return name
