"""A clerk's pages: which shop, the counter, what was redeemed today, and giving it back."""

import gzip
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backend import codes
from merchants.models import MerchantMember, Redemption, ScanAttempt
from merchants.partners.services import partnerships
from merchants.redemption.services import cards, pay_codes, voucher_tokens
from merchants.redemption.services import vouchers as redemption
from tests.browser import needs_chromium

DECODER = "zxing"
SEND_AGAIN = """async () => {
  for (let tries = 200; tries && !document.getElementById("waiting").hidden; tries--) {
    dispatchEvent(new Event("online"));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


@pytest.fixture
def shop(tea_house):
    return tea_house.merchant


@pytest.fixture
def voucher(wang, tea, chen, grant_points) -> Redemption:
    """Two teas that Wang took, of 100 points."""
    grant_points(wang, 100)
    return redemption.take(offer=tea, volunteer=wang, quantity=2)


@pytest.fixture
def redeemed(voucher, shop, chen) -> Redemption:
    redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
    voucher.refresh_from_db()
    return voucher


@pytest.fixture
def noodle_bar(lake, chen):
    """Another shop where Chen works."""
    found = partnerships.sign_contract(
        community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
    )
    role = MerchantMember.Role.CLERK
    partnerships.employ(merchant=found.merchant, user=chen, role=role)
    return found.merchant


def sent(client, address, **fields):
    """The answer to a form of a page."""
    return client.post(address, {"key": "k1", **fields})


# --- which shop -------------------------------------------------------------------------------
def test_somebody_who_works_at_one_shop_is_at_its_counter(pocket, chen, shop):
    page = pocket(chen, "/scan/").get("/scan/").content.decode()

    assert f'data-shop="{shop.pk}"' in page


def test_somebody_who_works_at_several_chooses_once(pocket, chen, shop, noodle_bar):
    clerk = pocket(chen, "/scan/")
    assert clerk.get("/scan/today")["Location"] == "/scan/shops?next=%2Fscan%2Ftoday"

    chosen = clerk.post("/scan/shops", {"shop": str(noodle_bar.pk), "next": "/scan/today"})

    assert chosen["Location"] == "/scan/today"
    assert f'data-shop="{noodle_bar.pk}"' in clerk.get("/scan/").content.decode()
    assert clerk.post("/scan/shops", {"shop": str(shop.pk), "next": "//evil.example"}).status_code


def test_nobody_chooses_a_shop_where_they_do_not_work(pocket, chen, wang, shop):
    assert pocket(wang, "/scan/").post("/scan/shops", {"shop": str(shop.pk)}).status_code == 404


@pytest.mark.parametrize("page", ["", "today", "offers", "shop", "statements", "mine"])
def test_who_works_nowhere_is_told_so(pocket, wang, page):
    answer = pocket(wang, "/scan/").get(f"/scan/{page}", follow=True)

    assert "您不在任何商户工作" in answer.content.decode()


# --- without a script -------------------------------------------------------------------------
def test_a_typed_code_is_redeemed_without_a_script(pocket, chen, voucher):
    clerk = pocket(chen, "/scan/")

    done = sent(clerk, "/scan/", act="scan", code=voucher.code.lower(), quantity="1")

    assert done["Location"] == f"/scan/redemptions/{voucher.pk}"
    page = clerk.get(done["Location"]).content.decode()
    assert "一壶茶" in page
    assert "王**" in page
    again = sent(clerk, "/scan/", act="scan", code=voucher.code, key="k2")
    assert (again.status_code, "兑换码已使用" in again.content.decode()) == (409, True)


# --- today ------------------------------------------------------------------------------------
def test_todays_list_has_what_was_redeemed_and_its_sums(pocket, chen, redeemed):
    page = pocket(chen, "/scan/").get("/scan/today").content.decode()

    assert "一壶茶 × 2" in page
    assert "<dd>60</dd>" in page


def test_a_part_is_given_back(pocket, chen, redeemed):
    clerk = pocket(chen, "/scan/")
    address = f"/scan/redemptions/{redeemed.pk}"

    done = sent(clerk, address, act="refund", quantity="1", reason="凉了")

    assert (done.status_code, done["Location"]) == (302, address)
    redeemed.refresh_from_db()
    assert (redeemed.refunded_quantity, redeemed.refunded_points) == (1, 30)
    assert "<dd>30</dd>" in clerk.get("/scan/today").content.decode()


def test_giving_back_needs_a_reason(pocket, chen, redeemed):
    refused = sent(pocket(chen, "/scan/"), f"/scan/redemptions/{redeemed.pk}", act="refund")

    assert refused.status_code == 400
    assert "wrong" in refused.content.decode()


def test_a_redemption_is_not_shown_to_others(pocket, wang, redeemed):
    address = f"/scan/redemptions/{redeemed.pk}"

    assert pocket(wang, "/scan/").get(address, follow=True).request["PATH_INFO"] == "/scan/shops"


# --- in a browser -----------------------------------------------------------------------------
def opened(window, path="/scan/"):
    window.goto(path)
    return window.page


def word(page):
    """The word of the result on the screen, and its colour."""
    page.wait_for_selector("#result[open]")
    return page.inner_text("#result-word"), page.get_attribute("#result", "class").split()[1]


def typed(page, code):
    page.fill("#code", code)
    page.press("#code", "Enter")
    return word(page)


@needs_chromium
@pytest.mark.slow
def test_the_camera_sees_a_voucher_and_it_is_redeemed_once(at_camera, chen, voucher, tmp_path):
    picture = Path(tmp_path / "code.png")
    picture.write_bytes(codes.picture(voucher.code, "png"))
    page = opened(at_camera(chen, picture, "/scan/"))

    page.click("#look")

    assert word(page) == ("已核销", "green")
    lines = page.inner_text("#result-lines")
    assert "一壶茶 × 2" in lines
    assert "王**" in lines
    page.keyboard.press("Enter")  # next; the code that is still in sight is not read again
    assert typed(page, voucher.code) == ("未核销", "red")
    page.keyboard.press("Enter")
    page.set_input_files("#photo", picture)
    assert word(page) == ("未核销", "red")
    assert Redemption.objects.filter(status="redeemed").count() == 1
    assert ScanAttempt.objects.exclude(outcome="redeemed").count() == 2


@needs_chromium
@pytest.mark.slow
def test_a_pay_code_pays_for_an_offer_by_keyboard_alone(phone, lake, wang, chen, tea, grant_points):
    grant_points(wang, 100)
    code = pay_codes.show(volunteer=wang, community=lake).code
    window = phone(chen, "/scan/")
    page = opened(window)
    assert window.barriers() == []

    page.fill("#code", code)
    page.press("#code", "Enter")
    page.wait_for_selector("#payment[open]")
    page.keyboard.press("Space")  # the first offer has the focus
    page.keyboard.press("Enter")

    assert word(page) == ("已核销", "green")
    assert "30 积分" in page.inner_text("#result-lines")
    assert (window.barriers(), window.runs_over()) == ([], False)
    assert Redemption.objects.get().offer == tea


@needs_chromium
@pytest.mark.slow
def test_a_printed_card_pays_with_its_pin(phone, lake, wang, zhao, chen, tea, grant_points):
    grant_points(wang, 100)
    card = cards.issue(community=lake, volunteer_id=wang.pk, by=zhao)
    window = phone(chen, "/scan/")
    page = opened(window)

    def pays(pin):
        page.wait_for_selector("#card[open]")
        page.fill("#pin", pin)
        page.press("#pin", "Enter")

    page.fill("#code", card.code)
    page.press("#code", "Enter")
    page.wait_for_selector("#payment[open]")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    pays(f"{(int(card.pin) + 1) % 10**6:06}")
    assert word(page)[1] == "amber"
    assert window.barriers() == []
    page.click("#again")
    pays(card.pin)

    page.wait_for_selector("#result.green")
    assert (Redemption.objects.get().card, window.runs_over()) == (card, False)


@needs_chromium
@pytest.mark.slow
def test_giving_back_from_todays_list(phone, chen, redeemed):
    window = phone(chen, "/scan/", language="en")
    page = opened(window, "/scan/today")
    assert (window.barriers(), window.runs_over()) == ([], False)

    page.get_by_role("link", name="一壶茶").press("Enter")
    page.wait_for_selector("#reason")
    assert (window.barriers(), window.runs_over()) == ([], False)
    page.fill("#reason", "cold")
    page.press("#reason", "Enter")
    page.wait_for_selector(".told.good")

    redeemed.refresh_from_db()
    assert redeemed.refunded_quantity == 2


@needs_chromium
@pytest.mark.slow
def test_the_first_load_of_the_counter_is_light(phone, chen, tea):
    window = phone(chen, "/scan/", works_offline=True)
    answers = []
    window.page.on("response", lambda answer: answers.append(answer))
    window.page.goto(f"{window.url}/scan/", wait_until="networkidle")

    sizes = {
        urlsplit(answer.url).path: len(gzip.compress(answer.body()))
        for answer in answers
        if answer.ok
    }

    assert "/scan/" in sizes
    assert not [path for path in sizes if DECODER in path]  # it comes with the first tap
    assert sum(sizes.values()) < 150_000


# --- without signal ---------------------------------------------------------------------------
@pytest.fixture
def signed(tea, voucher) -> str:
    """The code of Wang's two teas, which scan without signal as well."""
    Redemption.objects.filter(pk=voucher.pk).update(
        offline_until=voucher.expires_at + timedelta(hours=24)
    )
    voucher.refresh_from_db()
    return voucher_tokens.sign(voucher)[0]


