"""Red packets: fund, ledger and payouts agree, whatever happens to the money on its way."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.notices.words import words
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox
from backend.payouts import services as payouts
from backend.payouts.errors import OwnPayout, PayeeNotOnWeChat, PayoutUnderWay
from backend.payouts.models import Payout
from backend.payouts.tasks import sweep_differences
from backend.sql import constraint_of
from points.funds import selectors
from points.funds import services as funds
from points.kinds import Unit
from points.ledger.selectors import balance
from points.models import Account, Claim
from tests.verified import found_in
from volunteers.models import HandPayment
from volunteers.reports import errors
from volunteers.reports import reward_selectors as reports
from volunteers.reports.services import red_packets
from volunteers.reports.tasks import sweep_rewards

Status = Claim.Status
PAYOUTS = "/api/v1/communities/lake/payouts"
DAY = timedelta(days=1, minutes=10)


@pytest.fixture
def qian(person, lake):
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def sun(person, lake):
    """孙社工, staff at the lake beside zhao."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def fund(lake, qian):
    """红包, a fund with 100 yuan; above 90 yuan a second person approves."""
    made = funds.open_fund(
        community=lake,
        name="红包",
        year=lake.today.year,
        unit=Unit.FEN,
        opened_by=qian,
        approval_above=9_000,
    )
    funds.top_up(fund=made, amount=10_000, reason="街道拨款", topped_up_by=qian)
    return made


@pytest.fixture
def on_wechat(wechat_pay, wang, li):
    """Wang and Li log in with WeChat, and WeChat Pay is set up."""
    for user in (wang, li):
        SocialAccount.objects.create(user=user, provider="wechat", uid=f"o6_{user.username}")
    return wechat_pay


@pytest.fixture
def reward(fund, zhao):
    """A reward of a closed report, in fen: ``reward(wang, 5_000)``."""

    def make(user, amount=5_000, of=fund) -> Claim:
        return funds.claim(
            fund=of,
            subject=f"report:{uuid4()}",
            payee=f"person:{user.pk}",
            amount=amount,
            closed_at=timezone.now(),
            reason="report",
            asked_by=zhao,
        )

    return make


def now(claim) -> Claim:
    return reports.rewards_in(claim.community).get(pk=claim.pk)


def order_due(lake) -> list[Payout]:
    before = set(Payout.objects.values_list("pk", flat=True))
    red_packets.order_due(community=lake)
    return list(Payout.objects.exclude(pk__in=before).order_by("pk"))


def advance(payout):
    outbox.attempt("payout", is_due=False, community_id=payout.community_id, pk=payout.pk)
    payout.refresh_from_db()


def pay(wechat_pay, payout):
    """The payee confirms, and we ask."""
    while not payout.is_finished:
        advance(payout)
        if payout.out_bill_no in wechat_pay.bills:
            wechat_pay.finish(payout.out_bill_no)


def received(user):
    account = Account.objects.filter(kind="payout", holder=f"person:{user.pk}").first()
    return balance(account) if account else 0


def figures(fund):
    """Reserved, paid, left of the fund."""
    row = selectors.with_figures(selectors.funds_in(fund.community)).get(pk=fund.pk)
    return row.reserved, row.spent, row.left


def told(user):
    return sorted(Notice.objects.filter(recipient=user).values_list("kind", flat=True))


def findings(community):
    return [one for one in found_in(community) if one.table != "volunteers_report"]


def agree(fund, wechat_pay, paid=0):
    """Fund, ledger, payouts and WeChat say the same: ``paid`` fen have gone."""
    assert figures(fund)[1] == wechat_pay.paid_fen() == paid
    assert findings(fund.community) == []
    out = io.StringIO()
    call_command("verify_payouts", stdout=out)
    assert "Nothing was found" in out.getvalue()


@pytest.fixture
def call_back(client, lake, wechat_pay):
    def send(payout, **more):
        def post(body, headers):
            address = f"/api/v1/wechatpay/callback/{lake.pk}"
            return client.generic(
                "POST", address, body, "application/json", headers=headers
            ).status_code

        return wechat_pay.call_back(post, payout.out_bill_no, **more)

    return send


