"""The public board: what everybody may know of a community, and how it is shown."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backend.communities.models import Community
from backend.communities.services import places
from merchants.catalogue.services import offers
from merchants.models import Offer, Partnership
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.models import Account
from points.seals.services import sealing
from tests.browser import PHONE, WIDE, needs_chromium
from tests.verified import untriggered
from volunteers.models import Report
from volunteers.reports.services import handling, submitting

PAGES = ("", "figures", "reports", "points", "funds", "shops", "check")


def page(path: str, language: str = "zh-hans", **query: object) -> str:
    answer = Client().get(f"/c/lake/{path}", query, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def status(path: str, **query: object) -> int:
    return Client().get(f"/c/lake/{path}", query).status_code


@pytest.fixture
def reported(lake, wang):
    """Reports something near the lake: ``reported("hazard")``."""

    def report(category: str = "hazard") -> Report:
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


@pytest.fixture
def office(lake) -> Community:
    """The lake with an office, and an estate to its north."""
    Community.objects.filter(pk=lake.pk).update(latitude=30.52, longitude=114.31)
    estate = places.found(code="east", name="东怡外国", kind=Community.Kind.ESTATE, parent=lake)
    Community.objects.filter(pk=estate.pk).update(latitude=30.525, longitude=114.31)
    return lake


@pytest.fixture
def spent(lake, wang, grant_points):
    """100 points for 王小明, of which 30 went to a shop, sealed; then 7 more, which are not."""
    wallet = grant_points(wang, 100)
    shop = ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1")
    facts = {"key": "spent:1", "reason": "redemption", "source": "test:spent"}
    ledger.post(ledger.Movement(debit=wallet, credit=shop, amount=30, **facts))
    (seal,) = sealing.seal(community=lake)
    grant_points(wang, 7)
    return seal


# --- all pages --------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [*PAGES, "figures/2024/3", "print/2024-03"])
def test_each_page_is_there_for_everybody_and_of_a_place_that_is_none_not(lake, path):
    assert page(path)
    assert page(path, "en")
    assert Client().get(f"/c/nowhere/{path}").status_code == 404


def test_each_page_leads_to_all_others_and_to_the_rooms(lake):
    for path in PAGES:
        text = page(path)
        for other in PAGES:
            assert f'href="/c/lake/{other}"' in text
        assert f'href="/c/lake/{path}" aria-current="page"' in text
        assert 'href="/me/"' in text
        assert 'href="/console/"' in text


def test_a_page_minds_no_parameter_but_its_own(lake):
    assert 'name="next" value="/c/lake/points"' in page("points", x="1")
    assert 'value="/c/lake/reports?status=closed"' in page("reports", x="1", status="closed")


def test_only_the_page_of_shops_may_ask_where_its_reader_is(lake):
    policies = {path: Client().get(f"/c/lake/{path}")["Permissions-Policy"] for path in PAGES}

    assert [path for path in PAGES if "geolocation=(self)" in policies[path]] == ["shops"]


def test_a_page_asks_no_more_of_the_database_however_much_there_is(lake, reported, tea, zhao):
    def statements() -> dict[str, int]:
        counts = {}
        for path in (*PAGES, f"figures/{lake.today.year}/{lake.today.month}"):
            with CaptureQueriesContext(connection) as asked:
                page(path)
            counts[path] = len(asked)
        return counts

    def one_more(code: str) -> None:
        handling.close(report=reported(), handler=zhao, answer="通道已清理")
        offers.offer(partnership=tea.partnership, code=code, title=code, price_points=30, stock=5)

    one_more("A")
    before = statements()
    for code in "BCD":
        one_more(code)

    assert statements() == before
    assert max(before.values()) < 15


# --- figures ----------------------------------------------------------------------------------
def test_a_year_or_month_to_come_has_no_page(lake):
    later = lake.today.replace(day=1) + timedelta(days=32)

    assert status(f"figures/{lake.today.year + 1}") == 404
    assert status(f"figures/{later.year}/{later.month}") == 404
    for month in (f"{later:%Y-%m}", "2024-13", "2024", "x"):
        assert status(f"print/{month}") == 404


def test_points_of_a_month_are_told_once_five_people_moved_them(lake, person, grant_points):
    now = f"figures/{lake.today.year}/{lake.today.month}"
    for number in range(4):
        grant_points(person(f"neighbour-{number}"), 10)
    assert "发放积分" not in page(now)

    grant_points(person("neighbour-5"), 10)

    assert "<dt>发放积分</dt><dd>50</dd>" in page(now)
    year = page("figures")
    assert f"{lake.today.month:02}: 发放 50" in year
    assert "<dt>发放积分</dt><dd>50</dd>" in year


def test_a_month_has_the_reports_that_were_closed_in_it(lake, reported, zhao):
    handling.close(report=reported(), handler=zhao, answer="通道已清理")
    reported("dispute")

    for path in (
        f"figures/{lake.today.year}/{lake.today.month}",
        f"print/{lake.today:%Y-%m}",
    ):
        text = page(path)
        assert "通道已清理" in text
        assert "邻里纠纷" not in text
        assert "老刘" not in text


def test_the_sheet_has_the_seal_in_full_and_codes_that_lead_here(lake, spent):
    text = page(f"print/{lake.today:%Y-%m}")

    head = bytes(spent.head).hex()
    assert " ".join(re.findall("." * 8, head)) in text
    assert text.count('src="data:image/svg+xml;base64,') == 2
    assert 'alt="http://testserver/c/lake/"' in text


# --- reports ----------------------------------------------------------------------------------
def test_reports_are_narrowed_down_by_category_and_status(reported, zhao):
    handling.close(report=reported("hazard"), handler=zhao, answer="通道已清理")
    reported("environment")

    assert page("reports").count("已提交</span>") == 1
    assert "通道已清理" in page("reports", category="hazard", status="closed")
    assert "通道已清理" not in page("reports", category="environment")
    for wrong in ({"category": "dispute"}, {"category": "x"}, {"status": "x"}, {"before": "x"}):
        assert status("reports", **wrong) == 404


def test_reports_go_on_where_the_page_before_ended(reported):
    made = [reported() for _ in range(21)]

    first = page("reports", category="hazard")
    (after,) = re.findall(r'href="\?category=hazard&amp;before=(.*?)"', first)

    assert after == str(made[1].pk)
    assert f"/c/lake/reports/{made[0].pk}" not in first
    last = page("reports", category="hazard", before=after)
    assert f"/c/lake/reports/{made[0].pk}" in last
    assert 'class="more"' not in last


def test_the_map_tells_places_to_a_kilometre_and_names_the_estates(office, reported):
    for _ in range(2):
        reported()

    text = page("reports")

    assert "东怡外国" in text
    assert "正北方向 1.4 公里：</span>" not in text
    assert re.search(r"东北方向 1\.5 公里： <span class=\"count\">2</span>", text)
    assert "30.52" not in text


def test_confidential_reports_are_on_no_map(office, reported):
    reported("dispute")

    assert "<svg" not in page("reports")


# --- points and funds -------------------------------------------------------------------------
def test_points_are_told_as_of_the_last_seal_and_add_up(spent):
    text = page("points")

    assert "账目相符" in text
    for name, points in [("发放积分", 100), ("在积分账户中", 70), ("已过期", 0)]:
        assert re.search(
            rf"<dt>(<strong>)?{name}(</strong>)?</dt><dd class=\"count\">{points}<", text
        )
    assert "此后新发放： 7" in text
    assert f"封存第 {spent.number} 批" in text
    assert bytes(spent.head).hex() in text


def test_a_total_that_somebody_wrote_to_is_told_in_red(spent, wang):
    untriggered("UPDATE points_account SET credits = credits + 5 WHERE kind = 'wallet'")

    assert "账目不平，相差积分： -5" in page("points")


def test_before_the_first_seal_nothing_is_told_of_points(lake):
    assert Account.objects.count() == 0
    assert "账目" not in page("points")


# --- shops ------------------------------------------------------------------------------------
def test_shops_are_told_nearest_first_with_what_they_offer_and_without_their_phone(
    office, tea_house, tea
):
    partner = Partnership.objects.filter(pk=tea_house.pk)
    partner.update(
        latitude=30.529, longitude=114.31, opening_hours="9:00–21:00", contact_phone="13800000000"
    )
    other = {"community": office, "merchant": tea_house.merchant}
    near = Partnership(name="药店", latitude=30.521, longitude=114.31, **other)
    near.merchant = type(tea_house.merchant).objects.create(name="药店", trade="药店")
    near.save()

    text = page("shops")

    assert text.index("药店") < text.index("茶馆")
    assert "一壶茶" in text
    assert "30 积分" in text
    assert "9:00–21:00" in text
    assert '步行十五分钟内的商家： <strong class="count">2</strong>' in text
    assert "1,001 米" in text or "1001 米" in text
    assert "1380000" not in text


@pytest.mark.parametrize(
    "changes",
    [{"status": Offer.Status.WITHDRAWN}, {"status": Offer.Status.PROPOSED}, {"days": -1}],
)
def test_what_is_not_on_the_list_today_is_not_told(lake, tea, changes):
    days = changes.pop("days", None)
    if days:
        changes["valid_until"] = lake.today + timedelta(days=days)
    Offer.objects.filter(pk=tea.pk).update(**changes)

    assert "一壶茶" not in page("shops")


def test_a_partner_that_is_not_active_is_not_told(lake, tea_house):
    Partnership.objects.filter(pk=tea_house.pk).update(status="suspended")

    assert "茶馆" not in page("shops")


# --- in a browser -----------------------------------------------------------------------------
@needs_chromium
@pytest.mark.slow
def test_all_pages_fit_and_keep_nobody_out(look, office, reported, zhao, spent, tea):
    handling.close(report=reported(), handler=zhao, answer="通道已清理")
    Partnership.objects.update(latitude=30.525, longitude=114.313)
    phone, wide = look(size=PHONE), look(size=WIDE, language="en")
    phone.page.emulate_media(color_scheme="dark")

    month = office.today
    for path in (*PAGES, f"figures/{month.year}/{month.month}", f"print/{month:%Y-%m}"):
        assert phone.goto(f"/c/lake/{path}").status == 200
        assert (path, phone.barriers(), phone.runs_over()) == (path, [], False)
        wide.goto(f"/c/lake/{path}")
        assert (path, wide.runs_over()) == (path, False)


@needs_chromium
@pytest.mark.slow
def test_shops_are_ordered_by_where_the_reader_is_who_tells_nobody(look, office, tea):
    Partnership.objects.update(latitude=30.529, longitude=114.31)
    window = look(size=PHONE, language="en")
    context = window.page.context
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": 30.529, "longitude": 114.312})
    window.goto("/c/lake/shops")
    asked = []
    window.page.on("request", lambda request: asked.append(request.url))

    window.page.get_by_role("button", name="Nearest to where I am").click()
    window.page.get_by_text("Within fifteen minutes' walk: 1").wait_for()

    assert window.page.locator(".shops .metres").first.inner_text() == "190 m"
    assert [url for url in asked if "/static/" not in url] == []


@needs_chromium
@pytest.mark.slow
def test_the_sheet_is_one_page_of_a4_without_buttons(look, office, reported, zhao, spent):
    handling.close(report=reported(), handler=zhao, answer="通道已清理")
    window = look()
    window.goto(f"/c/lake/print/{office.today:%Y-%m}")

    window.page.emulate_media(media="print")
    printed = window.page.pdf(prefer_css_page_size=True)

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    assert not window.page.locator("nav").is_visible()
