"""Merchants in a browser: a partner, its offer, a statement by two people, the bank's file."""

from datetime import datetime

import pytest

from backend.communities.models import Role
from backend.communities.services import roles
from merchants.models import Offer, Partnership, Statement, Terms
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import bank
from tests.browser import PHONE, WIDE, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]
LAKE = "/console/communities/lake"


def press(window, words, **typed):
    """Press the button with these words, fill in the form that opens, and send it."""
    page = window.page
    page.locator("a.console-button", has_text=words).first.click()
    for name, value in typed.items():
        field = page.locator(f'[name="{name}"]').first
        is_choice = field.evaluate("element => element.tagName") == "SELECT"
        field.select_option(value) if is_choice else field.fill(value)
    page.locator('button[name="send"]').click()
    page.wait_for_load_state()


def fits(window):
    """Tell whether the page fits a phone as well."""
    window.page.set_viewport_size(PHONE)
    found = not window.runs_over()
    window.page.set_viewport_size(WIDE)
    return found


def test_a_partner_from_the_first_talk_to_the_banks_file(
    at_desk, person, lake, zhao, zhou, wang, tea, tea_house, grant_points
):
    shop = tea_house.merchant
    qian = person("qian", "钱社工")
    roles.give(user=qian, community=lake, role=Role.STAFF)
    one, other = at_desk(zhao), at_desk(qian)

    one.goto(f"{LAKE}/partnerships")
    press(one, "添加商企", name="粥铺", trade="餐饮")
    assert one.page.locator("h1").inner_text().strip() == "粥铺"
    terms = {"kind": "per_point", "fen_per_point": "0.10", "valid_from": f"{lake.today}"}
    press(one, "约定新条款", **terms)
    assert "须由第二人确认" in one.page.inner_text("body")
    other.goto(f"{LAKE}/increases?status=pending")
    other.page.locator("table a").first.click()
    press(other, "确认")
    assert Terms.objects.latest("id").fen_per_point == 10
    partner = Partnership.objects.latest("id")
    one.goto(f"/console/partnerships/{partner.pk}")
    press(one, "开始合作")
    assert one.barriers() == []

    one.goto(f"{LAKE}/offers")
    assert fits(one)
    offer = {"code": "粥", "title": "一碗粥", "kind": "goods", "price_points": "20", "stock": "9"}
    press(one, "提交商品", partnership_id=str(partner.pk), **offer)
    assert one.page.locator("h1").inner_text().strip() == "一碗粥"
    other.goto(f"/console/offers/{Offer.objects.latest('id').pk}")
    press(other, "上架")
    assert Offer.objects.latest("id").status == "listed"

    # What is settled was redeemed in a period that is over, at a shop that is a partner for long.
    bank.keep_account(merchant=shop, holder="周", bank="农商行", number="62220001", by=zhou)
    grant_points(wang, 30)
    then = datetime(2024, 3, 5, 10, tzinfo=lake.clock)
    voucher = redemption.take(offer=tea, volunteer=wang, now=then)
    redemption.scan(merchant_id=shop.pk, clerk=zhou, code=voucher.code, now=then)

    one.goto(f"{LAKE}/statements")
    press(one, "制单", period_start="2024-03-01", period_end="2024-04-01")
    assert fits(one)
    drafted = Statement.objects.get()
    one.goto(f"/console/statements/{drafted.pk}")
    press(one, "审批通过")
    assert "结算单的制单人不能审批" in one.page.inner_text("main")
    other.goto(f"/console/statements/{drafted.pk}")
    assert "¥3.00" in other.page.inner_text("main")
    assert fits(other)
    press(other, "审批通过")

    one.goto(f"{LAKE}/bank-batches")
    press(one, "生成批次")
    with one.page.expect_download() as fetched:
        one.page.locator("a", has_text="银行文件（CSV）").click()
    assert "62220001" in fetched.value.path().read_text(encoding="utf-8-sig")

    for address in (f"{LAKE}/payouts", f"{LAKE}/outbox"):
        other.goto(address)
        assert other.barriers() == [], address