# --- by WeChat --------------------------------------------------------------------------------
def test_a_reserved_reward_is_ordered_once_confirmed_and_paid(lake, fund, reward, wang, on_wechat):
    claim = reward(wang)

    (payout,) = order_due(lake)

    assert order_due(lake) == []
    assert (payout.subject, payout.holder) == (f"reward:{claim.pk}", f"person:{wang.pk}")
    assert (payout.amount_fen, payout.payee, payout.ordered_by) == (5_000, wang, claim.asked_by)
    advance(payout)
    sent = on_wechat.parameters[payout.out_bill_no]
    assert sent["transfer_remark"] == "碧沙湖社区报事奖励"
    assert sent["user_recv_perception"] == "活动奖励"
    assert sent["transfer_scene_id"] == "1000"
    assert sent["transfer_scene_report_infos"] == [
        {"info_type": "活动名称", "info_content": "社区报事奖励"},
        {"info_type": "奖励说明", "info_content": "报事办结红包"},
    ]
    assert figures(fund) == (5_000, 0, 5_000)
    pay(on_wechat, payout)
    assert now(claim).status == Status.COMMITTED
    assert (figures(fund), received(wang)) == ((0, 5_000, 5_000), 5_000)
    assert order_due(lake) == []
    assert told(wang) == ["payout_waiting", "reward_paid"]
    agree(fund, on_wechat, paid=5_000)


def test_workers_at_one_reward_order_it_once(
    transactional_db, lake, fund, reward, wang, on_wechat, at_once
):
    reward(wang)

    assert sum(at_once(6, lambda number: red_packets.order_due(community=lake))) == 1
    assert Payout.objects.count() == 1


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_orders_and_the_outbox_sends(lake, hill, fund, reward, wang, on_wechat):
    claim = reward(wang)

    sweep_rewards()
    sweep_outbox()

    payout = Payout.objects.get(subject=f"reward:{claim.pk}")
    assert payout.status == Payout.Status.WAITING
    on_wechat.finish(payout.out_bill_no)
    pay(on_wechat, payout)
    sweep_rewards()
    assert Payout.objects.count() == 1
    agree(fund, on_wechat, paid=5_000)


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_rests_where_wechat_is_not_set_up(lake, reward, wang, on_wechat, settings):
    reward(wang)
    settings.WECHATPAY_MCH_ID = ""

    sweep_rewards()

    assert not Payout.objects.exists()


def test_what_waits_for_an_approval_is_not_ordered(lake, reward, wang, qian, on_wechat):
    large = reward(wang, 9_500)
    assert order_due(lake) == []
    funds.approve(claim=large, approved_by=qian)
    (payout,) = order_due(lake)
    assert payout.ordered_by == qian  # they answer for it


def test_a_reward_is_not_ordered_while_its_report_is_open_again(
    lake, reward, wang, zhao, on_wechat
):
    claim = funds.freeze(claim=reward(wang))

    assert order_due(lake) == []
    with pytest.raises(errors.RewardNotPayable):
        red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=zhao)
    funds.thaw(claim=claim)
    assert len(order_due(lake)) == 1


def test_what_the_payee_owes_is_set_off_against_the_next_reward(
    lake, fund, reward, wang, sun, on_wechat
):
    wrong = reward(wang, 2_000)
    (first,) = order_due(lake)
    pay(on_wechat, first)
    funds.take_back(claim=wrong, taken_back_by=sun)
    whole, part = reward(wang, 500), reward(wang, 5_000)

    (second,) = order_due(lake)

    assert now(whole).status == Status.COMMITTED
    assert (second.subject, second.amount_fen) == (f"reward:{part.pk}", 3_500)
    pay(on_wechat, second)
    assert received(wang) == on_wechat.paid_fen() == 5_500
    agree(fund, on_wechat, paid=5_500)


