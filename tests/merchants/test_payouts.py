"""Statements paid by WeChat: once, to an owner, by a second person."""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import roles
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox
from backend.payouts import services as advancing
from backend.payouts.errors import OwnPayout, PayoutOutsideLimits, PayoutUnderWay
from backend.payouts.models import Payout, PayoutCallback
from backend.sql import constraint_of
from backend.wechat.errors import WeChatPayNotConfigured
from merchants.models import MerchantMember, Statement, Terms
from merchants.partners.errors import OwnMerchant
from merchants.partners.services import partnerships as partners
from merchants.settlement.errors import (
    NothingToPay,
    OwnApproval,
    PayeeMissing,
    StatementStatusWrong,
)
from merchants.settlement.services import bank, payouts
from merchants.settlement.services import statements as settlement
from points.ledger import selectors as points
from tests.verified import found_in

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
def callback(client, lake):
    """Sends what WeChat Pay tells to our address, and answers the status."""

    def send(body, headers):
        address = f"/api/v1/wechatpay/callback/{lake.pk}"
        answer = client.generic("POST", address, body, "application/json", headers=headers)
        return answer.status_code

    return send


def advance(payout):
    outbox.attempt("payout", is_due=False, community_id=payout.community_id, pk=payout.pk)


def paid_once(lake, wechat_pay):
    """Check that the receiver, the statement and the books agree on one payment."""
    statement = Statement.objects.get()
    assert statement.status == Statement.Status.PAID
    assert wechat_pay.paid_fen() == statement.amount_fen == 600
    totals = points.totals_by_kind(lake)
    assert (totals["settled"], totals["merchant"]) == (60, 0)
    assert found_in(lake) == []
    return statement


def test_it_is_sent_confirmed_and_the_statement_paid(ordered, qian, lake, wechat_pay):
    advance(ordered)
    waiting = Payout.objects.get()
    assert (waiting.status, waiting.wechat_status) == (Status.WAITING, "WAIT_USER_CONFIRM")
    assert waiting.package_info == f"package-{ordered.out_bill_no}"
    assert Statement.objects.get().status == Statement.Status.APPROVED

    wechat_pay.finish(ordered.out_bill_no)
    for _ in range(2):
        advance(ordered)

    statement = paid_once(lake, wechat_pay)
    finished = Payout.objects.get()
    assert (finished.status, finished.openid, finished.package_info) == (Status.SUCCEEDED, "", "")
    assert statement.paid_by == qian
    assert statement.payment_reference == finished.transfer_bill_no


def test_what_nobody_confirms_within_a_day_makes_room_for_another(
    ordered, approved, qian, wechat_pay
):
    advance(ordered)
    with pytest.raises(PayoutUnderWay):
        payouts.order(statement=approved, ordered_by=qian)

    wechat_pay.ahead = 86_400 + 61
    advance(ordered)

    failed = Payout.objects.get()
    assert (failed.status, failed.fail_reason) == (Status.FAILED, "OVERDUE_CLOSE")
    again = payouts.order(statement=approved, ordered_by=qian)
    assert again.out_bill_no != ordered.out_bill_no


# --- cancelled --------------------------------------------------------------------------------
def test_what_wechat_never_took_can_be_paid_otherwise_a_day_after_it_is_cancelled(
    ordered, approved, qian, wechat_pay
):
    wechat_pay.most_fen = 599
    advance(ordered)
    assert Payout.objects.get().reason == "INVALID_REQUEST"
    asked = advancing.cancel(payout=ordered, by=qian)
    assert (asked.status, asked.reason) == (Status.UNKNOWN, "NOT_FOUND")
    with pytest.raises(PayoutUnderWay):
        settlement.mark_paid(statement=approved, payer=qian)

    day = timedelta(hours=25, minutes=1)
    sent = Payout.objects.get()
    Payout.objects.update(sent_at=sent.sent_at - day, last_sent_at=sent.last_sent_at - day)
    advance(ordered)

    ended = Payout.objects.get()
    assert (ended.status, ended.fail_reason) == (Status.CANCELLED, "NOT_FOUND")
    paid = settlement.mark_paid(statement=approved, payer=qian)
    assert paid.status == Statement.Status.PAID


def test_who_works_there_does_not_cancel(ordered, zhou, chen):
    for one_of_theirs in (zhou, chen):
        with pytest.raises(OwnMerchant):
            advancing.cancel(payout=ordered, by=one_of_theirs)


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


def test_who_works_there_orders_no_payout_by_sql_either(ordered, approved, chen):
    advancing.cancel(payout=ordered, by=ordered.ordered_by)
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        Payout.objects.create(
            community=approved.community,
            subject=approved.subject,
            holder=ordered.holder,
            title=ordered.title,
            purpose={},
            payee=ordered.payee,
            openid="o6_zhou",
            amount_fen=600,
            ordered_by=chen,
        )
    assert constraint_of(refused.value) == "nobody_decides_for_their_own"


