"""Offers and vouchers for volunteers, the counter for merchants, settlement for staff."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
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
from backend.api.idempotency import idempotent
from backend.communities.selectors import HANDLES, communities_where
from backend.errors import Refusal
from merchants import selectors
from merchants.api.clerks import owned
from merchants.api.screen import ScannedSerializer, explained, shown
from merchants.api.serializers import (
    HandledStatementSerializer,
    OfferSerializer,
    OwnersRedeemedSerializer,
    PaymentSerializer,
    PeriodSerializer,
    RedeemedSerializer,
    ScanSerializer,
    StatementLineSerializer,
    StatementSerializer,
    TakeSerializer,
    VoucherSerializer,
    WorkplaceSerializer,
)
from merchants.errors import MerchantUnknown
from merchants.models import Merchant, MerchantMember, Offer, Redemption, Statement
from merchants.services import redemption as redemptions
from merchants.services import settlement

# --- volunteers -------------------------------------------------------------------------------


class OfferFilter(CommunityFilter):
    code = filters.CharFilter(label="The offer's own code.")


class OfferListView(ListAPIView[Offer]):
    """What I may spend points on: ``GET /api/v1/offers``."""

    serializer_class = OfferSerializer
    queryset = Offer.objects.none()
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = OfferFilter

    def get_queryset(self) -> QuerySet[Offer]:
        return selectors.offers_open_to(signed_in(self.request))


class OfferView(RetrieveAPIView[Offer]):
    """One of them: ``GET /api/v1/offers/{offer_id}``."""

    serializer_class = OfferSerializer
    queryset = Offer.objects.none()
    lookup_url_kwarg = "offer_id"

    def get_queryset(self) -> QuerySet[Offer]:
        return selectors.offers_open_to(signed_in(self.request))


class TakeView(APIView):
    """I take it: ``POST /api/v1/offers/{offer_id}/redemptions``.

    Points and stock are set aside until the voucher is scanned, cancelled or lapses. Refused
    with ``offer_withdrawn``, ``insufficient_points``, ``out_of_stock``.
    """

    @extend_schema(request=TakeSerializer, responses={201: VoucherSerializer})
    @idempotent
    def post(self, request: Request, offer_id: UUID) -> Response:
        user = signed_in(request)
        offer = get_object_or_404(selectors.offers_known_to(user), pk=offer_id)
        body = TakeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        voucher = redemptions.take(offer=offer, volunteer=user, **body.validated_data)
        return Response(VoucherSerializer(voucher).data, status=status.HTTP_201_CREATED)


class MyVoucherListView(ListAPIView[Redemption]):
    """What I took: ``GET /api/v1/me/redemptions``."""

    serializer_class = VoucherSerializer
    queryset = Redemption.objects.none()

    def get_queryset(self) -> QuerySet[Redemption]:
        return selectors.redemptions_of(signed_in(self.request))


class MyVoucherView(RetrieveAPIView[Redemption]):
    """One of them: ``GET /api/v1/me/redemptions/{redemption_id}``."""

    serializer_class = VoucherSerializer
    queryset = Redemption.objects.none()
    lookup_url_kwarg = "redemption_id"

    def get_queryset(self) -> QuerySet[Redemption]:
        return selectors.redemptions_of(signed_in(self.request))


class MyVoucherCancelView(APIView):
    """I do not want it after all: ``POST /api/v1/me/redemptions/{redemption_id}/cancel``.

    Refused with ``voucher_state_wrong`` once it has been scanned.
    """

    @extend_schema(request=None, responses=VoucherSerializer)
    @idempotent
    def post(self, request: Request, redemption_id: UUID) -> Response:
        mine = selectors.redemptions_of(signed_in(request))
        voucher = redemptions.cancel(redemption=get_object_or_404(mine, pk=redemption_id))
        return Response(VoucherSerializer(voucher).data)


# --- clerks and owners ------------------------------------------------------------------------


class WorkplaceListView(ListAPIView[Merchant]):
    """Where I work: ``GET /api/v1/merchants``."""

    serializer_class = WorkplaceSerializer
    queryset = Merchant.objects.none()

    def get_queryset(self) -> QuerySet[Merchant]:
        return selectors.merchants_of(signed_in(self.request))


_SCAN = ScanSerializer()  # made once: its fields take longer to copy than to check


class ScanView(APIView):
    """A clerk scans a voucher: ``POST /api/v1/merchants/{merchant_id}/scans``.

    Refused with ``code_unknown``, ``code_tampered``, ``not_your_merchant``, ``code_used`` (and
    when), ``code_cancelled``, ``code_expired``, ``quantity_too_large``, each with a ``colour``, a
    ``sound`` and ``what_to_do``; every attempt stays on record. Nobody tries more than 20 unknown
    codes an hour (429).
    """

    @extend_schema(request=ScanSerializer, responses={201: ScannedSerializer})
    @idempotent
    def post(self, request: Request, merchant_id: UUID) -> Response:
        body = _SCAN.run_validation(request.data)
        try:
            scan = redemptions.scan_part if "quantity" in body else redemptions.scan
            scanned = scan(merchant_id=merchant_id, clerk=signed_in(request), **body)
        except MerchantUnknown:
            raise Http404 from None
        except Refusal as refusal:
            raise explained(refusal) from None
        return Response(shown(scanned), status=status.HTTP_201_CREATED)


class RedeemedListView(ListAPIView[Redemption]):
    """What was redeemed here: ``GET /api/v1/merchants/{merchant_id}/redemptions``.

    Owners see which clerk it was, ``redeemed_by``; clerks do not.
    """

    serializer_class = OwnersRedeemedSerializer
    queryset = Redemption.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        jobs = selectors.jobs_of(signed_in(request))
        job = get_object_or_404(jobs, merchant=kwargs["merchant_id"])
        is_owner = job.role == MerchantMember.Role.OWNER
        shape = OwnersRedeemedSerializer if is_owner else RedeemedSerializer
        page = self.paginate_queryset(selectors.redemptions_at(job.merchant)) or []
        return self.get_paginated_response(shape(page, many=True).data)


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
    @idempotent
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
    @idempotent
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
    @idempotent
    def post(self, request: Request, code: str) -> Response:
        user = signed_in(request)
        community = get_object_or_404(communities_where(user, HANDLES), code=code)
        body = PeriodSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        drafted = settlement.draft(community=community, drafted_by=user, **body.validated_data)
        return Response(
            HandledStatementSerializer(drafted, many=True).data, status=status.HTTP_201_CREATED
        )