@pytest.mark.parametrize(
    ("amount", "least", "most"), [(5_000, 10, 4_999), (9, 10, 20_000)], ids=["much", "little"]
)
def test_what_wechat_does_not_transfer_is_left_to_people(
    lake, reward, wang, on_wechat, settings, amount, least, most
):
    settings.WECHATPAY_LEAST_FEN, settings.WECHATPAY_MOST_FEN = least, most
    reward(wang, amount)

    assert order_due(lake) == []


@pytest.mark.parametrize(
    "trouble", [("before", 500), ("after", 0), ("after", 500), ("slow", 0), ("before", 429)]
)
def test_an_unknown_outcome_is_asked_for_and_never_sent_anew(
    lake, fund, reward, wang, on_wechat, trouble
):
    claim = reward(wang)
    (payout,) = order_due(lake)
    on_wechat.fail_next = [trouble]

    advance(payout)

    assert payout.status in (Payout.Status.UNKNOWN, Payout.Status.WAITING)
    assert (now(claim).status, order_due(lake)) == (Status.RESERVED, [])
    with pytest.raises(PayoutUnderWay):
        red_packets.order(reward=now(claim), ordered_by=claim.asked_by)
    with pytest.raises(PayoutUnderWay):
        red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=claim.asked_by)
    pay(on_wechat, payout)
    assert (now(claim).status, len(on_wechat.bills)) == (Status.COMMITTED, 1)
    agree(fund, on_wechat, paid=5_000)


def test_what_nobody_confirms_lapses_once_though_told_twice_and_comes_anew_when_asked_for(
    lake, fund, reward, wang, on_wechat, call_back
):
    claim = reward(wang)
    (first,) = order_due(lake)
    advance(first)
    on_wechat.ahead = DAY.total_seconds()
    on_wechat.told(first.out_bill_no)

    assert call_back(first) == 204
    advance(first)
    assert call_back(first) == 204

    assert (first.status, first.fail_reason) == (Payout.Status.FAILED, "OVERDUE_CLOSE")
    lapsed = now(claim)
    assert (lapsed.status, lapsed.reservations, figures(fund)) == (
        Status.UNCLAIMED,
        1,
        (0, 0, 10_000),
    )
    assert told(wang) == ["payout_waiting", "reward_unclaimed"]
    assert order_due(lake) == []
    agree(fund, on_wechat)

    red_packets.ask_again(reward=lapsed)
    red_packets.ask_again(reward=lapsed)
    (second,) = order_due(lake)
    on_wechat.ahead = 0
    pay(on_wechat, second)

    assert second.out_bill_no != first.out_bill_no
    assert (now(claim).status, now(claim).reservations) == (Status.COMMITTED, 2)
    agree(fund, on_wechat, paid=5_000)


def test_where_money_is_short_at_wechat_it_is_paid_under_its_number_once_topped_up(
    lake, fund, reward, wang, on_wechat
):
    claim = reward(wang)
    on_wechat.money_fen = 0
    (payout,) = order_due(lake)
    advance(payout)

    assert (payout.reason, now(claim).status) == ("NOT_ENOUGH", Status.RESERVED)
    on_wechat.money_fen = 10_000
    pay(on_wechat, payout)

    assert list(on_wechat.bills) == [payout.out_bill_no]
    agree(fund, on_wechat, paid=5_000)


def test_of_two_who_ask_for_the_last_money_at_once_one_waits_and_is_paid_when_topped_up(
    transactional_db, lake, qian, reward, wang, li, on_wechat, at_once
):
    fund = funds.open_fund(
        community=lake,
        name="应急",
        year=lake.today.year,
        unit=Unit.FEN,
        opened_by=qian,
        approval_above=0,
    )
    funds.top_up(fund=fund, amount=10_000, reason="街道拨款", topped_up_by=qian)

    def ask(number):
        claim = reward((wang, li)[number], 8_000, of=fund)
        return funds.approve(claim=claim, approved_by=qian).pk

    at_once(2, ask)
    claims = Claim.objects.order_by("status")

    assert [claim.status for claim in claims] == [Status.RESERVED, Status.WAITING]
    assert figures(fund) == (8_000, 0, 2_000)
    at_once(4, lambda number: red_packets.order_due(community=lake))
    (payout,) = Payout.objects.all()
    pay(on_wechat, payout)
    assert figures(fund) == (0, 8_000, 2_000)
    agree(fund, on_wechat, paid=8_000)

    funds.top_up(fund=fund, amount=6_000, reason="追加", topped_up_by=qian)
    (second,) = order_due(lake)
    pay(on_wechat, second)

    assert (received(wang), received(li)) == (8_000, 8_000)
    assert figures(fund) == (0, 16_000, 0)
    agree(fund, on_wechat, paid=16_000)


