"""A volunteer spends points at ``/me/``: offers, vouchers, pay codes, shops without a scanner."""

import io
import re
from uuid import uuid4

import pytest
import zxingcpp
from django.utils import timezone
from PIL import Image

from backend import codes
from merchants.catalogue.services import offers
from merchants.models import PayCode, Redemption
from merchants.redemption.services import pay_codes, shop_codes, vouchers
from tests.browser import needs_chromium
from tests.pages.conftest import text_of

# Sooner than by the page's timer, by which the page of a voucher turns green below.
RENEWED = """(key) => {
  dispatchEvent(new Event("online"));
  return document.getElementById("shown").dataset.state !== key;
}"""


@pytest.fixture
def taken(rich, tea) -> Redemption:
    return vouchers.take(offer=tea, volunteer=rich)


@pytest.fixture
def offline_tea(tea_house):
    return offers.offer(
        partnership=tea_house,
        code="LEAF",
        title="一包茶叶",
        price_points=20,
        stock=5,
        scans_offline=True,
    )


def form(act, **fields):
    return {"act": act, "key": str(uuid4()), **fields}


def scanned(voucher, clerk) -> None:
    vouchers.scan(merchant_id=voucher.partnership.merchant_id, clerk=clerk, code=voucher.code)


def codes_on(page) -> list[str]:
    """The texts of all codes that a camera reads from the screen."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        return [found.text for found in zxingcpp.read_barcodes(shot.convert("RGB"))]


# --- offers -------------------------------------------------------------------------------------
def test_offers_are_found_by_their_text_and_by_what_my_points_are_enough_for(
    pocket, rich, tea, tea_house
):
    offers.offer(partnership=tea_house, code="POT", title="茶壶", price_points=101, stock=1)
    client = pocket(rich)

    assert re.search("茶壶.*一壶茶", text_of(client.get("/me/offers")))
    found = text_of(client.get("/me/offers?text=茶壶"))
    assert "茶壶" in found
    assert "一壶茶" not in found
    found = text_of(client.get("/me/offers?community=lake&affordable=1"))
    assert "茶壶" not in found
    assert "一壶茶" in found


def test_an_offer_says_its_conditions_in_words(pocket, rich, tea_house):
    offer = offers.offer(
        partnership=tea_house,
        code="CUT",
        title="理发",
        price_points=10,
        stock=3,
        limit_quantity=2,
        limit_period="month",
        min_hours=20,
        groups=["rider"],
        max_age=60,
    )

    said = text_of(pocket(rich).get(f"/me/offers/{offer.pk}"))

    for words in ("剩余 3 份", "每人限兑 2 份 · 每月", "服务满 20 小时", "60 周岁及以下", "茶馆"):
        assert words in said
    assert re.search("适用人群： *外卖骑手", said)


def test_an_offer_of_a_community_where_i_do_not_volunteer_is_not_found(pocket, person, tea):
    assert pocket(person("sun")).get(f"/me/offers/{tea.pk}").status_code == 404


def test_an_offer_is_taken_once_however_often_the_form_is_sent(pocket, rich, tea):
    client, sent = pocket(rich), form("take", quantity="2")

    first, again = (client.post(f"/me/offers/{tea.pk}", sent) for _ in range(2))

    voucher = Redemption.objects.get()
    assert voucher.quantity == 2
    assert first["Location"] == again["Location"] == f"/me/vouchers/{voucher.pk}"


def test_what_costs_more_than_i_have_is_refused_in_words(pocket, rich, tea):
    answer = pocket(rich).post(f"/me/offers/{tea.pk}", form("take", quantity="4"))

    assert answer.status_code == 409
    assert "积分不足" in answer.content.decode()


def test_shops_are_found_by_their_name_and_lead_to_what_they_offer(pocket, rich, tea):
    client = pocket(rich)

    assert "餐饮" in text_of(client.get("/me/shops?text=茶"))
    assert "茶馆" not in text_of(client.get("/me/shops?text=面"))
    merchant = tea.partnership.merchant_id
    assert f"merchant={merchant}" in client.get("/me/shops").content.decode()
    assert "一壶茶" in text_of(client.get(f"/me/offers?merchant={merchant}"))


# --- vouchers -----------------------------------------------------------------------------------
def test_a_voucher_shows_its_code_the_item_the_shop_and_how_long_it_is_good(pocket, rich, taken):
    answer = pocket(rich).get(f"/me/vouchers/{taken.pk}")

    said = text_of(answer)
    code = taken.code
    for words in (f"{code[:4]} {code[4:8]} {code[8:]}", "一壶茶", "茶馆", "还剩 23"):
        assert words in said
    assert "<svg" in answer.content.decode()


def test_a_voucher_of_somebody_else_is_not_found(pocket, li, taken):
    assert pocket(li).get(f"/me/vouchers/{taken.pk}").status_code == 404


def test_a_voucher_that_was_scanned_says_so_without_its_code(pocket, rich, chen, taken):
    scanned(taken, chen)

    answer = pocket(rich).get(f"/me/vouchers/{taken.pk}")

    assert "30 积分已使用" in text_of(answer)
    assert "<svg" not in answer.content.decode()


def test_a_voucher_is_cancelled(pocket, rich, taken):
    client = pocket(rich)

    client.post(f"/me/vouchers/{taken.pk}", form("cancel"))

    assert "积分已退回" in text_of(client.get(f"/me/vouchers/{taken.pk}"))


def test_a_voucher_that_scans_without_signal_has_one_signed_code_an_hour(pocket, rich, offline_tea):
    voucher = vouchers.take(offer=offline_tea, volunteer=rich)
    client = pocket(rich)

    answer, again = (client.get(f"/me/vouchers/{voucher.pk}") for _ in range(2))

    until = re.search('data-until="([^"]+)"', answer.content.decode())[1]
    assert until == re.search('data-until="([^"]+)"', again.content.decode())[1]
    assert "没有信号时也能核销" in text_of(answer)


def test_a_voucher_is_redeemed_by_the_code_at_the_counter(pocket, rich, zhou, taken, tea_house):
    shop = shop_codes.renew(partnership=tea_house, by=zhou)
    client = pocket(rich)
    address = f"/me/vouchers/{taken.pk}/confirm"
    assert "camera=(self)" in client.get(address)["Permissions-Policy"]

    refused = client.post(address, form("confirm", shop_code="2" * 12))
    done = client.post(address, form("confirm", shop_code=shop.shop_code.lower()))

    assert "<form" in refused.content.decode()
    assert refused.status_code == 404
    assert done["Location"] == f"/me/vouchers/{taken.pk}"
    assert "30 积分已使用" in text_of(client.get(done["Location"]))


# --- pay codes ----------------------------------------------------------------------------------
def shown_key(answer) -> str:
    return re.search(r"key=([0-9a-f-]{36})", answer.content.decode())[1]


def test_a_pay_code_stands_in_the_page_itself(pocket, rich):
    answer = pocket(rich).get("/me/pay")

    page = answer.content.decode()
    assert "<svg" in page
    assert "code.svg" not in page
    assert "100 可用积分" in text_of(answer)
    assert answer["Cache-Control"] == "no-store"


def test_a_pay_code_stays_until_shortly_before_it_ends_and_then_is_another(pocket, rich):
    client = pocket(rich)
    key = shown_key(client.get("/me/pay"))
    asked = f"/me/pay?community=lake&key={key}"
    assert shown_key(client.get(asked)) == key

    soon = timezone.now() + timezone.timedelta(seconds=10)
    PayCode.objects.update(expires_at=soon)

    assert shown_key(client.get(asked)) != key
    assert PayCode.objects.count() == 2


def test_a_pay_code_that_has_paid_says_for_what(pocket, rich, chen, tea):
    client = pocket(rich)
    first = client.get("/me/pay")
    code = re.search(r'class="typed">([^<]+)<', first.content.decode())[1]
    pay_codes.pay(merchant=tea.partnership.merchant, clerk=chen, code=code, items={tea.pk: 2})

    said = text_of(client.get(f"/me/pay?community=lake&key={shown_key(first)}"))

    assert "60 积分已使用" in said
    assert "一壶茶 × 2" in said


def test_somebody_without_a_community_has_no_pay_code(pocket, person):
    assert "还没有积分" in text_of(pocket(person("sun")).get("/me/pay"))


def test_points_are_paid_by_the_code_at_the_counter(pocket, rich, zhou, tea_house):
    shop = shop_codes.renew(partnership=tea_house, by=zhou)

    paid = pocket(rich).post("/me/pay/shop", form("pay", shop_code=shop.shop_code, points="25"))

    assert paid["Location"] == f"/me/vouchers/{Redemption.objects.get().pk}"
    assert Redemption.objects.get().price_points == 25


def test_an_offer_is_paid_by_the_code_at_the_counter(pocket, rich, zhou, tea, tea_house):
    shop = shop_codes.renew(partnership=tea_house, by=zhou)
    client = pocket(rich)
    assert "一壶茶" in text_of(client.get(f"/me/pay/shop?offer={tea.pk}"))

    client.post(
        f"/me/pay/shop?offer={tea.pk}",
        form("pay", shop_code=shop.shop_code, offer_id=str(tea.pk), quantity="2"),
    )

    assert Redemption.objects.get().status == Redemption.Status.REDEEMED
    assert Redemption.objects.get().quantity == 2


# --- in a browser -------------------------------------------------------------------------------
@needs_chromium
@pytest.mark.slow
def test_an_offer_is_taken_its_code_is_scanned_and_the_page_turns_green_by_itself(
    phone, rich, chen, tea
):
    window = phone(rich)
    window.goto(f"/me/offers/{tea.pk}")
    assert window.barriers() == []
    window.page.get_by_role("button", name="立即兑换").click()
    window.page.wait_for_url("**/me/vouchers/*")

    (code,) = codes_on(window.page)

    voucher = Redemption.objects.get()
    assert code == voucher.code
    assert window.barriers() == []
    assert not window.runs_over()
    scanned(voucher, chen)
    window.page.locator(".tick").wait_for()
    assert "30 积分已使用" in window.page.inner_text("#shown")


@needs_chromium
@pytest.mark.slow
def test_a_pay_code_is_read_renews_and_turns_green_once_it_has_paid(phone, rich, chen, tea):
    window = phone(rich)
    window.goto("/me/pay")
    (first,) = codes_on(window.page)
    assert window.barriers() == []
    assert not window.runs_over()

    PayCode.objects.update(expires_at=timezone.now() + timezone.timedelta(seconds=10))
    key = window.page.get_attribute("#shown", "data-state")
    window.page.wait_for_function(RENEWED, arg=key, polling=50)
    (second,) = codes_on(window.page)
    assert second != first

    key = window.page.get_attribute("#shown", "data-state")
    pay_codes.pay(merchant=tea.partnership.merchant, clerk=chen, code=second, items={tea.pk: 1})
    window.page.wait_for_function(RENEWED, arg=key, polling=50)
    window.page.locator(".tick").wait_for()


@needs_chromium
@pytest.mark.slow
def test_a_pay_code_that_can_not_be_renewed_fades(phone, rich):
    window = phone(rich, works_offline=True)
    window.install_clock()
    window.goto("/me/pay")

    window.page.context.set_offline(True)
    window.page.clock.fast_forward(61_000)

    window.page.locator("#shown.lost").wait_for()
    assert window.page.locator("[data-when-lost]").is_visible()
    window.wrong.clear()  # what it asks for anew is not there


@needs_chromium
@pytest.mark.slow
def test_a_voucher_that_was_just_taken_shows_without_signal(phone, rich, offline_tea):
    window = phone(rich, works_offline=True)
    window.goto(f"/me/offers/{offline_tea.pk}")
    window.page.wait_for_function("() => navigator.serviceWorker.ready")
    window.page.reload()
    window.page.get_by_role("button", name="立即兑换").click()
    window.page.wait_for_url("**/me/vouchers/*")
    (code,) = codes_on(window.page)

    window.page.context.set_offline(True)
    window.page.reload()

    assert codes_on(window.page) == [code]
    window.wrong.clear()  # what it asks for anew is not there


@needs_chromium
@pytest.mark.slow
def test_the_code_at_the_counter_is_scanned_by_the_camera(
    at_camera, rich, zhou, taken, tea_house, tmp_path
):
    shop = shop_codes.renew(partnership=tea_house, by=zhou)
    picture = tmp_path / "counter.png"
    picture.write_bytes(codes.picture(shop.shop_code, "png"))
    window = at_camera(rich, picture)
    window.goto(f"/me/vouchers/{taken.pk}/confirm")
    assert window.barriers() == []
    window.page.get_by_role("button", name="扫店铺的码").click()
    window.page.wait_for_function("() => document.getElementById('shop_code').value")

    window.page.get_by_role("button", name="用 30 积分兑换").click()

    window.page.locator(".tick").wait_for()
