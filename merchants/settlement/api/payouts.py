"""Paying merchants by WeChat, what WeChat tells of it, and where a bank pays them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, permissions, serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.fields import DigitsField
from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.idempotency import below, idempotent, seen
from backend.wechat.pay import NotFromWeChatPay
from merchants.partners.api.members import at_owned, owned
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.settlement import selectors
from merchants.settlement.api.statements import statements_owned
from merchants.settlement.models.payouts import BankAccount, Payout
from merchants.settlement.services import bank_accounts, payouts


class PayoutSerializer(serializers.ModelSerializer[Payout]):
    """How a transfer stands; ``wechat_state`` as WeChat calls it, ``trouble`` of the last try."""

    out_bill_no = serializers.CharField(read_only=True)
    ordered_by = ColleagueSerializer(read_only=True)

    class Meta:
        model = Payout
        fields: tuple[str, ...] = (
            "id",
            "statement_id",
            "amount_fen",
            "state",
            "wechat_state",
            "trouble",
            "fail_reason",
            "out_bill_no",
            "transfer_bill_no",
            "ordered_by",
            "ordered_at",
            "sent_at",
            "cancel_asked_at",
            "finished_at",
        )
        read_only_fields = fields


class OwnersPayoutSerializer(serializers.ModelSerializer[Payout]):
    """``package_info`` is for ``wx.requestMerchantTransfer`` of the payee, empty for others."""

    package_info = serializers.SerializerMethodField()

    class Meta:
        model = Payout
        fields = (
            "id",
            "amount_fen",
            "state",
            "fail_reason",
            "ordered_at",
            "finished_at",
            "package_info",
        )
        read_only_fields = fields

    def get_package_info(self, payout: Payout) -> str:
        is_payee = payout.payee_id == signed_in(self.context["request"]).pk
        return payout.package_info if is_payee else ""


class BankAccountSerializer(serializers.ModelSerializer[BankAccount]):
    number = serializers.CharField(source="masked_number", read_only=True)

    class Meta:
        model = BankAccount
        fields = ("holder", "bank", "number", "changed_at")
        read_only_fields = fields


class KeepBankAccountSerializer(serializers.Serializer[Any]):
    holder = CharField(max_length=60)
    bank = CharField(max_length=60)
    number = DigitsField(min_length=8, max_length=32)


# --- staff ------------------------------------------------------------------------------------
class StatementPayoutListView(ListAPIView[Payout]):
    """How it was or is being paid: ``GET /api/v1/statements/{statement_id}/payouts``."""

    serializer_class = PayoutSerializer
    queryset = Payout.objects.none()

    def get_queryset(self) -> QuerySet[Payout]:
        seen = selectors.statements_seen_by(signed_in(self.request))
        return selectors.payouts_of(get_object_or_404(seen, pk=self.kwargs["statement_id"]))

    @extend_schema(request=None, responses={201: PayoutSerializer})
    @idempotent(
        below(seen(selectors.statements_handled_by, "statement_id"), selectors.payouts_of),
        PayoutSerializer,
    )
    def post(self, request: Request, statement_id: UUID) -> Response:
        """Pay it by WeChat: ``POST /api/v1/statements/{statement_id}/payouts``.

        The owner confirms on the phone within 24 hours. Refused with
        ``wechat_pay_not_configured``, ``statement_state_wrong``, ``own_approval``,
        ``nothing_to_pay``, ``payout_outside_limits``, ``payout_under_way``, ``payee_missing``,
        ``own_payout`` (who receives it ordered it, or approved the statement).
        """
        user = signed_in(request)
        statement = get_object_or_404(selectors.statements_handled_by(user), pk=statement_id)
        payout = payouts.order(statement=statement, ordered_by=user)
        return Response(PayoutSerializer(payout).data, status=status.HTTP_201_CREATED)


class CancelPayoutView(APIView):
    """Not after all: ``POST /api/v1/payouts/{payout_id}/cancel``.

    WeChat cancels what is not confirmed yet, a little later; it is asked until it does. Refused
    with ``payout_finished``.
    """

    @extend_schema(request=None, responses=PayoutSerializer)
    @idempotent(
        seen(selectors.payouts_handled_by, "payout_id"), PayoutSerializer, is_required=False
    )
    def post(self, request: Request, payout_id: UUID) -> Response:
        user = signed_in(request)
        payout = get_object_or_404(selectors.payouts_handled_by(user), pk=payout_id)
        return Response(PayoutSerializer(payouts.cancel(payout=payout, by=user)).data)


# --- owners -----------------------------------------------------------------------------------
class MerchantPayoutListView(ListAPIView[Payout]):
    """How my statement is being paid.

    ``GET /api/v1/merchants/{merchant_id}/statements/{statement_id}/payouts``
    """

    serializer_class = OwnersPayoutSerializer
    queryset = Payout.objects.none()

    def get_queryset(self) -> QuerySet[Payout]:
        mine = statements_owned(self.request, self.kwargs["merchant_id"])
        return selectors.payouts_of(get_object_or_404(mine, pk=self.kwargs["statement_id"]))


class BankAccountView(APIView):
    """Where a bank pays my shop: ``GET /api/v1/merchants/{merchant_id}/bank-account``."""

    @extend_schema(responses=BankAccountSerializer)
    def get(self, request: Request, merchant_id: UUID) -> Response:
        account = get_object_or_404(BankAccount, merchant=owned(request, merchant_id))
        return Response(BankAccountSerializer(account).data)

    @extend_schema(request=KeepBankAccountSerializer, responses=BankAccountSerializer)
    @idempotent(
        at_owned(lambda merchant: BankAccount.objects.filter(merchant=merchant)),
        BankAccountSerializer,
        is_required=False,
        edits=True,
    )
    def put(self, request: Request, merchant_id: UUID) -> Response:
        """Say where: ``PUT /api/v1/merchants/{merchant_id}/bank-account``. Digits alone."""
        merchant = owned(request, merchant_id)
        body = KeepBankAccountSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        kept = bank_accounts.keep(merchant=merchant, by=signed_in(request), **body.validated_data)
        return Response(BankAccountSerializer(kept).data)


# --- WeChat -----------------------------------------------------------------------------------
class WeChatPayCallbackView(APIView):
    """WeChat tells how a transfer ended: ``POST /api/v1/wechatpay/callback``.

    Signed; what is not is 401, quietly, for WeChat probes with wrong signatures.
    """

    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    throttle_classes = ()

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        try:
            payouts.called_back(headers=request.headers, raw=request.body)
        except NotFromWeChatPay:
            raise exceptions.AuthenticationFailed from None
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)