# --- what fails -------------------------------------------------------------------------------
def test_another_failure_keeps_the_reservation_for_staff_to_order_again(
    lake, fund, reward, wang, zhao, sun, on_wechat
):
    claim = reward(wang)
    (first,) = order_due(lake)
    advance(first)
    on_wechat.finish(first.out_bill_no, "FAIL", "ACCOUNT_FROZEN")
    advance(first)

    assert (first.status, now(claim).status) == (Payout.Status.FAILED, Status.RESERVED)
    assert order_due(lake) == []
    assert told(zhao) == ["payout_failed"]
    with pytest.raises(OwnPayout):
        red_packets.order(reward=now(claim), ordered_by=wang)
    second = red_packets.order(reward=now(claim), ordered_by=sun)
    pay(on_wechat, second)
    agree(fund, on_wechat, paid=5_000)


def test_a_payout_that_staff_cancel_keeps_the_reservation(lake, reward, wang, zhao, on_wechat):
    claim = reward(wang)
    (payout,) = order_due(lake)

    payouts.cancel(payout=payout, by=zhao)

    assert (now(claim).status, order_due(lake)) == (Status.RESERVED, [])


def test_nobody_cancels_a_payout_to_themselves(lake, reward, wang, on_wechat):
    reward(wang)
    (payout,) = order_due(lake)

    with pytest.raises(errors.OwnReward):
        payouts.cancel(payout=payout, by=wang)


def test_a_reward_taken_back_on_its_way_is_given_up_once_wechat_cancelled_it(
    lake, fund, reward, wang, sun, on_wechat
):
    claim = reward(wang)
    (payout,) = order_due(lake)
    advance(payout)

    funds.take_back(claim=claim, taken_back_by=sun)
    red_packets.call_off(subject=claim.subject, community=lake, by=sun)
    assert now(claim).status == Status.RESERVED
    while not payout.is_finished:
        advance(payout)

    assert (payout.status, now(claim).status) == (Payout.Status.CANCELLED, Status.RELEASED)
    assert figures(fund) == (0, 0, 10_000)
    red_packets.call_off(subject=claim.subject, community=lake, by=sun)
    agree(fund, on_wechat)


def test_a_reward_taken_back_too_late_is_on_record_as_paid(
    lake, fund, reward, wang, sun, on_wechat
):
    claim = reward(wang)
    (payout,) = order_due(lake)
    advance(payout)
    on_wechat.finish(payout.out_bill_no)

    funds.take_back(claim=claim, taken_back_by=sun)
    red_packets.call_off(subject=claim.subject, community=lake, by=sun)
    while not payout.is_finished:
        advance(payout)

    assert now(claim).status == Status.COMMITTED
    agree(fund, on_wechat, paid=5_000)


# --- by hand ----------------------------------------------------------------------------------
def test_who_has_no_wechat_is_paid_by_hand_by_two(lake, fund, reward, wang, zhao, sun, wechat_pay):
    claim = reward(wang)
    assert order_due(lake) == []
    with pytest.raises(PayeeNotOnWeChat):
        red_packets.order(reward=now(claim), ordered_by=zhao)

    payment = red_packets.pay_by_hand(reward=now(claim), reference="收据 17", recorded_by=zhao)

    assert (now(claim).status, figures(fund)) == (Status.RESERVED, (5_000, 0, 5_000))
    red_packets.confirm(payment=payment, confirmed_by=sun)
    red_packets.confirm(payment=payment, confirmed_by=sun)
    assert (now(claim).status, received(wang)) == (Status.COMMITTED, 5_000)
    assert told(wang) == ["reward_paid"]
    assert list(
        AuditEntry.objects.filter(target_type="hand_payment")
        .order_by("pk")
        .values_list("action", "actor__username")
    ) == [("hand_payment.record", "zhao"), ("hand_payment.confirm", "sun")]
    assert findings(lake) == []


