"""Paid by WeChat: once, under one number, whatever is lost on the way."""

import io
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from backend.audit import services as trail
from backend.audit.models import AuditEntry
from backend.errors import Forbidden
from backend.notices.models import Notice
from backend.notices.words import words
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox
from backend.payouts import selectors, subjects
from backend.payouts import services as payouts
from backend.payouts.errors import (
    OwnPayout,
    PayeeNotOnWeChat,
    PayoutFinished,
    PayoutOutsideLimits,
    PayoutUnderWay,
)
from backend.payouts.models import Payout, PayoutCallback, Purpose
from backend.standins.wechatpay import BILLS
from backend.wechat.errors import WeChatPayNotConfigured
from tests.standins.wechatpay import signed_event

Status = Payout.Status
PRIZE, BOUNTY = (f"{kind}:{UUID(int=7)}" for kind in ("prize", "bounty"))  # one id, two kinds
PURPOSE = Purpose(
    remark="六月之星",
    scene="1000",
    report={"活动名称": "评选", "奖励说明": "六月之星"},
    perception="现金奖励",
)


class OwnPrize(Forbidden):
    code = "own_prize"
    title = "Of one's own prize others decide."


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    """Two kinds of subjects, each with an app that keeps what it hears; ``kinds.deaf`` raises."""

    class Kinds(dict):
        deaf = frozenset()

    def kind(name):
        def hears(payout):
            after = {"status": payout.status, "amount_fen": payout.amount_fen}
            trail.record(f"{name}.hear", actor=None, target=payout, after=after)
            if name in found.deaf:
                raise RuntimeError(f"{name} is not to be reached")

        def refuse(payout, by):
            if payout.payee == by:
                raise OwnPrize

        return subjects.Kind(hears=hears, refuse=refuse, seen_by=lambda user: Q(payee=user))

    found = Kinds(prize=kind("prize"), bounty=kind("bounty"))
    for name, one in found.items():
        monkeypatch.setitem(subjects._kinds, name, one)
    return found


@pytest.fixture
def qian(person):
    """钱出纳, who pays."""
    return person("qian", "钱出纳")


@pytest.fixture
def order(lake, wang, qian, wechat_pay):
    """Orders 600 fen for Wang, who has WeChat: ``order(subject=BOUNTY)``."""
    SocialAccount.objects.create(user=wang, provider="wechat", uid="o6_wang")

    def order(**changes) -> Payout:
        terms = {
            "community": lake,
            "subject": PRIZE,
            "holder": f"person:{wang.pk}",
            "title": "六月之星",
            "amount_fen": 600,
            "payee": wang,
            "purpose": PURPOSE,
            "ordered_by": qian,
        }
        return payouts.order(**terms | changes)

    return order


@pytest.fixture
def ordered(order) -> Payout:
    return order()


@pytest.fixture
def callback(client, lake):
    """Sends what WeChat Pay tells to our address, and answers the status."""

    def send(body, headers, community_id=lake.pk):
        address = f"/api/v1/wechatpay/callback/{community_id}"
        answer = client.generic("POST", address, body, "application/json", headers=headers)
        return answer.status_code

    return send


def advance(payout):
    outbox.attempt("payout", is_due=False, community_id=payout.community_id, pk=payout.pk)


def heard(kind="prize"):
    """What the kind's app heard: how each of its payouts ended, and of how many fen."""
    entries = AuditEntry.objects.filter(action=f"{kind}.hear").order_by("pk")
    return [(entry.after["status"], entry.after["amount_fen"]) for entry in entries]


def paid_once(wechat_pay):
    """Check that the receiver, the payout and whoever is told of it agree on one payment."""
    payout = Payout.objects.get(status=Status.SUCCEEDED)
    assert wechat_pay.paid_fen() == payout.amount_fen == 600
    assert heard() == [("succeeded", 600)]
    assert payout.next_at is None
    return payout


def test_it_is_sent_confirmed_and_told(ordered, wechat_pay):
    advance(ordered)
    waiting = Payout.objects.get()
    assert (waiting.status, waiting.wechat_status) == (Status.WAITING, "WAIT_USER_CONFIRM")
    assert waiting.package_info == f"package-{ordered.out_bill_no}"
    assert heard() == []

    wechat_pay.finish(ordered.out_bill_no)
    for _ in range(2):
        advance(ordered)

    finished = paid_once(wechat_pay)
    assert (finished.status, finished.openid, finished.package_info) == (Status.SUCCEEDED, "", "")


