"""The public's pages."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from merchants.giving.services import campaigns
from points.seals.services import sealing
from volunteers.attendance.services import hours
from volunteers.models import Report
from volunteers.reports.categories import DEFAULTS
from volunteers.reports.services import handling, submitting


def page(path: str, language: str = "zh-hans") -> str:
    answer = Client().get(path, HTTP_ACCEPT_LANGUAGE=language)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def reported(lake, wang):
    """Reports something as 王小明, who has a name that must not be shown."""

    def report(category: str) -> Report:
        return submitting.submit(
            community=lake,
            reporter=wang,
            category=category,
            text="三楼的老刘把楼道堵了",
            place="老刘家门口",
            latitude=30.528371,
            longitude=114.317264,
        )

    return report


def test_the_front_page_leads_to_each_community(lake, hill):
    text = page("/")

    assert 'href="/c/lake/"' in text
    assert "山丹社区" in text


def test_a_community_shows_what_it_did(lake, wang, li, zhao, tea_house, served):
    hours.verify(attendance=served(wang, "2024-03-01 10:00", "2024-03-01 12:30"), verifier=zhao)

    text = page("/c/lake/", "en")

    for name, figure in [
        ("Volunteers", 2),
        ("Hours served", 2),
        ("Points issued", 25),
        ("Points redeemed", 0),
        ("Points in wallets", 25),
        ("Partner merchants", 1),
    ]:
        assert f"<dt>{name}</dt><dd>{figure}</dd>" in text


def test_what_was_given_back_and_by_merchants_is_public_without_names(
    lake, wang, zhao, tea_house, grant_points
):
    assert "公益反哺" not in page("/c/lake/")
    campaign = campaigns.open_campaign(community=lake, title="助老", by=zhao)
    grant_points(wang, 50)
    campaigns.donate(campaign=campaign, volunteer=wang, amount=40)
    campaigns.disburse(campaign=campaign, amount=15, reason="送米", by=zhao)
    campaigns.sponsor(
        partnership=tea_house, text="一百瓶水", given_on=lake.today, by=zhao, value_fen=20_000
    )

    text = page("/c/lake/")

    assert "捐出 40 · 已用 15" in text
    assert "<dt>已兑积分</dt><dd>0</dd>" in text  # nobody had anything for them
    assert "一百瓶水" in text
    assert "王" not in text


def test_the_latest_seal_is_shown_with_its_head_and_leads_to_the_check(lake, wang, grant_points):
    assert "封存" not in page("/c/lake/")
    for _ in range(2):
        grant_points(wang, 1)
        (seal,) = sealing.seal(community=lake)

    text = page("/c/lake/")

    (whole, head) = re.findall(r'<a href="/c/lake/check#(.*?)"><code>(.*?)…</code></a>', text)[0]
    assert whole == bytes(seal.head).hex()
    assert head == whole[:16]
    sealed_at = f"{seal.sealed_at.astimezone(lake.clock):%Y-%m-%d %H:%M}"
    assert f"账本封存第 2 批，{sealed_at}：" in text


def test_a_reports_progress_is_public_and_nobodys_name_or_door_is(reported, zhao):
    report = reported("hazard")
    assert "已提交" in page("/c/lake/")

    handling.close(report=report, handler=zhao, answer="通道已清理")
    text = page("/c/lake/")

    assert "属实已办结" in text
    assert "通道已清理" in text
    assert "老刘" not in text
    assert "王小明" not in text
    assert "30.52" not in text


def test_a_reports_page_shows_its_way_and_nobodys_words(reported, zhao):
    report = reported("hazard")
    address = f"/c/lake/reports/{report.pk}"
    assert f'href="{address}"' in page("/c/lake/")
    handling.close(report=report, handler=zhao, answer="通道已清理")

    text = page(address)

    for words in ("安全隐患", "红色", "已提交", "属实已办结", "通道已清理", "奖励已发放"):
        assert words in text
    for words in ("老刘", "王小明", "30.52"):
        assert words not in text


def test_the_pages_of_figures_and_funds_are_there_and_of_no_year_to_come(reported, lake):
    reported("hazard")
    reported("dispute")

    text = page("/c/lake/figures")
    assert "安全隐患" in text
    assert "邻里纠纷" not in text
    assert "还没有上报" in page(f"/c/lake/figures/{lake.today.year - 1}")
    for year in (1999, lake.today.year + 1):
        assert Client().get(f"/c/lake/figures/{year}").status_code == 404
    assert "暂无基金" in page("/c/lake/funds")
    for address in ("figures", "funds", f"reports/{lake.pk}", f"bulletins/{lake.pk}"):
        assert Client().get(f"/c/nowhere/{address}").status_code == 404


def test_times_are_the_communitys_own(reported):
    report = reported("hazard")
    Report.objects.filter(pk=report.pk).update(submitted_at=datetime(2026, 1, 5, 17, tzinfo=UTC))

    assert re.search("1月6日[^<]* 01:00", page("/c/lake/"))


@pytest.mark.parametrize("category", ["dispute", "assistance"])
def test_confidential_reports_are_never_shown(reported, category):
    reported(category)

    assert "还没有上报" in page("/c/lake/")


def test_every_public_category_and_state_has_its_word(reported, lake):
    for category in DEFAULTS:
        reported(category)

    assert page("/c/lake/").count("<li>") == len(DEFAULTS) - 2


def test_a_place_that_is_no_community_is_not_found(db):
    assert Client().get("/c/nowhere/").status_code == 404


def test_where_a_board_was_before_leads_to_where_it_is(db):
    for old, new in [("", "/c/lake/"), ("/figures/2025", "/c/lake/figures/2025")]:
        answer = Client().get(f"/board/lake{old}")
        assert (answer.status_code, answer["Location"]) == (301, new)