def test_a_payment_by_hand_is_refused_to_whom_it_concerns_and_whoever_recorded_it(
    lake, fund, reward, wang, zhao, sun
):
    claim = reward(wang)
    with pytest.raises(errors.OwnReward):
        red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=wang)
    payment = red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=zhao)
    for who, refusal in ((wang, errors.OwnReward), (zhao, errors.OwnHandPayment)):
        with pytest.raises(refusal):
            red_packets.confirm(payment=payment, confirmed_by=who)
    with pytest.raises(errors.OwnReward):
        red_packets.withdraw(payment=payment, withdrawn_by=wang)
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        HandPayment.objects.filter(pk=payment.pk).update(
            confirmed_by=zhao, confirmed_at=timezone.now()
        )
    assert constraint_of(refused.value) == "hand_payment_by_two"
    assert now(claim).status == Status.RESERVED


def test_a_reward_is_paid_by_hand_or_by_wechat(lake, fund, reward, wang, zhao, sun, on_wechat):
    claim = reward(wang)
    payment = red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=zhao)

    assert (
        red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=zhao) == payment
    )
    with pytest.raises(errors.PaidByHand):
        red_packets.pay_by_hand(reward=now(claim), reference="收据 2", recorded_by=zhao)
    with pytest.raises(errors.PaidByHand):
        red_packets.order(reward=now(claim), ordered_by=sun)
    assert order_due(lake) == []
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        red_packets._order(now(claim), sun)
    assert constraint_of(refused.value) == "payout_not_beside_a_hand_payment"

    red_packets.withdraw(payment=payment, withdrawn_by=zhao)
    red_packets.withdraw(payment=payment, withdrawn_by=zhao)
    with pytest.raises(errors.HandPaymentWithdrawn):
        red_packets.confirm(payment=payment, confirmed_by=sun)
    (payout,) = order_due(lake)
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        HandPayment.objects.create(
            community=lake,
            claim=claim,
            payee=wang,
            amount_fen=5_000,
            reference="收据 3",
            recorded_by=zhao,
        )
    assert constraint_of(refused.value) == "hand_payment_not_beside_a_payout"
    pay(on_wechat, payout)
    with pytest.raises(errors.RewardNotPayable):
        red_packets.pay_by_hand(reward=now(claim), reference="收据 4", recorded_by=zhao)
    agree(fund, on_wechat, paid=5_000)


def test_what_was_confirmed_stays(lake, fund, reward, wang, zhao, sun):
    claim = reward(wang)
    payment = red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=zhao)
    red_packets.confirm(payment=payment, confirmed_by=sun)

    with pytest.raises(errors.HandPaymentConfirmed):
        red_packets.withdraw(payment=payment, withdrawn_by=zhao)
    for change in ({"reference": "收据 9"}, {"confirmed_at": timezone.now()}):
        with pytest.raises(Exception, match="hand_payment"), transaction.atomic():
            HandPayment.objects.filter(pk=payment.pk).update(**change)


def test_one_of_many_records_and_confirms_it_once(
    transactional_db, lake, fund, reward, wang, zhao, sun, qian, at_once
):
    claim = reward(wang)
    payment = red_packets.pay_by_hand(reward=now(claim), reference="收据 1", recorded_by=zhao)

    at_once(
        6,
        lambda number: (
            red_packets.confirm(payment=payment, confirmed_by=(sun, qian)[number % 2]).pk
        ),
    )

    assert received(wang) == 5_000


@pytest.mark.parametrize("kind", ["reward_paid", "reward_waiting", "reward_unclaimed"])
def test_notices_of_rewards_have_words_in_both_languages(lake, wang, kind):
    facts = {"community": "碧沙湖社区", "yuan": "50.00"}
    notice = Notice(community=lake, recipient=wang, kind=kind, facts=facts)
    said = set()
    for language in ("zh-hans", "en"):
        with translation.override(language):
            title, body = words(notice)
        assert "50.00" in body
        said.add(title)
    assert len(said) == 2