@pytest.mark.parametrize(
    "trouble",
    [("before", 0), ("before", 500), ("before", 429), ("after", 0), ("after", 500), ("slow", 0)],
)
def test_without_an_answer_the_same_number_is_sent_again(ordered, wechat_pay, trouble):
    wechat_pay.fail_next = [trouble]
    advance(ordered)
    assert Payout.objects.get().status == Status.UNKNOWN

    advance(ordered)
    assert list(wechat_pay.bills) == [ordered.out_bill_no]
    assert Payout.objects.get().package_info == f"package-{ordered.out_bill_no}"
    wechat_pay.finish(ordered.out_bill_no)
    advance(ordered)

    paid_once(wechat_pay)


def test_what_was_paid_before_it_is_sent_again_is_asked_for_its_amount(ordered, wechat_pay):
    wechat_pay.fail_next = [("after", 0)]
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)

    advance(ordered)

    assert [method for method, *_ in wechat_pay.journal] == ["POST", "POST", "GET"]
    paid_once(wechat_pay)


def test_after_a_month_it_is_not_sent_again_for_wechat_may_have_forgotten_it(ordered, wechat_pay):
    wechat_pay.fail_next = [("after", 0)]
    advance(ordered)
    Payout.objects.update(sent_at=timezone.now() - timedelta(days=30))
    wechat_pay.bills.clear()

    advance(ordered)

    assert wechat_pay.bills == {}
    assert (Payout.objects.get().status, Payout.objects.get().reason) == (Status.UNKNOWN, "TOO_OLD")


@pytest.mark.parametrize("how", ["signature", "serial", "timestamp", "missing"])
def test_an_answer_that_is_not_signed_as_it_should_be_is_none(ordered, wechat_pay, how):
    wechat_pay.spoil = {how}
    advance(ordered)
    assert Payout.objects.get().status == Status.UNKNOWN

    wechat_pay.spoil = {}
    advance(ordered)
    assert Payout.objects.get().status == Status.WAITING


def test_who_is_paid_and_who_ordered_it_are_told_what_they_have_to_do(ordered, wechat_pay):
    def told():
        owed = Notice.objects.filter(kind__startswith="payout").order_by("pk")
        return list(owed.values_list("recipient", "kind"))

    wechat_pay.money_fen = 0
    advance(ordered)
    assert told() == []  # it may pass
    Payout.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    for _ in range(2):
        advance(ordered)
    assert told() == [(ordered.ordered_by_id, "payout_unclear")]
    unclear = words(Notice.objects.latest("pk"))[1]
    assert "NOT_ENOUGH" in unclear
    assert "cancel" in unclear or "撤销" in unclear

    wechat_pay.money_fen = 600
    for _ in range(2):
        advance(ordered)
    assert told()[1:] == [(ordered.payee_id, "payout_waiting")]

    wechat_pay.finish(ordered.out_bill_no, "FAIL", "PAYEE_ACCOUNT_ABNORMAL")
    advance(ordered)
    assert told()[2:] == [(ordered.ordered_by_id, "payout_failed")]


def test_where_money_is_short_it_waits_under_its_number(ordered, wechat_pay):
    wechat_pay.money_fen = 0
    advance(ordered)
    assert (Payout.objects.get().status, Payout.objects.get().reason) == (
        Status.UNKNOWN,
        "NOT_ENOUGH",
    )

    wechat_pay.money_fen = 600
    advance(ordered)
    assert (Payout.objects.get().status, Payout.objects.get().reason) == (Status.WAITING, "")


def test_what_nobody_confirms_within_a_day_makes_room_for_another(ordered, order, qian, wechat_pay):
    advance(ordered)
    with pytest.raises(PayoutUnderWay):
        order()

    wechat_pay.ahead = 86_400 + 61
    advance(ordered)

    failed = Payout.objects.get()
    assert (failed.status, failed.fail_reason) == (Status.FAILED, "OVERDUE_CLOSE")
    again = order()
    assert again.out_bill_no != ordered.out_bill_no