def test_who_works_there_does_not_order(approved, chen, wechat_pay):
    with pytest.raises(OwnMerchant):
        payouts.order(statement=approved, ordered_by=chen)


def test_what_was_ordered_is_paid_though_who_ordered_it_works_there_since(
    ordered, qian, shop, lake, wechat_pay
):
    partners.employ(merchant=shop, user=qian, role=MerchantMember.Role.CLERK)
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)

    advance(ordered)

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
    MerchantMember.objects.filter(user=old_hand).update(since_at=zhou.joined_at - timedelta(days=9))

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
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)

    told = [
        wechat_pay.call_back(callback, ordered.out_bill_no, event_id=event)
        for event in ("e1", "e1", "e2")
    ]

    assert told == [204] * 3
    assert PayoutCallback.objects.count() == 2
    paid_once(lake, wechat_pay)


# --- many at once, and by the clock -----------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_workers_at_one_payout_pay_it_once(ordered, lake, wechat_pay, at_once):
    at_once(4, lambda _: advance(ordered))
    wechat_pay.finish(ordered.out_bill_no)
    at_once(4, lambda _: advance(ordered))
    advance(ordered)

    paid_once(lake, wechat_pay)
    assert len(wechat_pay.bills) == 1


def test_what_succeeded_is_paid_even_if_the_ledger_is_not_to_be_had_at_that_moment(
    ordered, approved, qian, lake, wechat_pay
):
    """Until the statement is marked as paid, nothing else pays it."""
    advance(ordered)
    wechat_pay.finish(ordered.out_bill_no)
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION points_post RENAME TO points_post_gone")
        advance(ordered)
        cursor.execute("ALTER FUNCTION points_post_gone RENAME TO points_post")
    assert Payout.objects.get().status == Status.SUCCEEDED
    assert Statement.objects.get().status == Statement.Status.APPROVED
    with pytest.raises(PayoutUnderWay):
        settlement.mark_paid(statement=approved, payer=qian)
    with pytest.raises(NothingToPay):
        bank.make_batch(community=lake, by=qian)

    advance(ordered)

    paid_once(lake, wechat_pay)


@pytest.mark.django_db(transaction=True)
def test_it_is_ordered_once(approved, qian, wechat_pay, at_once):
    outcomes = at_once(4, lambda _: payouts.order(statement=approved, ordered_by=qian).status)

    assert Counter(outcomes) == {"pending": 1, "payout_under_way": 3}


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_sends_and_asks(ordered, lake, wechat_pay):
    sweep_outbox()
    assert len(wechat_pay.bills) == 1
    wechat_pay.finish(ordered.out_bill_no)
    sweep_outbox()  # not yet: it was asked about a moment ago
    assert Payout.objects.get().status == Status.WAITING

    Payout.objects.update(next_at=timezone.now())
    sweep_outbox()

    paid_once(lake, wechat_pay)


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

    advance(Payout.objects.get(pk=payout["id"]))
    sent = Payout.objects.get()
    seen = {
        "id": payout["id"],
        "subject": f"statement:{approved.pk}",
        "holder": f"merchant:{shop.pk}",
        "title": f"{approved.partnership.name} {approved.number}",
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
        "difference": "",
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
        ("?is_unclear=true", []),
        ("?is_unclear=false", [seen]),
        ("?text=茶", [seen]),
        ("?text=面", []),
        (f"?holder=merchant:{shop.pk}", [seen]),
        (f"?holder=merchant:{UUID(int=1)}", []),
        (f"?subject=statement:{approved.pk}", [seen]),
        (f"?subject=statement:{UUID(int=1)}", []),
        (f"?since={lake.today}&until={lake.today}", [seen]),
        (f"?until={lake.today - timedelta(days=1)}", []),
    ):
        assert desk.get(f"{everywhere}{query}").json()["results"] == found, query
    assert office.get(everywhere).status_code == 404
    cancelled = desk.post(f"/api/v1/payouts/{payout['id']}/cancel")
    assert cancelled.json()["wechat_status"] == "CANCELING"


@pytest.mark.parametrize(
    "because",
    [
        {"status": "unknown", "sent_at": timezone.now()},
        {"next_at": None, "given_up_at": timezone.now()},
        {"difference": "WeChat: FAIL"},
    ],
)
def test_a_payout_that_somebody_has_to_look_at_is_listed_as_unclear(
    approved, qian, lake, wechat_pay, logged_in, because
):
    roles.give(user=qian, community=lake, role=Role.STAFF)
    payout = payouts.order(statement=approved, ordered_by=qian)
    Payout.objects.filter(pk=payout.pk).update(**because)

    everywhere = "/api/v1/communities/lake/payouts"
    unclear, clear = (
        [
            one["id"]
            for one in logged_in(qian).get(everywhere, {"is_unclear": which}).json()["results"]
        ]
        for which in ("true", "false")
    )

    assert (unclear, clear) == ([str(payout.pk)], [])