# --- the API ----------------------------------------------------------------------------------
def test_my_rewards_tell_how_far_each_has_come_and_what_to_confirm_it_with(
    lake, reward, wang, li, logged_in, on_wechat
):
    claim = reward(wang)
    reward(li, 500)
    (payout, _) = order_due(lake)
    advance(payout)
    phone = logged_in(wang)

    (mine,) = phone.get("/api/v1/me/rewards").json()["results"]

    assert mine == phone.get(f"/api/v1/me/rewards/{claim.pk}").json()
    assert (mine["amount"], mine["state"], mine["set_off"]) == (5_000, "reserved", 0)
    assert mine["subject"] == claim.subject
    assert mine["community"]["code"] == "lake"
    assert mine["payout"]["package_info"] == f"package-{payout.out_bill_no}"
    assert not {"asked_by", "approved_by", "payee", "person"} & mine.keys()
    assert logged_in(li).get(f"/api/v1/me/rewards/{claim.pk}").status_code == 404


def test_an_unclaimed_reward_is_asked_for_again_by_its_person_alone(
    lake, reward, wang, li, zhao, logged_in, on_wechat
):
    claim = reward(wang)
    (payout,) = order_due(lake)
    advance(payout)
    on_wechat.ahead = DAY.total_seconds()
    advance(payout)
    phone, address = logged_in(wang), f"/api/v1/me/rewards/{claim.pk}/ask-again"
    assert phone.get("/api/v1/me/rewards").json()["results"][0]["state"] == "unclaimed"
    for other in (li, zhao):
        assert logged_in(other).post(address).status_code == 404

    assert phone.post(address).json()["state"] == "reserved"
    assert phone.post(address).status_code == 200
    (second,) = order_due(lake)
    pay(on_wechat, second)
    assert phone.get("/api/v1/me/rewards").json()["results"][0]["state"] == "paid"
    refused = phone.post(address)
    assert (refused.status_code, refused.json()["code"]) == (409, "claim_status_wrong")


def test_staff_see_what_is_reserved_paid_unknown_waiting_and_unclaimed(
    lake, fund, reward, wang, li, zhao, person, logged_in, on_wechat
):
    nobody = person("hu", "胡")
    reward(wang, 1_000)
    reward(li, 2_000)
    (paid, unknown) = order_due(lake)
    pay(on_wechat, paid)
    on_wechat.fail_next = [("before", 500)]
    advance(unknown)
    reward(nobody, 3_000)
    reward(wang, 8_000)
    desk, rewards = logged_in(zhao), "/api/v1/communities/lake/rewards"

    assert desk.get(f"{rewards}/figures").json() == {
        "paid": {"count": 1, "amount_fen": 1_000},
        "reserved": {"count": 2, "amount_fen": 5_000},
        "unknown": {"count": 1, "amount_fen": 2_000},
        "by_hand": {"count": 1, "amount_fen": 3_000},
        "waiting": {"count": 1, "amount_fen": 8_000},
        "unclaimed": {"count": 0, "amount_fen": 0},
    }
    assert desk.get(f"{rewards}/figures?person={li.pk}").json()["paid"]["count"] == 0
    for query, amounts in (
        ("", [8_000, 3_000, 2_000, 1_000]),
        ("?status=waiting", [8_000]),
        ("?payout=unknown", [2_000]),
        ("?status=reserved&is_for_wechat=false", [3_000]),
        (f"?person={wang.pk}", [8_000, 1_000]),
        (f"?fund={fund.pk}&status=committed", [1_000]),
        (f"?since={lake.today}", [8_000, 3_000, 2_000, 1_000]),
        ("?until=2020-01-01", []),
    ):
        found = desk.get(f"{rewards}{query}").json()["results"]
        assert [one["amount"] for one in found] == amounts, query
    one = desk.get(f"{rewards}?payout=unknown").json()["results"][0]
    assert one["person"]["name"] == "李阿姨"
    assert one["payout"]["package_info"] == ""