def test_it_is_sent_again_as_it_was_whatever_the_settings_say_by_then(
    ordered, wechat_pay, settings
):
    wechat_pay.fail_next = [("after", 0)]
    advance(ordered)
    settings.WECHATPAY_NOTIFY_URL = "https://moved.example/api/v1/wechatpay/callback"
    settings.WECHATPAY_SCENE = "1005"
    settings.WECHATPAY_PERCEPTION = "活动奖励"
    settings.WECHATPAY_SCENE_INFO = {"岗位类型": "商户", "报酬说明": "结算"}
    advance(ordered)

    assert Payout.objects.get().package_info == f"package-{ordered.out_bill_no}"
    wechat_pay.finish(ordered.out_bill_no)
    advance(ordered)
    paid_once(wechat_pay)
    assert Payout.objects.get().sent_parameters == {}  # the openid is in it


def test_where_it_can_not_be_sent_again_it_is_asked_for_at_once(ordered, wechat_pay):
    wechat_pay.fail_next = [("after", 0)]
    advance(ordered)
    wechat_pay.parameters[ordered.out_bill_no] = {}  # by whatever it was made of
    advance(ordered)
    refused = Payout.objects.get()
    assert (refused.status, refused.reason) == (Status.WAITING, "INVALID_REQUEST")
    wechat_pay.finish(ordered.out_bill_no)
    advance(ordered)

    paid_once(wechat_pay)


def test_it_is_sent_until_the_owner_can_confirm_it(ordered, wechat_pay):
    wechat_pay.first = ("ACCEPTED", "PROCESSING")
    read = []
    for _ in range(3):
        advance(ordered)
        payout = Payout.objects.get()
        read.append((payout.wechat_status, payout.package_info))
        told = Notice.objects.filter(kind="payout_waiting").count()
        assert told == bool(payout.package_info)

    package = f"package-{ordered.out_bill_no}"
    assert read == [("ACCEPTED", ""), ("PROCESSING", ""), ("WAIT_USER_CONFIRM", package)]
    wechat_pay.transfer(ordered.out_bill_no)
    for _ in range(2):
        assert Payout.objects.get().status == Status.WAITING
        advance(ordered)
    paid_once(wechat_pay)


# --- cancelled --------------------------------------------------------------------------------
def cancelled(ordered, qian):
    """Asked for; what is known of it then."""
    payouts.cancel(payout=ordered, by=qian)
    return Payout.objects.get()


def day_later():
    day = timedelta(hours=25, minutes=1)
    for payout in Payout.objects.all():
        sent_at, last_sent_at = payout.sent_at - day, payout.last_sent_at - day
        Payout.objects.filter(pk=payout.pk).update(sent_at=sent_at, last_sent_at=last_sent_at)


def sent(wechat_pay):
    """How often."""
    return [method for method, path, _ in wechat_pay.journal if path == BILLS].count("POST")


def test_it_is_cancelled_while_it_is_not_confirmed(ordered, qian, wechat_pay):
    advance(ordered)
    wechat_pay.cancelling_reads = 2
    asked = cancelled(ordered, qian)
    assert (asked.status, asked.wechat_status) == (Status.WAITING, "CANCELING")
    for _ in range(3):
        assert Payout.objects.get().status == Status.WAITING
        advance(ordered)

    assert Payout.objects.get().status == Status.CANCELLED
    with pytest.raises(PayoutFinished):
        payouts.cancel(payout=ordered, by=qian)


@pytest.mark.parametrize("which", [0, 1])
def test_where_cancelling_fails_it_is_tried_again(ordered, qian, wechat_pay, which):
    advance(ordered)
    wechat_pay.fail_next = [("", 0)] * which + [("before", 500)]
    asked = cancelled(ordered, qian)
    assert (asked.status, asked.reason) == (Status.WAITING, "SYSTEM_ERROR")
    assert asked.next_at < timezone.now() + timedelta(minutes=1)
    for _ in range(3):
        advance(ordered)

    assert Payout.objects.get().status == Status.CANCELLED


def test_what_was_never_sent_is_cancelled_at_once(ordered, qian, wechat_pay):
    assert payouts.cancel(payout=ordered, by=qian).status == Status.CANCELLED
    advance(ordered)

    assert wechat_pay.bills == {}


