"""Paid by WeChat: once, under one number, whatever is lost on the way."""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import roles
from backend.notices.models import Notice
from backend.notices.texts import words
from backend.standins.wechatpay import BILLS
from backend.wechat.errors import WeChatPayNotConfigured
from merchants.models import MerchantMember, Payout, PayoutCallback, Statement, Terms
from merchants.partners.errors import OwnMerchant
from merchants.partners.services import partnerships as partners
from merchants.settlement import tasks
from merchants.settlement.errors import (
    NothingToPay,
    OwnApproval,
    OwnPayout,
    PayeeMissing,
    PayoutFinished,
    PayoutOutsideLimits,
    PayoutUnderWay,
    StatementStatusWrong,
)
from merchants.settlement.services import payouts, proving
from merchants.settlement.services import statements as settlement
from points.ledger import selectors as points
from tests.standins.wechatpay import signed_event

KEY = {"Idempotency-Key": "k1"}
Status = Payout.Status


@pytest.fixture
def qian(person):
    """钱出纳, who pays."""
    return person("qian", "钱出纳")


@pytest.fixture
def approved(lake, zhou, zhao, redeemed, kept) -> Statement:
    return kept(two_teas_approved, lake, zhou, zhao, redeemed)


def two_teas_approved(lake, zhou, zhao, redeemed) -> Statement:
    """Two teas of March, 600 fen, approved by Zhao; Zhou, who is owed them, has WeChat."""
    SocialAccount.objects.create(user=zhou, provider="wechat", uid="o6_zhou")
    redeemed("2024-03-05 10:00", quantity=2)
    (drafted,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    return settlement.approve(statement=drafted, approver=zhao)


@pytest.fixture
def ordered(approved, qian, wechat_pay) -> Payout:
    return payouts.order(statement=approved, ordered_by=qian)


@pytest.fixture
def callback(client):
    """Sends what WeChat Pay tells to our address, and answers the status."""

    def send(body, headers):
        answer = client.generic(
            "POST", "/api/v1/wechatpay/callback", body, "application/json", headers=headers
        )
        return answer.status_code

    return send


def paid_once(lake, wechat_pay):
    """Check that the receiver, the statement and the books agree on one payment."""
    statement = Statement.objects.get()
    assert statement.status == Statement.Status.PAID
    assert wechat_pay.paid_fen() == statement.amount_fen == 600
    totals = points.totals_by_kind(lake)
    assert (totals["settled"], totals["merchant"]) == (60, 0)
    assert list(proving.prove(lake)) == []
    return statement


def test_it_is_sent_confirmed_and_the_statement_paid(ordered, qian, lake, wechat_pay):
    payouts.advance(payout_id=ordered.pk)
    waiting = Payout.objects.get()
    assert (waiting.status, waiting.wechat_status) == (Status.WAITING, "WAIT_USER_CONFIRM")
    assert waiting.package_info == f"package-{ordered.out_bill_no}"
    assert Statement.objects.get().status == Statement.Status.APPROVED

    wechat_pay.finish(ordered.out_bill_no)
    for _ in range(2):
        payouts.advance(payout_id=ordered.pk)

    statement = paid_once(lake, wechat_pay)
    finished = Payout.objects.get()
    assert (finished.status, finished.openid, finished.package_info) == (Status.SUCCEEDED, "", "")
    assert statement.paid_by == qian
    assert statement.payment_reference == finished.transfer_bill_no


@pytest.mark.parametrize(
    "trouble",
    [("before", 0), ("before", 500), ("before", 429), ("after", 0), ("after", 500), ("slow", 0)],
)
def test_without_an_answer_the_same_number_is_sent_again(ordered, lake, wechat_pay, trouble):
    wechat_pay.fail_next = [trouble]
    payouts.advance(payout_id=ordered.pk)
    assert Payout.objects.get().status == Status.UNKNOWN

    payouts.advance(payout_id=ordered.pk)
    assert list(wechat_pay.bills) == [ordered.out_bill_no]
    assert Payout.objects.get().package_info == f"package-{ordered.out_bill_no}"
    wechat_pay.finish(ordered.out_bill_no)
    payouts.advance(payout_id=ordered.pk)

    paid_once(lake, wechat_pay)


def test_after_a_month_it_is_not_sent_again_for_wechat_may_have_forgotten_it(ordered, wechat_pay):
    wechat_pay.fail_next = [("after", 0)]
    payouts.advance(payout_id=ordered.pk)
    Payout.objects.update(sent_at=timezone.now() - timedelta(days=30))
    wechat_pay.bills.clear()

    payouts.advance(payout_id=ordered.pk)

    assert wechat_pay.bills == {}
    assert (Payout.objects.get().status, Payout.objects.get().reason) == (Status.UNKNOWN, "TOO_OLD")


@pytest.mark.parametrize("how", ["signature", "serial", "timestamp", "missing"])
def test_an_answer_that_is_not_signed_as_it_should_be_is_none(ordered, lake, wechat_pay, how):
    wechat_pay.spoil = {how}
    payouts.advance(payout_id=ordered.pk)
    assert Payout.objects.get().status == Status.UNKNOWN

    wechat_pay.spoil = {}
    payouts.advance(payout_id=ordered.pk)
    assert Payout.objects.get().status == Status.WAITING


def test_who_is_paid_and_who_ordered_it_are_told_what_they_have_to_do(ordered, wechat_pay):
    def told():
        owed = Notice.objects.filter(kind__startswith="payout").order_by("pk")
        return list(owed.values_list("recipient", "kind"))

    wechat_pay.money_fen = 0
    payouts.advance(payout_id=ordered.pk)
    assert told() == []  # it may pass
    Payout.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    for _ in range(2):
        payouts.advance(payout_id=ordered.pk)
    assert told() == [(ordered.ordered_by_id, "payout_unclear")]
    unclear = words(Notice.objects.latest("pk"))[1]
    assert "NOT_ENOUGH" in unclear
    assert "cancel" in unclear or "撤销" in unclear

    wechat_pay.money_fen = 600
    for _ in range(2):
        payouts.advance(payout_id=ordered.pk)
    assert told()[1:] == [(ordered.payee_id, "payout_waiting")]

    wechat_pay.finish(ordered.out_bill_no, "FAIL", "PAYEE_ACCOUNT_ABNORMAL")
    payouts.advance(payout_id=ordered.pk)
    assert told()[2:] == [(ordered.ordered_by_id, "payout_failed")]


def test_where_money_is_short_it_waits_under_its_number(ordered, wechat_pay):
    wechat_pay.money_fen = 0
    payouts.advance(payout_id=ordered.pk)
    assert (Payout.objects.get().status, Payout.objects.get().reason) == (
        Status.UNKNOWN,
        "NOT_ENOUGH",
    )

    wechat_pay.money_fen = 600
    payouts.advance(payout_id=ordered.pk)
    assert (Payout.objects.get().status, Payout.objects.get().reason) == (Status.WAITING, "")


def test_what_nobody_confirms_within_a_day_makes_room_for_another(
    ordered, approved, qian, wechat_pay
):
    payouts.advance(payout_id=ordered.pk)
    with pytest.raises(PayoutUnderWay):
        payouts.order(statement=approved, ordered_by=qian)

    wechat_pay.ahead = 86_400 + 61
    payouts.advance(payout_id=ordered.pk)

    failed = Payout.objects.get()
    assert (failed.status, failed.reason) == (Status.FAILED, "OVERDUE_CLOSE")
    again = payouts.order(statement=approved, ordered_by=qian)
    assert again.out_bill_no != ordered.out_bill_no


def test_it_is_sent_again_as_it_was_whatever_the_settings_say_by_then(
    ordered, lake, wechat_pay, settings
):
    wechat_pay.fail_next = [("after", 0)]
    payouts.advance(payout_id=ordered.pk)
    settings.WECHATPAY_NOTIFY_URL = "https://moved.example/api/v1/wechatpay/callback"
    settings.WECHATPAY_SCENE = "1005"
    settings.WECHATPAY_PERCEPTION = "活动奖励"
    settings.WECHATPAY_SCENE_INFO = {"岗位类型": "商户", "报酬说明": "结算"}
    payouts.advance(payout_id=ordered.pk)

    assert Payout.objects.get().package_info == f"package-{ordered.out_bill_no}"
    wechat_pay.finish(ordered.out_bill_no)
    payouts.advance(payout_id=ordered.pk)
    paid_once(lake, wechat_pay)
    assert Payout.objects.get().sent_parameters == {}  # the openid is in it


def test_where_it_can_not_be_sent_again_it_is_asked_for_at_once(ordered, lake, wechat_pay):
    wechat_pay.fail_next = [("after", 0)]
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.parameters[ordered.out_bill_no] = {}  # by whatever it was made of
    payouts.advance(payout_id=ordered.pk)
    refused = Payout.objects.get()
    assert (refused.status, refused.reason) == (Status.WAITING, "INVALID_REQUEST")
    wechat_pay.finish(ordered.out_bill_no)
    payouts.advance(payout_id=ordered.pk)

    paid_once(lake, wechat_pay)


def test_it_is_sent_until_the_owner_can_confirm_it(ordered, lake, wechat_pay):
    wechat_pay.first = ("ACCEPTED", "PROCESSING")
    read = []
    for _ in range(3):
        payouts.advance(payout_id=ordered.pk)
        payout = Payout.objects.get()
        read.append((payout.wechat_status, payout.package_info))
        told = Notice.objects.filter(kind="payout_waiting").count()
        assert told == bool(payout.package_info)

    package = f"package-{ordered.out_bill_no}"
    assert read == [("ACCEPTED", ""), ("PROCESSING", ""), ("WAIT_USER_CONFIRM", package)]
    wechat_pay.transfer(ordered.out_bill_no)
    for _ in range(2):
        assert Payout.objects.get().status == Status.WAITING
        payouts.advance(payout_id=ordered.pk)
    paid_once(lake, wechat_pay)


# --- cancelled --------------------------------------------------------------------------------
def cancelled(ordered, qian):
    """Asked for; what is known of it then."""
    payouts.cancel(payout=ordered, by=qian)
    return Payout.objects.get()


def day_later():
    day = timedelta(hours=25, minutes=1)
    Payout.objects.update(sent_at=F("sent_at") - day, last_sent_at=F("last_sent_at") - day)


def sent(wechat_pay):
    """How often."""
    return [method for method, path, _ in wechat_pay.journal if path == BILLS].count("POST")


def test_it_is_cancelled_while_it_is_not_confirmed(ordered, qian, wechat_pay):
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.cancelling_reads = 2
    asked = cancelled(ordered, qian)
    assert (asked.status, asked.wechat_status) == (Status.WAITING, "CANCELING")
    for _ in range(3):
        assert Payout.objects.get().status == Status.WAITING
        payouts.advance(payout_id=ordered.pk)

    assert Payout.objects.get().status == Status.CANCELLED
    with pytest.raises(PayoutFinished):
        payouts.cancel(payout=ordered, by=qian)


@pytest.mark.parametrize("which", [0, 1])
def test_where_cancelling_fails_it_is_tried_again(ordered, qian, wechat_pay, which):
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.fail_next = [("", 0)] * which + [("before", 500)]
    asked = cancelled(ordered, qian)
    assert (asked.status, asked.reason) == (Status.WAITING, "SYSTEM_ERROR")
    assert asked.next_at < timezone.now() + timedelta(minutes=1)
    for _ in range(3):
        payouts.advance(payout_id=ordered.pk)

    assert Payout.objects.get().status == Status.CANCELLED


def test_what_was_never_sent_is_cancelled_at_once(ordered, qian, wechat_pay):
    assert payouts.cancel(payout=ordered, by=qian).status == Status.CANCELLED
    payouts.advance(payout_id=ordered.pk)

    assert wechat_pay.bills == {}


@pytest.mark.parametrize("reached_it", [False, True])
def test_what_is_to_be_cancelled_is_not_sent_again(ordered, qian, wechat_pay, reached_it):
    wechat_pay.fail_next = [("after" if reached_it else "before", 500)]
    payouts.advance(payout_id=ordered.pk)
    cancelled(ordered, qian)
    for _ in range(3):
        payouts.advance(payout_id=ordered.pk)

    assert sent(wechat_pay) == 1
    payout = Payout.objects.get()
    # Where nothing is known of it, it may still be under way.
    assert payout.status == (Status.CANCELLED if reached_it else Status.UNKNOWN)


def test_who_receives_it_can_not_confirm_what_is_being_cancelled(ordered, qian, wechat_pay):
    wechat_pay.fail_next = [("after", 500)]
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.fail_next = [("", 0), ("before", 500)]

    assert cancelled(ordered, qian).wechat_status == "WAIT_USER_CONFIRM"
    assert Payout.objects.get().package_info == ""
    assert not Notice.objects.filter(kind="payout_waiting").exists()


def test_what_wechat_never_took_can_be_paid_otherwise_a_day_after_it_is_cancelled(
    ordered, approved, qian, wechat_pay
):
    wechat_pay.most_fen = 599
    payouts.advance(payout_id=ordered.pk)
    assert Payout.objects.get().reason == "INVALID_REQUEST"
    asked = cancelled(ordered, qian)
    assert (asked.status, asked.reason) == (Status.UNKNOWN, "NOT_FOUND")
    with pytest.raises(PayoutUnderWay):
        settlement.mark_paid(statement=approved, payer=qian)

    day_later()
    payouts.advance(payout_id=ordered.pk)

    ended = Payout.objects.get()
    assert (ended.status, ended.reason) == (Status.CANCELLED, "NOT_FOUND")
    paid = settlement.mark_paid(statement=approved, payer=qian)
    assert paid.status == Statement.Status.PAID


def test_what_was_sent_a_month_ago_can_be_cancelled(ordered, qian, wechat_pay):
    wechat_pay.fail_next = [("before", 500)]
    payouts.advance(payout_id=ordered.pk)
    a_month_ago = timezone.now() - timedelta(days=30)
    Payout.objects.update(sent_at=a_month_ago, last_sent_at=a_month_ago)
    payouts.advance(payout_id=ordered.pk)
    assert Payout.objects.get().reason == "TOO_OLD"

    assert cancelled(ordered, qian).status == Status.CANCELLED


def test_what_waits_and_was_never_confirmable_is_cancelled_once_wechat_has_lost_it(
    ordered, qian, wechat_pay
):
    wechat_pay.first = ("ACCEPTED",)
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.bills.clear()
    assert cancelled(ordered, qian).status == Status.WAITING

    day_later()
    payouts.advance(payout_id=ordered.pk)

    assert Payout.objects.get().status == Status.CANCELLED


def test_what_the_owner_could_confirm_is_not_over_because_wechat_has_forgotten_it(
    ordered, qian, wechat_pay
):
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.finish(ordered.out_bill_no)
    wechat_pay.bills.clear()  # a month later
    day_later()

    asked = cancelled(ordered, qian)

    assert (asked.status, asked.reason) == (Status.WAITING, "NOT_FOUND")
    assert Notice.objects.filter(kind="payout_unclear").count() == 1


def test_it_is_not_marked_as_paid_beside_a_payout(ordered, approved, qian):
    with pytest.raises(PayoutUnderWay):
        settlement.mark_paid(statement=approved, payer=qian)


# --- what is refused --------------------------------------------------------------------------
def test_nothing_is_ordered_where_it_is_not_set_up(approved, qian):
    with pytest.raises(WeChatPayNotConfigured):
        payouts.order(statement=approved, ordered_by=qian)


def test_who_approved_does_not_order_and_who_receives_neither(approved, zhao, zhou, wechat_pay):
    with pytest.raises(OwnApproval):
        payouts.order(statement=approved, ordered_by=zhao)
    with pytest.raises(OwnMerchant):
        payouts.order(statement=approved, ordered_by=zhou)


def test_who_works_there_does_not_order(approved, chen, wechat_pay):
    with pytest.raises(OwnMerchant):
        payouts.order(statement=approved, ordered_by=chen)


def test_what_was_ordered_is_paid_though_who_ordered_it_works_there_since(
    ordered, qian, shop, lake, wechat_pay
):
    partners.employ(merchant=shop, user=qian, role=MerchantMember.Role.CLERK)
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.finish(ordered.out_bill_no)

    payouts.advance(payout_id=ordered.pk)

    paid_once(lake, wechat_pay)


def test_who_approved_does_not_receive(approved, zhao, zhou, qian, shop, wechat_pay):
    MerchantMember.objects.filter(user=zhou).update(ended_at=timezone.now())
    partners.employ(merchant=shop, user=zhao, role=MerchantMember.Role.OWNER)
    SocialAccount.objects.create(user=zhao, provider="wechat", uid="o6_zhao")

    with pytest.raises(OwnPayout):
        payouts.order(statement=approved, ordered_by=qian)


def test_the_owner_of_longest_standing_receives_it(approved, qian, zhou, shop, person, wechat_pay):
    old_hand = person("wu", "吴老板")  # whose account is younger
    SocialAccount.objects.create(user=old_hand, provider="wechat", uid="o6_wu")
    partners.employ(merchant=shop, user=old_hand, role=MerchantMember.Role.OWNER)
    MerchantMember.objects.filter(user=old_hand).update(since_at=F("since_at") - timedelta(days=9))

    ordered = payouts.order(statement=approved, ordered_by=qian)

    assert (ordered.payee, ordered.openid) == (old_hand, "o6_wu")


@pytest.mark.parametrize(
    ("limit", "value"), [("WECHATPAY_MOST_FEN", 599), ("WECHATPAY_LEAST_FEN", 601)]
)
def test_an_amount_outside_the_limits_goes_by_the_bank(
    approved, qian, wechat_pay, settings, limit, value
):
    setattr(settings, limit, value)
    with pytest.raises(PayoutOutsideLimits):
        payouts.order(statement=approved, ordered_by=qian)


def test_without_an_owner_on_wechat_nobody_can_receive_it(approved, qian, wechat_pay):
    MerchantMember.objects.filter(role="owner").update(role="clerk")
    with pytest.raises(PayeeMissing):
        payouts.order(statement=approved, ordered_by=qian)


def test_a_draft_and_a_statement_of_nothing_are_not_paid_by_wechat(
    lake, zhao, qian, redeemed, tea_house, wechat_pay
):
    Terms.objects.create(
        community=lake,
        partnership=tea_house,
        version=2,
        kind=Terms.Kind.DONATED,
        valid_from=date(2024, 1, 1),
    )
    redeemed("2024-03-05 10:00")
    (draft,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    with pytest.raises(StatementStatusWrong):
        payouts.order(statement=draft, ordered_by=qian)
    settlement.approve(statement=draft, approver=zhao)

    with pytest.raises(NothingToPay):
        payouts.order(statement=draft, ordered_by=qian)


# --- what WeChat tells ------------------------------------------------------------------------
def test_a_callback_pays_it_once_however_often_it_comes(ordered, lake, wechat_pay, callback):
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.finish(ordered.out_bill_no)

    told = [
        wechat_pay.call_back(callback, ordered.out_bill_no, event_id=event)
        for event in ("e1", "e1", "e2")
    ]

    assert told == [204] * 3
    assert PayoutCallback.objects.count() == 2
    paid_once(lake, wechat_pay)


def test_an_end_is_final_whatever_is_told_later(ordered, lake, wechat_pay, callback):
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.finish(ordered.out_bill_no)
    wechat_pay.call_back(callback, ordered.out_bill_no)

    late = {"state": "FAIL", "fail_reason": "ACCOUNT_FROZEN"}
    assert wechat_pay.call_back(callback, ordered.out_bill_no, told=late) == 204

    paid_once(lake, wechat_pay)


@pytest.mark.parametrize(
    "told",
    [{"transfer_amount": 1}, {"openid": "o6_thief"}, {"mch_id": "1"}, {"appid": "wx-another"}],
)
def test_another_transfer_than_ours_is_not_believed(ordered, wechat_pay, callback, told):
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.finish(ordered.out_bill_no)

    assert wechat_pay.call_back(callback, ordered.out_bill_no, told=told) == 204

    assert (Payout.objects.get().status, Payout.objects.get().reason) == (
        Status.WAITING,
        "MISMATCH",
    )


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"key": "k" * 32}, 401),
        ({"ago": 400}, 401),
        ({"ago": -400}, 401),
        ({"tamper": True}, 401),
        ({"signature": "WECHATPAY/SIGNTEST/abc"}, 401),
        ({"told": {"out_bill_no": "0" * 32}}, 404),
        ({"told": {"out_bill_no": "x"}}, 404),
    ],
)
def test_a_callback_that_is_not_for_us_changes_nothing(
    ordered, wechat_pay, callback, wrong, status
):
    payouts.advance(payout_id=ordered.pk)
    wechat_pay.finish(ordered.out_bill_no)

    assert wechat_pay.call_back(callback, ordered.out_bill_no, **wrong) == status

    assert Payout.objects.get().status == Status.WAITING