def test_staff_pay_by_hand_and_another_confirms(
    lake, reward, wang, zhao, sun, logged_in, wechat_pay
):
    claim = reward(wang)
    address = f"/api/v1/communities/lake/rewards/{claim.pk}"
    body = {"reference": "收据 17"}

    made = logged_in(zhao).post(f"{address}/hand-payments", body)

    assert made.status_code == 201
    payment = f"{address}/hand-payments/{made.json()['id']}"
    refused = logged_in(zhao).post(f"{payment}/confirm")
    assert (refused.status_code, refused.json()["code"]) == (403, "own_hand_payment")
    assert logged_in(wang).post(f"{payment}/confirm").status_code == 404
    assert logged_in(sun).post(f"{payment}/confirm").json()["confirmed_by"]["name"] == "孙社工"
    refused = logged_in(sun).post(f"{payment}/withdraw")
    assert (refused.status_code, refused.json()["code"]) == (409, "hand_payment_confirmed")
    opened = logged_in(zhao).get(address).json()
    assert (opened["state"], opened["payouts"]) == ("paid", [])
    assert [one["reference"] for one in opened["hand_payments"]] == ["收据 17"]


def test_staff_order_a_failed_payout_again(lake, reward, wang, zhao, logged_in, on_wechat):
    claim = reward(wang)
    (first,) = order_due(lake)
    address = f"/api/v1/communities/lake/rewards/{claim.pk}/payouts"
    refused = logged_in(zhao).post(address)
    assert (refused.status_code, refused.json()["code"]) == (409, "payout_under_way")
    advance(first)
    on_wechat.finish(first.out_bill_no, "FAIL", "ACCOUNT_FROZEN")
    advance(first)

    again = logged_in(zhao).post(address)

    assert again.status_code == 201
    assert again.json()["id"] != str(first.pk)


@pytest.mark.parametrize("who", ["wang", "chen", "estate_staff", "elsewhere"])
def test_rewards_and_who_earned_them_are_nobodys_but_the_communitys_staffs(
    request, lake, hill, reward, wang, li, person, logged_in, who
):
    claim = reward(li)
    if who == "estate_staff":
        estate = places.estate_named(community=lake, name="一期")
        caller = person(who)
        roles.give(user=caller, community=estate, role=Role.STAFF)
    elif who == "elsewhere":
        caller = person(who)
        roles.give(user=caller, community=hill, role=Role.STAFF)
    else:
        caller = request.getfixturevalue(who)
    phone, rewards = logged_in(caller), "/api/v1/communities/lake/rewards"
    for address in (rewards, f"{rewards}/figures", f"{rewards}/{claim.pk}"):
        assert phone.get(address).status_code == 404
    for act in ("payouts", "hand-payments"):
        assert phone.post(f"{rewards}/{claim.pk}/{act}", {}).status_code == 404
    assert claim.subject not in phone.get("/api/v1/me/rewards").content.decode()


# --- WeChat's record --------------------------------------------------------------------------
@pytest.mark.usefixtures("_tasks_run_at_once")
def test_what_differs_from_wechats_record_is_listed_and_told_once(
    lake, reward, wang, zhao, qian, on_wechat, logged_in
):
    reward(wang)
    (payout,) = order_due(lake)
    pay(on_wechat, payout)
    on_wechat.bills[payout.out_bill_no]["transfer_amount"] = 6_000

    sweep_differences()
    sweep_differences()

    payout.refresh_from_db()
    assert payout.difference == "it is of 5000 fen here, and 6000 at WeChat"
    assert told(zhao) == told(qian) == ["payout_differs"]
    (listed,) = logged_in(zhao).get(f"{PAYOUTS}?differs=true").json()["results"]
    assert listed["difference"] == payout.difference

    on_wechat.bills[payout.out_bill_no]["transfer_amount"] = 5_000
    sweep_differences()

    assert logged_in(zhao).get(f"{PAYOUTS}?differs=true").json()["results"] == []
    assert len(logged_in(zhao).get(f"{PAYOUTS}?differs=false").json()["results"]) == 1