def prepared(window):
    """Set a phone up for scanning without signal, and wait until it keeps its page."""
    page = opened(window)
    page.click("#till summary")
    page.fill("#till-name", "前台")
    page.press("#till-name", "Enter")
    page.wait_for_selector("#till-ready:not([hidden])")
    assert window.keeps("/scan/")
    return page


def lost(route):
    """A request that arrives, and its answer does not."""
    route.fetch()
    route.abort()


def forgive_what_was_lost(window):
    assert {wrong.rpartition(" ")[2] for wrong in window.wrong} == {"net::ERR_FAILED"}
    window.wrong.clear()


@needs_chromium
@pytest.mark.slow
def test_a_signed_code_is_kept_without_signal_and_told_once(phone, chen, voucher, signed):
    window = phone(chen, "/scan/", works_offline=True)
    page = prepared(window)
    page.context.set_offline(True)
    page.reload()  # from what the phone kept

    assert typed(page, signed) == ("请发放", "green")
    assert "一壶茶 × 2" in page.inner_text("#result-lines")
    page.click("#next")
    assert typed(page, signed)[1] == "red"  # handed out on this phone already
    page.click("#next")
    assert typed(page, signed[:-8] + "AAAAAAAA")[1] == "red"
    page.click("#next")
    assert typed(page, "ABCDEFGHJKMN") == ("无网络", "amber")
    page.click("#next")
    assert "1 笔待上传" in page.inner_text("#waiting-count")
    assert (window.barriers(), window.runs_over()) == ([], False)
    assert not Redemption.objects.filter(status="redeemed").exists()

    page.route("**/offline-scans", lost, times=1)
    with page.expect_event("requestfailed"):
        page.context.set_offline(False)
    page.evaluate(SEND_AGAIN)

    voucher.refresh_from_db()
    assert (voucher.status, voucher.redeemed_by) == ("redeemed", chen)
    assert [attempt.outcome for attempt in ScanAttempt.objects.all()] == ["redeemed"]
    forgive_what_was_lost(window)