@pytest.mark.parametrize("reached_it", [False, True])
def test_what_is_to_be_cancelled_is_not_sent_again(ordered, qian, wechat_pay, reached_it):
    wechat_pay.fail_next = [("after" if reached_it else "before", 500)]
    advance(ordered)
    cancelled(ordered, qian)
    for _ in range(3):
        advance(ordered)

    assert sent(wechat_pay) == 1
    payout = Payout.objects.get()
    # Where nothing is known of it, it may still be under way.
    assert payout.status == (Status.CANCELLED if reached_it else Status.UNKNOWN)


def test_who_receives_it_can_not_confirm_what_is_being_cancelled(ordered, qian, wechat_pay):
    wechat_pay.fail_next = [("after", 500)]
    advance(ordered)
    wechat_pay.fail_next = [("", 0), ("before", 500)]

    assert cancelled(ordered, qian).wechat_status == "WAIT_USER_CONFIRM"
    assert Payout.objects.get().package_info == ""
    assert not Notice.objects.filter(kind="payout_waiting").exists()


def test_what_wechat_never_took_can_be_paid_otherwise_a_day_after_it_is_cancelled(
    ordered, order, qian, wechat_pay
):
    wechat_pay.most_fen = 599
    advance(ordered)
    assert Payout.objects.get().reason == "INVALID_REQUEST"
    asked = cancelled(ordered, qian)
    assert (asked.status, asked.reason) == (Status.UNKNOWN, "NOT_FOUND")
    with pytest.raises(PayoutUnderWay):
        order()

    day_later()
    advance(ordered)

    ended = Payout.objects.get()
    assert (ended.status, ended.fail_reason) == (Status.CANCELLED, "NOT_FOUND")
    assert heard() == [("cancelled", 600)]
    assert order().status == Status.PENDING


def test_what_was_sent_a_month_ago_can_be_cancelled(ordered, qian, wechat_pay):
    wechat_pay.fail_next = [("before", 500)]
    advance(ordered)
    a_month_ago = timezone.now() - timedelta(days=30)
    Payout.objects.update(sent_at=a_month_ago, last_sent_at=a_month_ago)
    advance(ordered)
    assert Payout.objects.get().reason == "TOO_OLD"

    assert cancelled(ordered, qian).status == Status.CANCELLED


def test_what_waits_and_was_never_confirmable_is_cancelled_once_wechat_has_lost_it(
    ordered, qian, wechat_pay
):
    wechat_pay.first = ("ACCEPTED",)
    advance(ordered)
    wechat_pay.bills.clear()
    assert cancelled(ordered, qian).status == Status.WAITING

    day_later()
    advance(ordered)

    assert Payout.objects.get().status == Status.CANCELLED


def test_what_the_owner_could_confirm_is_not_over_because_wechat_has_forgotten_it(
    ordered, qian, wechat_pay
):
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)
    wechat_pay.bills.clear()  # a month later
    day_later()

    asked = cancelled(ordered, qian)

    assert (asked.status, asked.reason) == (Status.WAITING, "NOT_FOUND")
    assert Notice.objects.filter(kind="payout_unclear").count() == 1


# --- what is refused --------------------------------------------------------------------------
def test_nothing_is_ordered_where_it_is_not_set_up(order, settings):
    settings.WECHATPAY_API_V3_KEY = ""
    with pytest.raises(WeChatPayNotConfigured):
        order()


@pytest.mark.parametrize(
    ("limit", "value"), [("WECHATPAY_MOST_FEN", 599), ("WECHATPAY_LEAST_FEN", 601)]
)
def test_an_amount_outside_the_limits_is_refused(order, settings, limit, value):
    setattr(settings, limit, value)
    with pytest.raises(PayoutOutsideLimits):
        order()


# --- what WeChat tells ------------------------------------------------------------------------
def test_a_callback_pays_it_once_however_often_it_comes(ordered, wechat_pay, callback):
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)

    told = [
        wechat_pay.call_back(callback, ordered.out_bill_no, event_id=event)
        for event in ("e1", "e1", "e2")
    ]

    assert told == [204] * 3
    assert PayoutCallback.objects.count() == 2
    paid_once(wechat_pay)