def test_a_callback_where_nothing_is_set_up_is_refused(callback, db):
    assert callback(*signed_event({"out_bill_no": "a"})) == 409


# --- many at once, and by the clock -----------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_workers_at_one_payout_pay_it_once(ordered, lake, wechat_pay, at_once):
    at_once(4, lambda _: payouts.advance(payout_id=ordered.pk))
    wechat_pay.finish(ordered.out_bill_no)
    at_once(4, lambda _: payouts.advance(payout_id=ordered.pk))
    payouts.advance(payout_id=ordered.pk)

    paid_once(lake, wechat_pay)
    assert len(wechat_pay.bills) == 1


@pytest.mark.django_db(transaction=True)
def test_it_is_ordered_once(approved, qian, wechat_pay, at_once):
    outcomes = at_once(4, lambda _: payouts.order(statement=approved, ordered_by=qian).status)

    assert Counter(outcomes) == {"pending": 1, "payout_under_way": 3}


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_sends_and_asks(ordered, lake, wechat_pay):
    tasks.sweep_payouts()
    assert len(wechat_pay.bills) == 1
    wechat_pay.finish(ordered.out_bill_no)
    tasks.sweep_payouts()  # not yet: it was asked about a moment ago
    assert Payout.objects.get().status == Status.WAITING

    Payout.objects.update(next_at=timezone.now())
    tasks.sweep_payouts()

    paid_once(lake, wechat_pay)


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_rests_where_nothing_is_set_up(ordered, settings):
    settings.WECHATPAY_MCH_ID = ""
    tasks.sweep_payouts()

    assert Payout.objects.get().status == Status.PENDING