@needs_chromium
@pytest.mark.slow
def test_what_a_lost_answer_left_unknown_is_told_once(phone, shop, chen, voucher, signed):
    window = phone(chen, "/scan/", works_offline=True)
    page = prepared(window)
    route = f"**/api/v1/merchants/{shop.pk}/scans"

    page.route(route, lost)
    assert typed(page, signed)[1] == "green"  # it was good, whether or not it arrived
    page.click("#next")
    assert "1 笔待上传" in page.inner_text("#waiting-count")
    page.unroute(route)
    page.reload()
    page.wait_for_selector("#waiting", state="hidden")

    assert [attempt.outcome for attempt in ScanAttempt.objects.all()] == ["redeemed"]
    forgive_what_was_lost(window)


@needs_chromium
@pytest.mark.slow
def test_what_was_told_and_not_redeemed_stays_with_its_reason(
    phone, shop, zhou, chen, voucher, signed
):
    page = prepared(phone(chen, "/scan/", works_offline=True))
    page.context.set_offline(True)
    assert typed(page, signed)[1] == "green"
    page.click("#next")
    redemption.scan(merchant_id=shop.pk, clerk=zhou, code=voucher.code)  # at the other till

    page.context.set_offline(False)
    page.wait_for_selector("#waiting .wrong")

    assert "兑换码已使用" in page.inner_text("#waiting")
    page.click("#waiting button")
    page.wait_for_selector("#waiting", state="hidden")