def test_an_end_is_final_whatever_is_told_later(ordered, wechat_pay, callback):
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)
    wechat_pay.call_back(callback, ordered.out_bill_no)

    late = {"state": "FAIL", "fail_reason": "ACCOUNT_FROZEN"}
    assert wechat_pay.call_back(callback, ordered.out_bill_no, told=late) == 204

    paid_once(wechat_pay)


@pytest.mark.parametrize(
    "told",
    [
        {"transfer_amount": 1},
        {"transfer_amount": None},
        {"transfer_amount": "600"},
        {"openid": "o6_thief"},
        {"mch_id": "1"},
        {"appid": "wx-another"},
    ],
)
def test_another_transfer_than_ours_is_not_believed(ordered, wechat_pay, callback, told):
    advance(ordered)
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
        ({"told": {"out_bill_no": None}}, 404),
    ],
)
def test_a_callback_that_is_not_for_us_changes_nothing(
    ordered, wechat_pay, callback, wrong, status
):
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)

    assert wechat_pay.call_back(callback, ordered.out_bill_no, **wrong) == status

    assert Payout.objects.get().status == Status.WAITING


def test_a_callback_to_another_communitys_address_changes_nothing(
    ordered, wechat_pay, callback, hill
):
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)
    bill = wechat_pay.told(ordered.out_bill_no)

    assert callback(*signed_event(bill), community_id=hill.pk) == 404
    assert callback(*signed_event(bill), community_id="lake") == 404

    assert Payout.objects.get().status == Status.WAITING


def test_a_callback_where_nothing_is_set_up_is_refused(callback, db):
    assert callback(*signed_event({"out_bill_no": "a"})) == 409


# --- many at once, and by the clock -----------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_workers_at_one_payout_pay_it_once(ordered, wechat_pay, at_once):
    at_once(4, lambda _: advance(ordered))
    wechat_pay.finish(ordered.out_bill_no)
    at_once(4, lambda _: advance(ordered))
    advance(ordered)

    paid_once(wechat_pay)
    assert len(wechat_pay.bills) == 1


@pytest.mark.django_db(transaction=True)
def test_it_is_ordered_once(order, at_once):
    outcomes = at_once(4, lambda _: order().status)

    assert Counter(outcomes) == {"pending": 1, "payout_under_way": 3}


def test_one_key_orders_once_whatever_became_of_its_payout(order, qian):
    first = order(key="hold:7")
    payouts.cancel(payout=first, by=qian)

    assert order(key="hold:7") == first
    again = order()
    assert again != first
    with pytest.raises(PayoutUnderWay):
        order(key="hold:8")


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_sends_and_asks(ordered, wechat_pay):
    sweep_outbox()
    assert len(wechat_pay.bills) == 1
    wechat_pay.finish(ordered.out_bill_no)
    sweep_outbox()  # not yet: it was asked about a moment ago
    assert Payout.objects.get().status == Status.WAITING

    Payout.objects.update(next_at=timezone.now())
    sweep_outbox()

    paid_once(wechat_pay)


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_rests_where_nothing_is_set_up(ordered, settings):
    settings.WECHATPAY_MCH_ID = ""
    sweep_outbox()

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
    advance(ordered)
    with pytest.raises(DatabaseError), transaction.atomic():
        Payout.objects.update(**altered)


@pytest.mark.django_db(transaction=True)
def test_another_is_refused_at_once_while_one_is_just_ending(
    order, wechat_pay, kinds, at_once, monkeypatch
):
    """A person who orders may hold a lock that is needed to hear of the end."""
    payout = order()
    advance(payout)
    wechat_pay.finish(payout.out_bill_no)
    ending, refused = threading.Event(), threading.Event()
    hear = kinds["prize"].hears

    def slowly(payout):
        ending.set()
        assert refused.wait(timeout=30)
        hear(payout)

    monkeypatch.setitem(subjects._kinds, "prize", replace(kinds["prize"], hears=slowly))

    def work(number):
        if number == 0:
            return advance(payout)
        assert ending.wait(timeout=30)
        try:
            return order().status
        finally:
            refused.set()

    assert at_once(2, work) == [None, "payout_under_way"]
    paid_once(wechat_pay)


