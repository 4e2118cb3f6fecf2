"""Settlements: what an owner is owed, and what staff draft, approve and pay."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.filters import CommunityFilter
from backend.api.idempotency import idempotent, seen
from backend.communities.api.shown import in_community
from backend.communities.selectors import HANDLES, communities_where
from merchants.partners.api.members import owned
from merchants.redemption.api.serializers import StatementLineSerializer
from merchants.redemption.models import Redemption
from merchants.settlement import selectors
from merchants.settlement.api.serializers import (
    HandledStatementSerializer,
    PaymentSerializer,
    PeriodSerializer,
    StatementSerializer,
)
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import statements as settlement


# --- owners -----------------------------------------------------------------------------------
class MerchantStatementListView(ListAPIView[Statement]):
    """What an owner is owed: ``GET /api/v1/merchants/{merchant_id}/statements``."""

    serializer_class = StatementSerializer
    queryset = Statement.objects.none()

    def get_queryset(self) -> QuerySet[Statement]:
        return statements_owned(self.request, self.kwargs["merchant_id"])


class MerchantStatementView(RetrieveAPIView[Statement]):
    """One of them: ``GET /api/v1/merchants/{merchant_id}/statements/{statement_id}``."""

    serializer_class = StatementSerializer
    queryset = Statement.objects.none()
    lookup_url_kwarg = "statement_id"

    def get_queryset(self) -> QuerySet[Statement]:
        return statements_owned(self.request, self.kwargs["merchant_id"])


class MerchantStatementLineListView(ListAPIView[Redemption]):
    """Its lines: ``GET /api/v1/merchants/{merchant_id}/statements/{statement_id}/redemptions``."""

    serializer_class = StatementLineSerializer
    queryset = Redemption.objects.none()

    def get_queryset(self) -> QuerySet[Redemption]:
        statements = statements_owned(self.request, self.kwargs["merchant_id"])
        return selectors.lines_of(get_object_or_404(statements, pk=self.kwargs["statement_id"]))


def statements_owned(request: Request, merchant_id: UUID) -> QuerySet[Statement]:
    """Those of a merchant the caller owns, or 404."""
    return selectors.statements_of(owned(request, merchant_id))


# --- staff ------------------------------------------------------------------------------------
class StatementFilter(CommunityFilter):
    status = filters.ChoiceFilter(choices=Statement.Status.choices)


class StatementListView(ListAPIView[Statement]):
    """Settlements of the communities I watch over: ``GET /api/v1/statements``."""

    serializer_class = HandledStatementSerializer
    queryset = Statement.objects.none()
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = StatementFilter

    def get_queryset(self) -> QuerySet[Statement]:
        return selectors.statements_seen_by(signed_in(self.request))


class StatementView(RetrieveAPIView[Statement]):
    """One of them: ``GET /api/v1/statements/{statement_id}``."""

    serializer_class = HandledStatementSerializer
    queryset = Statement.objects.none()
    lookup_url_kwarg = "statement_id"

    def get_queryset(self) -> QuerySet[Statement]:
        return selectors.statements_seen_by(signed_in(self.request))


class StatementLineListView(ListAPIView[Redemption]):
    """Its lines: ``GET /api/v1/statements/{statement_id}/redemptions``."""

    serializer_class = StatementLineSerializer
    queryset = Redemption.objects.none()

    def get_queryset(self) -> QuerySet[Redemption]:
        statements = selectors.statements_seen_by(signed_in(self.request))
        return selectors.lines_of(get_object_or_404(statements, pk=self.kwargs["statement_id"]))


class StatementApproveView(APIView):
    """Somebody other than the drafter agrees: ``POST /api/v1/statements/{statement_id}/approve``.

    Refused with ``own_draft``, ``statement_state_wrong``.
    """

    @extend_schema(request=None, responses=HandledStatementSerializer)
    @idempotent(seen(selectors.statements_handled_by, "statement_id"), HandledStatementSerializer)
    def post(self, request: Request, statement_id: UUID) -> Response:
        user = signed_in(request)
        statement = get_object_or_404(selectors.statements_handled_by(user), pk=statement_id)
        approved = settlement.approve(statement=statement, approver=user)
        return Response(HandledStatementSerializer(approved).data)


class StatementPayView(APIView):
    """The money has gone out: ``POST /api/v1/statements/{statement_id}/pay``.

    Refused with ``statement_state_wrong`` before it is approved; again, the first payment stands.
    """

    @extend_schema(request=PaymentSerializer, responses=HandledStatementSerializer)
    @idempotent(seen(selectors.statements_handled_by, "statement_id"), HandledStatementSerializer)
    def post(self, request: Request, statement_id: UUID) -> Response:
        user = signed_in(request)
        statement = get_object_or_404(selectors.statements_handled_by(user), pk=statement_id)
        body = PaymentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        paid = settlement.mark_paid(statement=statement, payer=user, **body.validated_data)
        return Response(HandledStatementSerializer(paid).data)


class CommunityStatementListView(APIView):
    """Draft a period by hand: ``POST /api/v1/communities/{code}/statements``.

    Answers what was drafted: nothing for a merchant whose period is drafted already, or who has
    nothing unsettled. Refused with ``period_not_in_order``, ``period_not_over``.
    """

    @extend_schema(request=PeriodSerializer, responses={201: HandledStatementSerializer(many=True)})
    @idempotent(
        in_community(HANDLES, selectors.statements_in), HandledStatementSerializer, many=True
    )
    def post(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = PeriodSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        drafted = settlement.draft(community=community, drafted_by=user, **body.validated_data)
        return Response(
            HandledStatementSerializer(drafted, many=True).data, status=status.HTTP_201_CREATED
        )
