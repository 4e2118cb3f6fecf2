"""Statements of what merchants are owed: lines, files, approval and payment."""

from typing import Any

from django.http.response import HttpResponseBase
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, DateField
from backend.api.filters import DayFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.documents import api as documents
from backend.replica import from_replica
from merchants.partners.api.members import at_owned
from merchants.partners.api.serializers import (
    PartnerCommunitySerializer,
    PartnerSerializer,
)
from merchants.redemption.api.refunds import RefundSerializer
from merchants.redemption.api.serializers import StatementLineSerializer
from merchants.redemption.models import Redemption, Refund
from merchants.settlement import selectors
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import files
from merchants.settlement.services import statements as settlement
from points.ledger.errors import ExportTooLarge
from points.seals.api.serializers import ReceiptSerializer
from points.seals.api.views import receipt_of

# Limits of a sheet, and of pages that a person can read and a process of 400 MB can set.
MOST_LINES = {"csv": 1_000_000, "xlsx": 1_000_000, "pdf": 5_000, "html": 5_000}


class ServiceSerializer(serializers.Serializer[Any]):
    """Volunteers' services for the merchant in one activity, never worth money."""

    activity_id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(read_only=True)
    volunteers = serializers.IntegerField(read_only=True)
    minutes = serializers.IntegerField(read_only=True)


class StatementSerializer(ReadSerializer[Statement]):
    """A statement. The end of the period is not part of it.

    ``points`` and ``amount_fen`` are the sums of its redemptions less its refunds. ``carried_fen``,
    0 or less, comes from the statement before; ``due_fen`` is what is to be paid. Approval adds a
    ``number`` and a ``digest`` (SHA-256) of the content. ``drafted_by`` is null if the nightly task
    drafted it.
    """

    merchant = PartnerSerializer(source="partnership", read_only=True)
    community = PartnerCommunitySerializer(read_only=True)
    number = serializers.CharField(read_only=True)
    due_fen = serializers.IntegerField(read_only=True)
    services = ServiceSerializer(many=True, read_only=True)
    drafted_by = ColleagueSerializer(read_only=True, allow_null=True)
    approved_by = ColleagueSerializer(read_only=True, allow_null=True)
    paid_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Statement
        fields = (
            "id",
            "partnership_id",
            "period_start",
            "period_end",
            "status",
            "redemptions_count",
            "refunds_count",
            "points",
            "amount_fen",
            "carried_fen",
            "digest",
            "drafted_at",
            "approved_at",
            "paid_at",
            "payment_reference",
        )


class RefundLineSerializer(RefundSerializer):
    """A refund in a statement, which deducts it: ``points`` and ``amount_fen`` are negative."""

    offer_code = serializers.CharField(source="redemption.offer.code", read_only=True)
    offer_title = serializers.CharField(source="redemption.offer.title", read_only=True)
    points = serializers.SerializerMethodField()
    amount_fen = serializers.SerializerMethodField()
    refunded_by = ColleagueSerializer(read_only=True)

    def get_points(self, refund: Refund) -> int:
        return -refund.points

    def get_amount_fen(self, refund: Refund) -> int:
        return -refund.amount_fen


class PeriodSerializer(serializers.Serializer[Any]):
    """A period in the community's days. The end is not part of it."""

    period_start = DateField()
    period_end = DateField()


class PaymentSerializer(serializers.Serializer[Any]):
    """A payment; ``payment_reference`` is the bank's, for instance, or empty if nothing was due."""

    payment_reference = CharField(max_length=64, allow_blank=True, default="")


class StatementFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Statement.Status.choices)
    partnership = filters.UUIDFilter(help_text="The id of a partnership.")
    text = TextFilter("partnership__name", help_text="Part of the merchant's name.")
    since = DayFilter(
        field_name="period_end", lookup_expr="gt", help_text="Periods with this day or later ones."
    )
    until = DayFilter(
        field_name="period_start", lookup_expr="lte", help_text="Periods with this day or earlier."
    )


SEEN: Any = seen(selectors.statements_seen_by, "statement_id")
HANDLED = seen(selectors.statements_handled_by, "statement_id")