# --- whoever is told --------------------------------------------------------------------------
def test_subjects_of_two_kinds_are_told_apart(order, wechat_pay, lake):
    prize, bounty = order(), order(subject=BOUNTY, amount_fen=700)  # though they share their id
    for payout in (prize, bounty):
        advance(payout)
    wechat_pay.finish(prize.out_bill_no, "FAIL", "PAYEE_ACCOUNT_ABNORMAL")
    wechat_pay.finish(bounty.out_bill_no)
    for payout in (prize, bounty):
        advance(payout)

    assert (heard("prize"), heard("bounty")) == ([("failed", 600)], [("succeeded", 700)])
    assert list(selectors.payouts_of(lake.pk, BOUNTY)) == [bounty]
    order()
    with pytest.raises(PayoutUnderWay):
        order(subject=BOUNTY)


@pytest.mark.parametrize("by_callback", [False, True])
def test_who_raises_hears_of_the_end_again_and_nothing_of_it_is_lost(
    ordered, wechat_pay, kinds, callback, caplog, by_callback
):
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)
    kinds.deaf = {"prize"}
    if by_callback:
        assert wechat_pay.call_back(callback, ordered.out_bill_no) == 204
    else:
        advance(ordered)

    kept = Payout.objects.get()
    assert (kept.status, kept.next_at is None, heard()) == (Status.SUCCEEDED, False, [])
    assert "prize is not to be reached" in caplog.text
    assert selectors.under_way(kept.community_id, PRIZE).get() == kept  # not to be paid otherwise

    wechat_pay.bills.clear()  # a month later WeChat has forgotten it
    advance(ordered)
    assert heard() == []
    kinds.deaf = set()
    for _ in range(2):
        advance(ordered)
    assert heard() == [("succeeded", 600)]
    assert not selectors.under_way(kept.community_id, PRIZE).exists()


def test_who_raises_keeps_nobody_else_from_hearing(order, wechat_pay, kinds):
    kinds.deaf = {"prize"}
    both = order(), order(subject=BOUNTY)
    for payout in both:
        payouts.cancel(payout=payout, by=payout.ordered_by)

    assert (heard("prize"), heard("bounty")) == ([], [("cancelled", 600)])


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_tells_what_could_not_be_told(ordered, wechat_pay, kinds):
    kinds.deaf = {"prize"}
    payouts.cancel(payout=ordered, by=ordered.ordered_by)
    kinds.deaf = set()
    sweep_outbox()

    assert heard() == [("cancelled", 600)]


# --- who may ----------------------------------------------------------------------------------
def test_nobody_orders_a_payout_to_themselves(order, wang):
    with pytest.raises(OwnPayout):
        order(ordered_by=wang)


def test_nobody_orders_a_payout_to_themselves_by_sql(ordered, qian):
    with pytest.raises(DatabaseError, match="payout_ordered_by_another"), transaction.atomic():
        Payout.objects.create(
            community=ordered.community,
            subject=BOUNTY,
            holder=ordered.holder,
            title=ordered.title,
            purpose={},
            payee=qian,
            openid="o6_qian",
            amount_fen=1,
            ordered_by=qian,
        )


def test_who_has_no_wechat_receives_nothing(order, li):
    with pytest.raises(PayeeNotOnWeChat):
        order(payee=li)


def test_who_may_not_decide_about_a_subject_does_not_cancel_its_payout(ordered, wang):
    with pytest.raises(OwnPrize):
        payouts.cancel(payout=ordered, by=wang)
    assert Payout.objects.get().status == Status.PENDING


def test_who_sees_a_payout_is_decided_by_what_it_is_for(ordered, wang, li, zhao):
    assert [selectors.payouts_seen_by(user).count() for user in (wang, li, zhao)] == [1, 0, 1]


@pytest.mark.parametrize("subject", ["prize", "prize:1", f"Prize:{UUID(int=7)}"])
def test_a_subject_is_a_kind_and_an_id(order, subject):
    with pytest.raises(DatabaseError, match="payout_of_a_kind"), transaction.atomic():
        order(subject=subject)


