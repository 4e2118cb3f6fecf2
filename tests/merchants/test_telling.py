"""Notices about a merchant reach the right people, in words that name nobody."""

from datetime import date, timedelta

import pytest
from django.utils import timezone, translation

from backend.notices.models import Notice
from backend.notices.words import words
from backend.outbox import services as outbox
from backend.webhooks import services as webhooks
from backend.webhooks.models import Delivery, Endpoint
from merchants.giving.services import wishes
from merchants.models import MerchantMember
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import questions
from merchants.settlement.services import statements as settlement

MARCH = {"period_start": date(2024, 3, 1), "period_end": date(2024, 4, 1)}


@pytest.fixture
def told():
    """(who, kind) of all that is owed, oldest first; every one has words in both languages."""

    def look():
        owed = list(Notice.objects.select_related("recipient").order_by("pk"))
        for notice in owed:
            for language in ("zh-hans", "en"):
                with translation.override(language):
                    title, body = words(notice)
                    assert title
                    assert "%(" not in body
                    assert not any(name in body for name in ("王", "李", "周", "陈"))
        return [(notice.recipient.username, notice.kind) for notice in owed]

    return look


@pytest.fixture
def bicycle(lake, wang, zhao, grant_points):
    grant_points(wang, 100)
    wish = wishes.propose(volunteer=wang, community=lake, text="孩子的自行车")
    return wishes.decide(wish=wish, accept=True, price_points=80, by=zhao)


def test_who_wishes_is_told_how_it_goes_and_who_fulfils_it_of_the_thanks(
    bicycle, tea_house, zhou, chen, told
):
    for _ in range(2):
        wishes.adopt_as_merchant(wish=bicycle, partnership=tea_house, by=zhou)
    wishes.release(wish=bicycle, by=zhou)
    adopted = wishes.adopt_as_merchant(wish=bicycle, partnership=tea_house, by=zhou)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=adopted.redemption.code)
    for _ in range(2):
        wishes.thank(wish=adopted, text="谢谢")

    assert told() == [
        ("wang", "wish_published"),
        ("wang", "wish_adopted_by_shop"),
        ("wang", "wish_open_again"),
        ("wang", "wish_adopted_by_shop"),
        ("zhou", "wish_thanked"),
    ]


def test_a_neighbour_is_thanked_too(bicycle, li, told):
    adopted = wishes.adopt_as_donor(wish=bicycle, donor=li)
    wishes.thank(wish=adopted, text="谢谢")

    assert told()[1:] == [("wang", "wish_adopted_by_neighbour"), ("li", "wish_thanked")]


def test_what_nobody_scanned_in_time_is_told_as_well(bicycle, tea_house, zhou, told, monkeypatch):
    monkeypatch.setattr(wishes, "LIFETIME", timedelta(0))
    adopted = wishes.adopt_as_merchant(wish=bicycle, partnership=tea_house, by=zhou)

    for _ in range(2):
        redemption.expire(community_id=adopted.community_id, redemption_id=adopted.redemption_id)

    assert told()[2:] == [("wang", "wish_open_again")]


def test_who_withdraws_a_wish_is_told_nothing_of_it(bicycle, tea_house, zhou, told):
    wishes.withdraw(wish=wishes.adopt_as_merchant(wish=bicycle, partnership=tea_house, by=zhou))

    assert told()[2:] == []


def test_a_rejected_wish_says_why(lake, wang, zhao, told):
    wish = wishes.propose(volunteer=wang, community=lake, text="火箭")
    wishes.decide(wish=wish, accept=False, by=zhao, reason="太贵")

    assert told() == [("wang", "wish_rejected")]
    assert words(Notice.objects.get())[1] == "碧沙湖社区回复：太贵"


def test_points_that_come_back_are_told(redeemed, wang, zhao, told):
    taken = redeemed("2024-03-05 10:00", quantity=2)

    refunds.refund(redemption=taken, refunded_by=zhao, reason="凉了", quantity=1, is_late=True)

    assert told() == [("wang", "redemption_refunded")]
    assert words(Notice.objects.get())[1] == "茶馆退回了“一壶茶”的 30 积分。"


def test_owners_follow_a_statement_from_draft_to_payment(
    lake, redeemed, shop, zhou, zhao, person, told
):
    redeemed("2024-03-05 10:00", quantity=2)
    dismissed = person("qian", "钱掌柜")
    partners.employ(merchant=shop, user=dismissed, role=MerchantMember.Role.OWNER)
    MerchantMember.objects.filter(user=dismissed).update(ended_at=timezone.now())
    (statement,) = settlement.draft(community=lake, drafted_by=zhao, **MARCH)
    line = statement.redemptions.get()
    by_staff = questions.ask(statement=statement, line_id=line.pk, reason="两壶？", asked_by=zhao)
    questions.answer(question=by_staff, answer="两壶", answered_by=zhou)
    by_owner = questions.ask(statement=statement, line_id=line.pk, reason="多少？", asked_by=zhou)
    questions.answer(question=by_owner, answer="六百分", answered_by=zhao)
    settlement.approve(statement=statement, approver=person("sun"))
    settlement.mark_paid(statement=statement, payer=zhao)

    assert told() == [
        ("zhou", "statement_drafted"),
        ("zhou", "statement_asked"),
        ("zhao", "statement_answered"),
        ("zhou", "statement_answered"),
        ("zhou", "statement_paid"),
    ]
    assert words(Notice.objects.earliest("pk"))[1].startswith(
        "碧沙湖社区，2024-03-01 至 2024-03-31：60 积分，6.00 元。"
    )


def test_owners_are_told_of_a_webhook_that_is_switched_off(shop, lake, zhou, told, settings):
    settings.WEBHOOK_ALLOWED = ["127.0.0.1:9"]
    endpoint, _ = webhooks.create(owner_id=shop.pk, url="https://127.0.0.1:9/hook", by=zhou)
    ping = webhooks.ping(endpoint=endpoint, community_id=lake.pk)
    Delivery.objects.filter(pk=ping.pk).update(attempts=9, next_at=timezone.now())

    outbox.attempt("webhook", community_id=lake.pk, pk=ping.pk)

    assert Endpoint.objects.get().disabled_reason == "failing"
    assert told() == [("zhou", "webhook_switched_off")]