# --- lists ------------------------------------------------------------------------------------
@from_replica
class MerchantStatementListView(ListView[Statement]):
    """List the merchant's statements, as owner, newest first.

    ``GET /api/v1/merchants/{merchant_id}/statements``
    """

    serializer_class = StatementSerializer
    filterset_class = StatementFilter
    finds = at_owned(selectors.statements_of)


@from_replica
class CommunityStatementListView(ListView[Statement]):
    """List a community's statements, as staff or auditor, newest first.

    ``GET /api/v1/communities/{code}/statements``
    """

    serializer_class = StatementSerializer
    filterset_class = StatementFilter
    finds = in_community(WATCHES_OVER, selectors.statements_in)

    @writes(
        StatementSerializer,
        community(HANDLES),
        body=PeriodSerializer,
        creates=selectors.statements_in,
        many=True,
    )
    def post(self, user: User, community: Community, **facts: Any) -> list[Statement]:
        """Draft a period by hand, as staff: ``POST /api/v1/communities/{code}/statements``.

        Returns the new drafts: none for a merchant whose period is drafted already, or who has
        nothing unsettled.
        """
        return settlement.draft(community=community, drafted_by=user, **facts)


# --- one statement ----------------------------------------------------------------------------
@from_replica
class StatementView(OpenView[Statement]):
    """Open a statement, as owner, staff or auditor: ``GET /api/v1/statements/{statement_id}``."""

    serializer_class = StatementSerializer
    finds = SEEN


@from_replica
class StatementProofView(OpenView[Statement]):
    """Prove an approved statement to be sealed, as owner, staff or auditor.

    ``GET /api/v1/statements/{statement_id}/proof``. ``points/verify_receipt.py`` checks the receipt
    against the published seals, without our help. ``not_sealed_yet`` for a few minutes after the
    approval, and before it.
    """

    serializer_class = ReceiptSerializer
    finds = receipt_of(SEEN, "statement")


@from_replica
class StatementRedemptionListView(ListView[Redemption]):
    """List settled redemptions: ``GET /api/v1/statements/{statement_id}/redemptions``."""

    serializer_class = StatementLineSerializer
    finds = below(SEEN, selectors.lines_of)


@from_replica
class StatementRefundListView(ListView[Refund]):
    """List deducted refunds: ``GET /api/v1/statements/{statement_id}/refunds``."""

    serializer_class = RefundLineSerializer
    finds = below(SEEN, selectors.refunds_in)


@extend_schema(responses=documents.LATER)
class StatementFileView(APIView):
    """Fetch a statement as a file: ``GET /api/v1/statements/{statement_id}/lines.{format}``.

    ``csv``, ``xlsx``, ``pdf``, or ``html`` to print. Above 500 lines a task makes the file: 202
    until it is there, with ``Retry-After`` and its address in ``Location``. The file of an approved
    statement is made once and kept.
    """

    def get(self, request: Request, **named: Any) -> HttpResponseBase:
        statement = SEEN(request, **named)
        limit = MOST_LINES[request.accepted_renderer.format]
        lines = statement.redemptions_count + statement.refunds_count
        if lines > limit:
            raise ExportTooLarge(limit=limit)
        return documents.answer(
            request,
            community=statement.community,
            kind="statement",
            about=files.about(statement),
            is_long=lines > documents.AT_ONCE,
            is_final=statement.status in (Statement.Status.APPROVED, Statement.Status.PAID),
        )


class StatementApproveView(APIView):
    """Approve another's draft, as staff: ``POST /api/v1/statements/{statement_id}/approve``.

    Idempotent: keeps the first approval.
    """

    @writes(StatementSerializer, HANDLED, needs_key=True)
    def post(self, user: User, statement: Statement) -> Statement:
        return settlement.approve(statement=statement, approver=user)


class StatementPayView(APIView):
    """Record a payment: ``POST /api/v1/statements/{statement_id}/pay``.

    For staff. Idempotent: keeps the first payment.
    """

    @writes(StatementSerializer, HANDLED, body=PaymentSerializer, needs_key=True)
    def post(self, user: User, statement: Statement, **facts: Any) -> Statement:
        return settlement.mark_paid(statement=statement, payer=user, **facts)