def test_what_wechat_reads_of_a_payout_is_its_own_purpose(ordered, wechat_pay):
    advance(ordered)

    assert wechat_pay.parameters[ordered.out_bill_no] == {
        "appid": "wx-standin",
        "out_bill_no": ordered.out_bill_no,
        "openid": "o6_wang",
        "transfer_amount": 600,
        "notify_url": f"https://linli.example/api/v1/wechatpay/callback/{ordered.community_id}",
        "transfer_scene_id": "1000",
        "transfer_remark": "六月之星",
        "user_recv_perception": "现金奖励",
        "transfer_scene_report_infos": [
            {"info_type": "活动名称", "info_content": "评选"},
            {"info_type": "奖励说明", "info_content": "六月之星"},
        ],
    }


def test_of_a_long_purpose_wechat_reads_what_it_takes(order, wechat_pay):
    long = Purpose(remark="长" * 40, scene="1000", report={"活动名称": "长" * 40}, perception="x")
    parameters = order(purpose=long).purpose

    assert parameters["transfer_remark"] == "长" * 32
    assert parameters["transfer_scene_report_infos"][0]["info_content"] == "长" * 32


# --- reconciliation ---------------------------------------------------------------------------
def reconciled(**options):
    """What the command says; findings raise."""
    out = io.StringIO()
    try:
        call_command("verify_payouts", stdout=out, **options)
    except CommandError:
        assert "FOUND" in out.getvalue()
    return out.getvalue()


@pytest.fixture
def ended(order, wechat_pay):
    """One that was paid, one that failed, one that was cancelled, one that was never sent."""
    made = [order(subject=f"prize:{UUID(int=number)}") for number in range(4)]
    for payout in made[:3]:
        advance(payout)
    wechat_pay.finish(made[0].out_bill_no)
    wechat_pay.finish(made[1].out_bill_no, "FAIL", "PAYEE_ACCOUNT_ABNORMAL")
    for payout in made[2:]:
        payouts.cancel(payout=payout, by=payout.ordered_by)
    for payout in made[:3] * 2:
        advance(payout)
    return made


def test_what_ended_as_wechat_says_is_found_in_order(ended, lake, hill):
    assert [payout.status for payout in Payout.objects.order_by("pk")] == [
        "succeeded",
        "failed",
        "cancelled",
        "cancelled",
    ]
    assert reconciled().startswith("Nothing was found")


@pytest.mark.parametrize(
    ("number", "altered", "found"),
    [
        (0, {"state": "FAIL"}, "it is succeeded here, and FAIL at WeChat"),
        (0, {"transfer_amount": 500}, "it is of 600 fen here, and 500 at WeChat"),
        (1, {"state": "SUCCESS"}, "it is failed here, and SUCCESS at WeChat"),
        (2, {"state": "SUCCESS"}, "it is cancelled here, and SUCCESS at WeChat"),
        (0, None, "WeChat does not tell of it (NOT_FOUND)"),
    ],
)
def test_what_wechat_says_otherwise_is_found(ended, wechat_pay, hill, number, altered, found):
    if altered is None:
        del wechat_pay.bills[ended[number].out_bill_no]
    else:
        wechat_pay.bills[ended[number].out_bill_no] |= altered

    told = reconciled(community="lake")

    assert told == f"FOUND lake: payout {ended[number].pk} of {ended[number].subject}: {found}\n"
    assert reconciled(community="hill").startswith("Nothing was found")


def test_what_wechat_has_forgotten_by_now_is_not_asked_for(ordered, wechat_pay):
    advance(ordered)
    a_month_ago = timezone.now() - timedelta(days=30)
    Payout.objects.update(sent_at=a_month_ago, last_sent_at=a_month_ago)
    wechat_pay.finish(ordered.out_bill_no)
    advance(ordered)
    wechat_pay.bills.clear()
    wechat_pay.journal.clear()

    assert reconciled().startswith("Nothing was found")
    assert wechat_pay.journal == []


def test_an_end_that_nobody_heard_of_is_found(ordered, kinds):
    kinds.deaf = {"prize"}
    payouts.cancel(payout=ordered, by=ordered.ordered_by)
    assert "its end was not told yet (it is due)" in reconciled()

    advance(ordered)
    assert "its end was not told yet (RuntimeError)" in reconciled()

    kinds.deaf = set()
    advance(ordered)
    assert reconciled().startswith("Nothing was found")
