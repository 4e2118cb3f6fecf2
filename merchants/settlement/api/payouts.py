"""Payouts: statements paid by WeChat, and WeChat's callbacks."""

from django.http import HttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, permissions, serializers, status
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.filters import DaysFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.shown import in_community
from backend.communities.selectors import WATCHES_OVER
from backend.wechat.pay import NotFromWeChatPay
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.settlement import selectors
from merchants.settlement.api.statements import HANDLED, SEEN
from merchants.settlement.models.payouts import Payout
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import payouts


class PayoutSerializer(ReadSerializer[Payout]):
    """A payout, with its status here and, as ``wechat_status``, at WeChat.

    ``reason`` is WeChat's code for why it failed, or why the last try gave no answer.
    ``package_info`` is for the payee's ``wx.requestMerchantTransfer``, empty for others.
    """

    out_bill_no = serializers.CharField(read_only=True)
    ordered_by = ColleagueSerializer(read_only=True)
    package_info = serializers.SerializerMethodField()

    class Meta:
        model = Payout
        fields = (
            "id",
            "statement_id",
            "amount_fen",
            "status",
            "wechat_status",
            "reason",
            "transfer_bill_no",
            "ordered_at",
            "sent_at",
            "cancel_asked_at",
            "finished_at",
        )

    def get_package_info(self, payout: Payout) -> str:
        is_payee = payout.payee_id == signed_in(self.context["request"]).pk
        return payout.package_info if is_payee else ""


class PayoutFilter(DaysFilter):
    moment = "ordered_at"
    status = filters.ChoiceFilter(choices=Payout.Status.choices)
    partnership = filters.UUIDFilter(
        field_name="statement__partnership", help_text="The id of a partnership."
    )


class CommunityPayoutListView(ListView[Payout]):
    """List a community's payouts, as staff or auditor, newest first.

    ``GET /api/v1/communities/{code}/payouts``
    """

    serializer_class = PayoutSerializer
    filterset_class = PayoutFilter
    finds = in_community(WATCHES_OVER, selectors.payouts_in)


class StatementPayoutListView(ListView[Payout]):
    """List a statement's payouts: ``GET /api/v1/statements/{statement_id}/payouts``."""

    serializer_class = PayoutSerializer
    finds = below(SEEN, selectors.payouts_of)

    @writes(PayoutSerializer, HANDLED, creates=selectors.payouts_of)
    def post(self, user: User, statement: Statement) -> Payout:
        """Pay a statement by WeChat, as staff: ``POST /api/v1/statements/{statement_id}/payouts``.

        The owner has to confirm on the phone within 24 hours.
        """
        return payouts.order(statement=statement, ordered_by=user)


class PayoutView(OpenView[Payout]):
    """Open a payout, as owner, staff or auditor: ``GET /api/v1/payouts/{payout_id}``."""

    serializer_class = PayoutSerializer
    finds = seen(selectors.payouts_seen_by, "payout_id")


class CancelPayoutView(APIView):
    """Cancel a payout, as staff: ``POST /api/v1/payouts/{payout_id}/cancel``.

    WeChat cancels an unconfirmed transfer a little later, and is asked until it does.
    """

    @writes(PayoutSerializer, seen(selectors.payouts_handled_by, "payout_id"))
    def post(self, user: User, payout: Payout) -> Payout:
        return payouts.cancel(payout=payout, by=user)


class WeChatPayCallbackView(APIView):
    """Take WeChat's word on how a transfer ended: ``POST /api/v1/wechatpay/callback``.

    Answers 401 without WeChat's signature, and does not log it, because WeChat probes with wrong
    signatures.
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