@pytest.mark.parametrize(
    "altered",
    [
        {"amount_fen": 1},
        {"openid": "o6_thief"},
        {"sent_parameters": {"transfer_amount": 1}},
        {"status": "succeeded"},
        {"payee_id": UUID(int=1)},
    ],
)
def test_what_was_ordered_and_sent_never_changes(ordered, wechat_pay, altered):
    payouts.advance(payout_id=ordered.pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        Payout.objects.update(**altered)


# --- over HTTP --------------------------------------------------------------------------------
def test_staff_order_and_the_owner_confirms(
    approved, zhou, qian, shop, lake, wechat_pay, logged_in
):
    roles.give(user=qian, community=lake, role=Role.STAFF)
    desk, office = logged_in(qian), logged_in(zhou)
    address = f"/api/v1/statements/{approved.pk}/payouts"
    made = [desk.post(address, headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    payout = made[0].json()
    assert made[1].json() == payout
    assert payout["status"] == "pending"
    assert payout["out_bill_no"] == UUID(payout["id"]).hex

    payouts.advance(payout_id=UUID(payout["id"]))
    sent = Payout.objects.get()
    seen = {
        "id": payout["id"],
        "statement_id": str(approved.pk),
        "amount_fen": 600,
        "status": "waiting",
        "wechat_status": "WAIT_USER_CONFIRM",
        "reason": "",
        "out_bill_no": payout["out_bill_no"],
        "transfer_bill_no": sent.transfer_bill_no,
        "package_info": "",
        "ordered_by": {"id": str(qian.pk), "name": qian.shown_name},
        "ordered_at": payout["ordered_at"],
        "sent_at": sent.sent_at.isoformat().replace("+00:00", "Z"),
        "cancel_asked_at": None,
        "finished_at": None,
    }
    told = seen | {"package_info": f"package-{payout['out_bill_no']}"}  # for who confirms it
    one = f"/api/v1/payouts/{payout['id']}"
    assert (desk.get(address).json()["results"], desk.get(one).json()) == ([seen], seen)
    assert (office.get(address).json()["results"], office.get(one).json()) == ([told], told)
    everywhere = "/api/v1/communities/lake/payouts"
    for query, found in (
        ("", [seen]),
        ("?status=waiting", [seen]),
        ("?status=failed", []),
        (f"?partnership={approved.partnership_id}", [seen]),
        (f"?partnership={UUID(int=1)}", []),
        (f"?since={lake.today}&until={lake.today}", [seen]),
        (f"?until={lake.today - timedelta(days=1)}", []),
    ):
        assert desk.get(f"{everywhere}{query}").json()["results"] == found, query
    assert office.get(everywhere).status_code == 404
    cancelled = desk.post(f"/api/v1/payouts/{payout['id']}/cancel")
    assert cancelled.json()["wechat_status"] == "CANCELING"
