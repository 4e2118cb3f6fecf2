"""Statements of what merchants are owed: their lines and files, and what staff do with them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.fields import CharField, DateField
from backend.api.filters import DayFilter
from backend.api.idempotency import idempotent
from backend.api.views import seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, communities_where
from backend.documents import api as documents
from merchants.partners.api.members import owned
from merchants.partners.api.serializers import (
    ColleagueSerializer,
    PartnerCommunitySerializer,
    PartnerSerializer,
)
from merchants.redemption.api.records import WatchedCommunity
from merchants.redemption.api.refunds import RefundSerializer
from merchants.redemption.api.serializers import StatementLineSerializer
from merchants.redemption.models import Redemption, Refund
from merchants.settlement import selectors
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import files
from merchants.settlement.services import statements as settlement
from points.ledger.errors import ExportTooLarge

# What one sheet holds; and pages that somebody may still want to read, set by a process of 400 MB.
MOST_LINES = {"csv": 1_000_000, "xlsx": 1_000_000, "pdf": 5_000, "html": 5_000}


class ServiceSerializer(serializers.Serializer[Any]):
    """What volunteers did for the merchant in one activity: never worth money."""

    activity_id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(read_only=True)
    volunteers = serializers.IntegerField(read_only=True)
    minutes = serializers.IntegerField(read_only=True)


class StatementSerializer(serializers.ModelSerializer[Statement]):
    """A statement. The end of the period is not part of it.

    ``points`` and ``amount_fen`` are the sums of its redemptions less its refunds; ``carried_fen``,
    0 or less, is left over from the statement before, and ``due_fen`` is what is paid. From
    approval on there are a ``number`` and a ``digest`` (SHA-256) of all of it. ``drafted_by`` is
    null where the nightly task drafted it.
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
            "merchant",
            "community",
            "period_start",
            "period_end",
            "status",
            "number",
            "redemptions_count",
            "refunds_count",
            "points",
            "amount_fen",
            "carried_fen",
            "due_fen",
            "services",
            "digest",
            "drafted_at",
            "drafted_by",
            "approved_at",
            "approved_by",
            "paid_at",
            "paid_by",
            "payment_reference",
        )
        read_only_fields = fields


class RefundLineSerializer(RefundSerializer):
    """A refund in a statement, which takes it off: ``points`` and ``amount_fen`` are below zero."""

    offer_code = serializers.CharField(source="redemption.offer.code", read_only=True)
    offer_title = serializers.CharField(source="redemption.offer.title", read_only=True)
    points = serializers.SerializerMethodField()
    amount_fen = serializers.SerializerMethodField()
    refunded_by = ColleagueSerializer(read_only=True)

    class Meta(RefundSerializer.Meta):
        fields = (
            *RefundSerializer.Meta.fields,
            "offer_code",
            "offer_title",
            "amount_fen",
            "refunded_by",
        )
        read_only_fields = fields

    def get_points(self, refund: Refund) -> int:
        return -refund.points

    def get_amount_fen(self, refund: Refund) -> int:
        return -refund.amount_fen


class PeriodSerializer(serializers.Serializer[Any]):
    """The community's days. The end is not part of the period."""

    period_start = DateField()
    period_end = DateField()


class PaymentSerializer(serializers.Serializer[Any]):
    """``payment_reference`` is the bank's, for instance. It is empty where nothing was due."""

    payment_reference = CharField(max_length=64, allow_blank=True, default="")


class StatementFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Statement.Status.choices)
    partnership = filters.UUIDFilter(help_text="The id of a partnership.")
    since = DayFilter(
        field_name="period_end", lookup_expr="gt", help_text="Periods with this day or later ones."
    )
    until = DayFilter(
        field_name="period_start", lookup_expr="lte", help_text="Periods with this day or earlier."
    )


# --- lists ------------------------------------------------------------------------------------
class MerchantStatementListView(ListAPIView[Statement]):
    """An owner lists the merchant's statements, newest first.

    ``GET /api/v1/merchants/{merchant_id}/statements``
    """

    serializer_class = StatementSerializer
    queryset = Statement.objects.none()
    filterset_class = StatementFilter

    def get_queryset(self) -> QuerySet[Statement]:
        return selectors.statements_of(owned(self.request, self.kwargs["merchant_id"]))


