"""Seals, for everybody."""

from typing import Any

from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from backend.api.idempotency import Finds
from backend.api.paging import CursorPagination
from backend.api.views import ListView, OpenView, below
from backend.audit.models import AuditEntry
from backend.communities.api.audit import audited_place
from backend.communities.models import Community
from backend.communities.selectors import audit_entries_in, community_among
from backend.replica import from_replica
from points.seals import selectors
from points.seals.api.serializers import ReceiptSerializer, SealSerializer
from points.seals.models import Seal
from points.seals.services import sealing


class HighestNumberFirst(CursorPagination):
    ordering = "-number"


def any_place(request: Request, **names: Any) -> Community:
    """Return the place ``code`` that has seals, for anybody."""
    return community_among(Community.objects.all(), names["code"])


def receipt_of(row: Finds, kind: str = "transfer") -> Finds:
    """Return a finder of receipts for what ``row`` finds. Raises NotSealedYet, SealBroken."""

    def find(request: Request, **names: Any) -> Any:
        found: Any = row(request, **names)
        return sealing.receipt(found, kind)

    return find


@from_replica
class SealListView(ListView[Seal]):
    """List the published heads, newest first: ``GET /api/v1/communities/{code}/seals``. Public.

    ``points/verify_receipt.py`` compares a receipt with a page of this list.
    """

    permission_classes = (AllowAny,)
    serializer_class = SealSerializer
    pagination_class = HighestNumberFirst
    finds = below(any_place, selectors.seals_of)


@from_replica
class SealView(OpenView[Seal]):
    """Open a published head: ``GET /api/v1/communities/{code}/seals/{number}``. Public."""

    permission_classes = (AllowAny,)
    serializer_class = SealSerializer
    finds = below(any_place, selectors.seals_of, "number", by="number")


@from_replica
class AuditEntryProofView(OpenView[AuditEntry]):
    """Prove that an act on the audit trail is sealed, as auditor.

    ``GET /api/v1/communities/{code}/audit-entries/{entry_id}/proof``
    """

    serializer_class = ReceiptSerializer
    finds = receipt_of(below(audited_place, audit_entries_in, "entry_id"), "audit")
