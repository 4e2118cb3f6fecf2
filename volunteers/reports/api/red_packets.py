"""Rewards in money: mine, and what staff see and do of them."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer, PersonSerializer
from backend.accounts.models import User
from backend.api.fields import CharField
from backend.api.filters import BooleanFilter, DaysFilter, PersonFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api import shown
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.payouts.api import PayoutSerializer
from backend.payouts.models import Payout
from backend.replica import from_replica
from points.funds.api import ClaimSerializer
from points.funds.services import Status
from volunteers.reports import reward_selectors as selectors
from volunteers.reports.models.hand_payments import HandPayment
from volunteers.reports.reward_states import RewardState, state_of_claim
from volunteers.reports.services import red_packets


# --- shapes -----------------------------------------------------------------------------------
class HandPaymentSerializer(ReadSerializer[HandPayment]):
    """A payment by hand: ``recorded_by`` one person, and ``confirmed_by`` another, or withdrawn."""

    recorded_by = ColleagueSerializer(read_only=True)
    confirmed_by = ColleagueSerializer(read_only=True, allow_null=True)
    withdrawn_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = HandPayment
        fields = ("id", "amount_fen", "reference", "recorded_at", "confirmed_at", "withdrawn_at")


class RewardSerializer(ClaimSerializer):
    """A reward in fen, with its latest ``payout`` by WeChat, null before it is ordered.

    ``set_off`` fen of it repay what its person owed, the rest is paid. ``payout.package_info``, for
    its payee alone, is what the phone confirms it with.
    """

    payee: Any = None
    asked_by: Any = None
    approved_by: Any = None
    taken_back_by: Any = None
    state = serializers.SerializerMethodField()
    payout = serializers.SerializerMethodField()

    @staticmethod
    def rows_for(rows: Any, user: User) -> Any:
        return ClaimSerializer.rows_for(selectors.as_rewards(rows), user)

    @staticmethod
    def context_of(*rewards: Any) -> dict[str, Any]:
        return {
            "payouts": selectors.last_payouts(rewards),
            "people": selectors.people_paid_by(rewards),
        }

    @extend_schema_field(serializers.ChoiceField(choices=RewardState.choices))
    def get_state(self, reward: Any) -> str:
        return state_of_claim(reward)

    @extend_schema_field(PayoutSerializer(allow_null=True))
    def get_payout(self, reward: Any) -> object:
        payout = self.context["payouts"].get(reward.payout_subject)
        return payout and PayoutSerializer(payout, context=self.context).data


class MyRewardSerializer(RewardSerializer):
    """A reward of mine, and the community that gives it."""

    community = CommunityInBriefSerializer(read_only=True)


class StaffRewardSerializer(RewardSerializer):
    """A reward as staff see it: whom it pays, and whether WeChat can.

    ``is_for_wechat`` is false if its person does not log in with WeChat, or the amount is outside
    the limits of a transfer: it is paid by hand.
    """

    person = serializers.SerializerMethodField()
    fund_id = serializers.UUIDField(read_only=True)
    is_for_wechat = serializers.BooleanField(read_only=True)

    @extend_schema_field(PersonSerializer)
    def get_person(self, reward: Any) -> object:
        return PersonSerializer(self.context["people"][reward.payee_user_id]).data


class RewardInFullSerializer(StaffRewardSerializer):
    """A reward with all its payouts and its payments by hand, newest first."""

    payouts = serializers.SerializerMethodField()
    hand_payments = serializers.SerializerMethodField()

    @extend_schema_field(PayoutSerializer(many=True))
    def get_payouts(self, reward: Any) -> object:
        found = selectors.payouts_of(reward)
        return PayoutSerializer(found, many=True, context=self.context).data

    @extend_schema_field(HandPaymentSerializer(many=True))
    def get_hand_payments(self, reward: Any) -> object:
        return HandPaymentSerializer(selectors.hand_payments_of(reward), many=True).data


class PayByHandSerializer(serializers.Serializer[Any]):
    """A payment in cash or by a bank."""

    reference = CharField(max_length=100, help_text="Where it is found: a receipt, a transfer.")


class RewardSumSerializer(serializers.Serializer[Any]):
    """A number of rewards, and their fen."""

    count = serializers.IntegerField(read_only=True)
    amount_fen = serializers.IntegerField(read_only=True)


class RewardFiguresSerializer(serializers.Serializer[Any]):
    """Figures of rewards. ``reserved`` ones are set aside and not paid yet.

    Among the reserved, of ``unknown`` ones WeChat has not told yet how it ended, and ``by_hand``
    ones cannot be paid by WeChat. ``waiting`` ones have no money yet, ``unclaimed`` ones went back.
    """

    paid = RewardSumSerializer(read_only=True)
    reserved = RewardSumSerializer(read_only=True)
    unknown = RewardSumSerializer(read_only=True)
    by_hand = RewardSumSerializer(read_only=True)
    waiting = RewardSumSerializer(read_only=True)
    unclaimed = RewardSumSerializer(read_only=True)


class RewardFilter(DaysFilter):
    moment = "closed_at"
    status = filters.ChoiceFilter(choices=Status.choices)
    payout = filters.ChoiceFilter(
        field_name="payout_status", choices=Payout.Status.choices, help_text="Of the latest payout."
    )
    is_for_wechat = BooleanFilter(field_name="is_for_wechat", help_text="WeChat can pay it.")
    fund = filters.UUIDFilter(field_name="fund", help_text="A fund's id.")
    person = PersonFilter("payee_user_id")


# --- mine -------------------------------------------------------------------------------------
@from_replica
class MyRewardListView(ListView[Any]):
    """List what my reports earned in money, newest first: ``GET /api/v1/me/rewards``.

    ``state`` says how far each has come; one that waits in WeChat is confirmed with
    ``payout.package_info``.
    """

    serializer_class = MyRewardSerializer
    filterset_class = RewardFilter
    finds = seen(selectors.rewards_of)


class MyRewardView(OpenView[Any]):
    """Open a reward of mine: ``GET /api/v1/me/rewards/{reward_id}``."""

    serializer_class = MyRewardSerializer
    finds = seen(selectors.rewards_of, "reward_id")


class AskAgainView(APIView):
    """Ask again for a reward that went back: ``POST /api/v1/me/rewards/{reward_id}/ask-again``.

    It waits in its old place, and is sent anew once there is money. Idempotent.
    """

    @writes(MyRewardSerializer, seen(selectors.rewards_of, "reward_id"))
    def post(self, user: User, reward: Any) -> None:
        red_packets.ask_again(reward=reward)


# --- staff ------------------------------------------------------------------------------------
WATCHED = shown.in_community(WATCHES_OVER, selectors.rewards_in, "reward_id")
HANDLED = shown.in_community(HANDLES, selectors.rewards_in, "reward_id")
PAYMENT = below(HANDLED, selectors.hand_payments_of, "payment_id")


@from_replica
class RewardListView(ListView[Any]):
    """List a community's rewards in money, as staff or auditor, newest first.

    ``GET /api/v1/communities/{code}/rewards``. ``?status=reserved&is_for_wechat=false`` lists those
    to be paid by hand, ``?status=reserved&payout=failed`` those to be ordered again.
    """

    serializer_class = StaffRewardSerializer
    filterset_class = RewardFilter
    finds = shown.in_community(WATCHES_OVER, selectors.rewards_in)


@from_replica
class RewardFiguresView(ListView[Any]):
    """Sum a community's rewards: ``GET /api/v1/communities/{code}/rewards/figures``.

    For staff and auditors. Takes the filters of the list.
    """

    serializer_class = StaffRewardSerializer
    filterset_class = RewardFilter
    pagination_class = None
    finds = shown.in_community(WATCHES_OVER, selectors.rewards_in)

    @extend_schema(
        filters=True,
        responses=forced_singular_serializer(RewardFiguresSerializer),  # type: ignore[no-untyped-call]
    )
    def get(self, request: Request, *args: Any, **named: Any) -> Response:
        rewards = self.filter_queryset(self.get_queryset())
        return Response(RewardFiguresSerializer(selectors.figures_of(rewards)).data)


class RewardView(OpenView[Any]):
    """Open a reward with all that was done to pay it, as staff or auditor.

    ``GET /api/v1/communities/{code}/rewards/{reward_id}``
    """

    serializer_class = RewardInFullSerializer
    finds = WATCHED


class RewardPayoutView(APIView):
    """Order a reward's payout again, as staff, after the last one failed or was cancelled.

    ``POST /api/v1/communities/{code}/rewards/{reward_id}/payouts``
    """

    @writes(PayoutSerializer, HANDLED, creates=selectors.payouts_of)
    def post(self, user: User, reward: Any) -> Payout:
        return red_packets.order(reward=reward, ordered_by=user)


class HandPaymentView(APIView):
    """Record that a reward is paid by hand, as staff; another person confirms it.

    ``POST /api/v1/communities/{code}/rewards/{reward_id}/hand-payments``
    """

    @writes(
        HandPaymentSerializer, HANDLED, body=PayByHandSerializer, creates=selectors.hand_payments_of
    )
    def post(self, user: User, reward: Any, reference: str) -> HandPayment:
        return red_packets.pay_by_hand(reward=reward, reference=reference, recorded_by=user)


class ConfirmView(APIView):
    """Confirm a payment by hand, as staff other than who recorded it: the reward is paid.

    ``POST /api/v1/communities/{code}/rewards/{reward_id}/hand-payments/{payment_id}/confirm``.
    Idempotent.
    """

    @writes(HandPaymentSerializer, PAYMENT)
    def post(self, user: User, payment: HandPayment) -> HandPayment:
        return red_packets.confirm(payment=payment, confirmed_by=user)


class WithdrawView(APIView):
    """Withdraw a payment by hand that was recorded in error and is not confirmed, as staff.

    ``POST /api/v1/communities/{code}/rewards/{reward_id}/hand-payments/{payment_id}/withdraw``.
    Idempotent.
    """

    @writes(HandPaymentSerializer, PAYMENT)
    def post(self, user: User, payment: HandPayment) -> HandPayment:
        return red_packets.withdraw(payment=payment, withdrawn_by=user)
