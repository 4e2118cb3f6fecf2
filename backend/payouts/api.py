"""Payouts: transfers by WeChat, whatever they are for, and WeChat's callbacks."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, permissions, serializers, status
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.filters import BooleanFilter, CharFilter, DaysFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from backend.communities.api.shown import in_community
from backend.communities.selectors import WATCHES_OVER
from backend.payouts import selectors
from backend.payouts import services as payouts
from backend.payouts.models import Payout
from backend.replica import from_replica
from backend.wechat.pay import NotFromWeChatPay


class PayoutSerializer(ReadSerializer[Payout]):
    """A payout, with its status here and, as ``wechat_status``, at WeChat.

    ``subject`` is what it pays, ``statement:<id>`` for instance, ``title`` the same for people, and
    ``holder`` whom it is for, ``merchant:<id>`` for instance. ``reason`` is WeChat's code for why
    it failed, or why the last try gave no answer. ``package_info`` is for the payee's
    ``wx.requestMerchantTransfer``, empty for others. ``difference`` is what WeChat said otherwise
    when payouts were last compared with its record, each night.
    """

    out_bill_no = serializers.CharField(read_only=True)
    reason = serializers.SerializerMethodField()
    ordered_by = ColleagueSerializer(read_only=True)
    package_info = serializers.SerializerMethodField()

    class Meta:
        model = Payout
        fields = (
            "id",
            "subject",
            "holder",
            "title",
            "amount_fen",
            "status",
            "wechat_status",
            "transfer_bill_no",
            "ordered_at",
            "sent_at",
            "cancel_asked_at",
            "finished_at",
            "difference",
        )

    def get_reason(self, payout: Payout) -> str:
        return payout.fail_reason or payout.reason

    def get_package_info(self, payout: Payout) -> str:
        is_payee = payout.payee_id == signed_in(self.context["request"]).pk
        return payout.package_info if is_payee else ""


class PayoutFilter(DaysFilter):
    moment = "ordered_at"
    status = filters.ChoiceFilter(choices=Payout.Status.choices)
    subject = CharFilter(help_text="What it pays: statement:<id>, for instance.")
    holder = CharFilter(help_text="Whom it is for: merchant:<id>, for instance.")
    text = TextFilter(
        "title", "transfer_bill_no", help_text="Part of the title, or of WeChat's number."
    )
    is_unclear = BooleanFilter(
        method="that_are_unclear",
        help_text="Nobody knows yet how it ended, it was given up, or WeChat says otherwise.",
    )
    differs = BooleanFilter(
        method="that_differ",
        help_text="WeChat's record says otherwise.",
    )

    def that_differ(self, found: QuerySet[Payout], name: str, value: bool) -> QuerySet[Payout]:
        return found.exclude(difference="") if value else found.filter(difference="")

    def that_are_unclear(self, found: QuerySet[Payout], name: str, value: bool) -> QuerySet[Payout]:
        return found.filter(selectors.IS_UNCLEAR if value else ~selectors.IS_UNCLEAR)


@from_replica
class CommunityPayoutListView(ListView[Payout]):
    """List a community's payouts, as staff or auditor, newest first.

    ``GET /api/v1/communities/{code}/payouts``. ``?is_unclear=true`` lists those that somebody has
    to look at.
    """

    serializer_class = PayoutSerializer
    filterset_class = PayoutFilter
    finds = in_community(WATCHES_OVER, selectors.payouts_in)


@from_replica
class PayoutView(OpenView[Payout]):
    """Open a payout: ``GET /api/v1/payouts/{payout_id}``.

    For staff and auditors, and for the owners of the merchant that it is for.
    """

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
    """Take WeChat's word on how a transfer ended.

    ``POST /api/v1/wechatpay/callback/{community_id}``. Answers 401 without WeChat's signature, and
    does not log it, because WeChat probes with wrong signatures.
    """

    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    throttle_classes = ()

    @extend_schema(exclude=True)
    def post(self, request: Request, community_id: UUID) -> HttpResponse:
        try:
            payouts.called_back(
                community_id=community_id, headers=request.headers, raw=request.body
            )
        except NotFromWeChatPay:
            raise exceptions.AuthenticationFailed from None
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)


urlpatterns = [
    path("communities/<slug:code>/payouts", CommunityPayoutListView.as_view()),
    path("payouts/<uuid:payout_id>", PayoutView.as_view()),
    path("payouts/<uuid:payout_id>/cancel", CancelPayoutView.as_view()),
    path("wechatpay/callback/<uuid:community_id>", WeChatPayCallbackView.as_view()),
]
