"""Owners read once a month what the month before brought their shop."""

from datetime import date

import pytest

from backend.communities.models import Community
from backend.notices.models import Notice
from backend.notices.words import words
from merchants.models import MerchantMember, Partnership
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import refunds
from merchants.settlement import tasks
from merchants.settlement.services import months

MARCH = {"first_day": date(2024, 3, 1), "next_month": date(2024, 4, 1)}


def told():
    return Notice.objects.filter(kind="merchant_month")


def facts_of(notice):
    return {name: notice.facts[name] for name in ("month", "count", "points", "yuan")}


def test_a_month_is_summed_by_the_communitys_days_and_told_each_owner_once(
    lake, redeemed, shop, zhou, person
):
    partners.employ(merchant=shop, user=person("qian"), role=MerchantMember.Role.OWNER)
    for moment in ("2024-02-29 23:59", "2024-03-01 00:00", "2024-03-31 23:59", "2024-04-01 00:00"):
        redeemed(moment)

    for _ in range(2):
        assert months.tell(community=lake, **MARCH) == 1

    assert sorted(told().values_list("recipient__username", flat=True)) == ["qian", "zhou"]
    notice = told().get(recipient=zhou)
    assert facts_of(notice) == {"month": "2024-03", "count": 2, "points": 60, "yuan": "6.00"}
    assert notice.target_id == shop.pk
    assert words(notice)[1] == (
        "茶馆在碧沙湖社区，2024-03：核销 2 笔，共 60 积分、6.00 元（已扣除退回部分）。"
    )


def test_what_was_refunded_that_month_is_taken_off(lake, redeemed, zhou, zhao):
    first = redeemed("2024-03-05 10:00", quantity=3)
    refunds.refund(
        redemption=first,
        refunded_by=zhao,
        reason="凉了",
        quantity=1,
        is_late=True,
        now=first.closed_at,
    )

    months.tell(community=lake, **MARCH)

    assert facts_of(told().get()) == {"month": "2024-03", "count": 1, "points": 60, "yuan": "6.00"}


def test_a_shop_without_a_redemption_is_told_nothing(lake, hill, redeemed, zhou):
    redeemed("2024-02-05 10:00")

    assert months.tell(community=lake, **MARCH) == 0
    assert months.tell(community=hill, **MARCH) == 0
    assert not told().exists()


def test_a_clerk_is_told_nothing(lake, redeemed):
    redeemed("2024-03-05 10:00")

    months.tell(community=lake, **MARCH)

    assert Partnership.objects.filter(community=lake).count() == 1
    assert not told().exists()


@pytest.mark.usefixtures("_tasks_run_at_once")
@pytest.mark.parametrize(
    ("today", "is_told"), [(date(2024, 4, 7), True), (date(2024, 4, 8), False)]
)
def test_the_first_nights_of_a_month_tell_of_the_last(redeemed, zhou, monkeypatch, today, is_told):
    redeemed("2024-03-05 10:00")
    monkeypatch.setattr(Community, "today", today)

    tasks.sweep_merchants_months()

    assert told().exists() is is_told