class CommunityStatementListView(WatchedCommunity, ListAPIView[Statement]):
    """Staff and auditors list a community's statements, newest first.

    ``GET /api/v1/communities/{code}/statements``
    """

    serializer_class = StatementSerializer
    queryset = Statement.objects.none()
    filterset_class = StatementFilter

    def get_queryset(self) -> QuerySet[Statement]:
        return selectors.statements_in(self.community)

    @extend_schema(request=PeriodSerializer, responses={201: StatementSerializer(many=True)})
    @idempotent(in_community(HANDLES, selectors.statements_in), StatementSerializer, many=True)
    def post(self, request: Request, code: str) -> Response:
        """Staff draft a period by hand: ``POST /api/v1/communities/{code}/statements``.

        Answers what was drafted: nothing for a merchant whose period is drafted already, or who has
        nothing unsettled. Refused with ``period_not_in_order``, ``period_not_over``.
        """
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = PeriodSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        drafted = settlement.draft(community=community, drafted_by=user, **body.validated_data)
        return Response(
            StatementSerializer(drafted, many=True).data, status=status.HTTP_201_CREATED
        )


# --- one statement ----------------------------------------------------------------------------
def statement_seen(request: Request, statement_id: UUID) -> Statement:
    """A statement that the caller may read, or 404."""
    return get_object_or_404(selectors.statements_seen_by(signed_in(request)), pk=statement_id)


def statement_handled(request: Request, statement_id: UUID) -> Statement:
    """A statement that the caller handles as staff, or 404."""
    return get_object_or_404(selectors.statements_handled_by(signed_in(request)), pk=statement_id)


class StatementView(RetrieveAPIView[Statement]):
    """The owner, staff and auditors read one: ``GET /api/v1/statements/{statement_id}``."""

    serializer_class = StatementSerializer
    queryset = Statement.objects.none()
    lookup_url_kwarg = "statement_id"

    def get_queryset(self) -> QuerySet[Statement]:
        return selectors.statements_seen_by(signed_in(self.request))


class StatementRedemptionListView(ListAPIView[Redemption]):
    """The redemptions it settles: ``GET /api/v1/statements/{statement_id}/redemptions``."""

    serializer_class = StatementLineSerializer
    queryset = Redemption.objects.none()

    def get_queryset(self) -> QuerySet[Redemption]:
        return selectors.lines_of(statement_seen(self.request, self.kwargs["statement_id"]))


class StatementRefundListView(ListAPIView[Refund]):
    """The refunds it takes off: ``GET /api/v1/statements/{statement_id}/refunds``."""

    serializer_class = RefundLineSerializer
    queryset = Refund.objects.none()

    def get_queryset(self) -> QuerySet[Refund]:
        return selectors.refunds_in(statement_seen(self.request, self.kwargs["statement_id"]))


@extend_schema(responses=documents.LATER)
class StatementFileView(APIView):
    """A statement as a file: ``GET /api/v1/statements/{statement_id}/lines.{format}``.

    ``csv``, ``xlsx``, ``pdf``, or ``html`` to print. Above 500 lines a task makes the file: 202
    until it is there, with ``Retry-After`` and, as ``Location``, where it will be. The file of an
    approved statement is made once, and stays. Refused with ``export_too_large``,
    ``too_many_documents``.
    """

    def get(self, request: Request, statement_id: UUID) -> HttpResponseBase:
        statement = statement_seen(request, statement_id)
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
    """Staff approve a draft of somebody else's: ``POST /api/v1/statements/{statement_id}/approve``.

    Idempotent: an approved statement stays as it is. Refused with ``own_draft``,
    ``own_merchant``, ``statement_questioned``, ``statement_status_wrong``.
    """

    @extend_schema(request=None, responses=StatementSerializer)
    @idempotent(seen(selectors.statements_handled_by, "statement_id"), StatementSerializer)
    def post(self, request: Request, statement_id: UUID) -> Response:
        statement = statement_handled(request, statement_id)
        approved = settlement.approve(statement=statement, approver=signed_in(request))
        return Response(StatementSerializer(approved).data)


class StatementPayView(APIView):
    """Staff record that the money has gone out: ``POST /api/v1/statements/{statement_id}/pay``.

    Idempotent: the first payment stands. Refused with ``own_approval``, ``own_merchant``,
    ``payout_under_way``, and ``statement_status_wrong`` before it is approved.
    """

    @extend_schema(request=PaymentSerializer, responses=StatementSerializer)
    @idempotent(seen(selectors.statements_handled_by, "statement_id"), StatementSerializer)
    def post(self, request: Request, statement_id: UUID) -> Response:
        statement = statement_handled(request, statement_id)
        body = PaymentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        paid = settlement.mark_paid(
            statement=statement, payer=signed_in(request), **body.validated_data
        )
        return Response(StatementSerializer(paid).data)
