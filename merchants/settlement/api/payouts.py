"""Payouts: statements paid by WeChat, and what WeChat tells of them."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, permissions, serializers, status
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.api.filters import DaysFilter
from backend.api.idempotency import idempotent
from backend.api.views import below, seen
from backend.wechat.pay import NotFromWeChatPay
from merchants.partners.api.serializers import ColleagueSerializer
from merchants.redemption.api.records import WatchedCommunity
from merchants.settlement import selectors
from merchants.settlement.api.statements import statement_handled, statement_seen
from merchants.settlement.models.payouts import Payout
from merchants.settlement.services import payouts


class PayoutSerializer(serializers.ModelSerializer[Payout]):
    """How a payout stands, and ``wechat_status`` as WeChat calls it.

    ``reason`` is WeChat's code for why it failed, or for why the last try told nothing.
    ``package_info`` is for ``wx.requestMerchantTransfer`` of the payee, and empty for others.
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
            "out_bill_no",
            "transfer_bill_no",
            "package_info",
            "ordered_by",
            "ordered_at",
            "sent_at",
            "cancel_asked_at",
            "finished_at",
        )
        read_only_fields = fields

    def get_package_info(self, payout: Payout) -> str:
        is_payee = payout.payee_id == signed_in(self.context["request"]).pk
        return payout.package_info if is_payee else ""


class PayoutFilter(DaysFilter):
    moment = "ordered_at"
    status = filters.ChoiceFilter(choices=Payout.Status.choices)
    partnership = filters.UUIDFilter(
        field_name="statement__partnership", help_text="The id of a partnership."
    )


class CommunityPayoutListView(WatchedCommunity, ListAPIView[Payout]):
    """Staff and auditors list a community's payouts, newest first.

    ``GET /api/v1/communities/{code}/payouts``
    """

    serializer_class = PayoutSerializer
    queryset = Payout.objects.none()
    filterset_class = PayoutFilter

    def get_queryset(self) -> QuerySet[Payout]:
        return selectors.payouts_in(self.community)


class StatementPayoutListView(ListAPIView[Payout]):
    """How a statement was or is paid: ``GET /api/v1/statements/{statement_id}/payouts``."""

    serializer_class = PayoutSerializer
    queryset = Payout.objects.none()

    def get_queryset(self) -> QuerySet[Payout]:
        return selectors.payouts_of(statement_seen(self.request, self.kwargs["statement_id"]))

    @extend_schema(request=None, responses={201: PayoutSerializer})
    @idempotent(
        below(seen(selectors.statements_handled_by, "statement_id"), selectors.payouts_of),
        PayoutSerializer,
    )
    def post(self, request: Request, statement_id: UUID) -> Response:
        """Staff pay it by WeChat: ``POST /api/v1/statements/{statement_id}/payouts``.

        The owner confirms on the phone within 24 hours. Refused with
        ``wechat_pay_not_configured``, ``own_merchant``, ``statement_status_wrong``,
        ``own_approval``, ``nothing_to_pay``, ``payout_outside_limits``, ``payout_under_way``,
        ``payee_missing``, ``own_payout`` if the payee approved the statement.
        """
        payout = payouts.order(
            statement=statement_handled(request, statement_id), ordered_by=signed_in(request)
        )
        return Response(self.get_serializer(payout).data, status=status.HTTP_201_CREATED)


class PayoutView(RetrieveAPIView[Payout]):
    """The merchant's owner, staff and auditors read one: ``GET /api/v1/payouts/{payout_id}``."""

    serializer_class = PayoutSerializer
    queryset = Payout.objects.none()
    lookup_url_kwarg = "payout_id"

    def get_queryset(self) -> QuerySet[Payout]:
        return selectors.payouts_seen_by(signed_in(self.request))


class CancelPayoutView(APIView):
    """Staff cancel a payout: ``POST /api/v1/payouts/{payout_id}/cancel``.

    WeChat cancels what is not confirmed yet, a little later; it is asked until it does. Refused
    with ``own_merchant``, ``payout_finished``.
    """

    @extend_schema(request=None, responses=PayoutSerializer)
    @idempotent(
        seen(selectors.payouts_handled_by, "payout_id"), PayoutSerializer, is_required=False
    )
    def post(self, request: Request, payout_id: UUID) -> Response:
        user = signed_in(request)
        payout = get_object_or_404(selectors.payouts_handled_by(user), pk=payout_id)
        cancelled = payouts.cancel(payout=payout, by=user)
        return Response(PayoutSerializer(cancelled, context={"request": request}).data)


class WeChatPayCallbackView(APIView):
    """WeChat tells how a transfer ended: ``POST /api/v1/wechatpay/callback``.

    A request without WeChat's signature is answered with 401 and not logged, for WeChat probes
    with wrong signatures.
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
