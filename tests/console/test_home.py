"""The home of a place: what waits there, and charts of a year."""

import re

import pytest
from django.utils import timezone

from backend.accounts import mfa
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.top.charts import Chart, Series
from tests.browser import PHONE, needs_chromium
from tests.conftest import TOTP_SECRET
from volunteers.attendance.services import hours

pytestmark = pytest.mark.django_db
HOME = "/console/communities/lake"


@pytest.fixture
def street(lake):
    lake.parent = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    lake.save(update_fields=["parent"])
    return lake.parent


@pytest.fixture
def estate(lake):
    return places.estate_named(community=lake, name="一区")


@pytest.fixture
def year(lake, served, wang, zhao, grant_points):
    """Two hours of this year verified and one that waits, and 30 points given."""
    today = lake.today.replace(month=1, day=2)
    done = served(wang, f"{today} 07:00", f"{today} 09:00")
    hours.verify(attendance=done, verifier=zhao)
    served(wang, f"{today} 10:00", f"{today} 11:00")
    grant_points(wang, 30)


def test_a_card_says_how_much_waits_since_when_and_leads_to_the_list(desk, zhao, year):
    page = desk(zhao).get(HOME)

    assert page.status_code == 200
    (card,) = re.findall(
        rf'<a class="console-card" href="{HOME}/hours-to-verify">(.*?)</a>', page.text, re.S
    )
    assert '<span class="console-count">1</span>' in card
    assert "待核实的时长" in card
    assert f"{timezone.now().year}-01-02 11:00" in card
    assert desk(zhao).get(f"{HOME}/hours-to-verify").status_code == 200


def test_charts_of_the_year_say_their_numbers_in_a_table_too(desk, zhao, year, lake):
    page = desk(zhao, "en").get(HOME).text

    figure = r'<figcaption id="(\w+)-title">.*?</figcaption>(.*?)</figure>'
    charts = dict(re.findall(figure, page, re.S))
    assert charts.keys() == {"hours", "people", "points", "outstanding"}
    assert "01: Hours 2" in charts["hours"]
    assert re.search(r'<th scope="row">01</th><td>2</td>', charts["hours"])
    this_month = f'<th scope="row">{lake.today.month:02}</th>'
    assert re.search(rf"{this_month}<td>\d+</td><td>0</td><td>0</td>", charts["points"])
    for svg in charts.values():
        assert 'role="img"' in svg
        assert "<desc" in svg


def test_another_year_is_chosen_and_none_is_not_found(desk, zhao, year, lake):
    before = desk(zhao).get(HOME, {"year": lake.today.year - 1})

    assert before.status_code == 200
    assert "hours-title" not in before.text
    assert f'href="?year={lake.today.year}"' in before.text
    for none in ("1", "this", "99999"):
        assert desk(zhao).get(HOME, {"year": none}).status_code == 404


def test_nothing_waits_is_said(desk, lake, person):
    auditor = person("qian")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    mfa.hand_out(user=auditor, secret=TOTP_SECRET)

    assert "目前没有等您处理的事项" in desk(auditor).get(HOME).text


def test_a_place_of_others_is_not_found(desk, wang, zhao, hill):
    assert desk(zhao).get("/console/communities/hill").status_code == 404
    assert desk(zhao).get("/console/communities/nowhere").status_code == 404


def test_an_estate_leads_to_its_community_and_a_street_to_all_of_its_own(
    desk, street, estate, lake, person, served, wang
):
    of_estate, of_street = person("sun"), person("qian")
    roles.give(user=of_estate, community=estate, role=Role.STAFF)
    roles.give(user=of_street, community=street, role=Role.STAFF)

    moved = desk(of_estate).get(f"/console/communities/{estate.code}")
    assert (moved.status_code, moved["Location"]) == (302, HOME)
    assert desk(of_estate).get(HOME).status_code == 200
    assert f'href="{HOME}"' in desk(of_street).get("/console/communities/shore").text


def test_whoever_has_one_place_is_led_there(desk, zhao, lake, person):
    assert desk(zhao).get("/console/")["Location"] == HOME
    assert "hold no role" in desk(person("nobody"), "en").get("/console/").text


def test_only_operators_see_how_the_installation_is(desk, zhao, person):
    operator = person("root")
    operator.is_superuser = True
    operator.save(update_fields=["is_superuser"])

    page = desk(operator, "en").get("/console/operator")

    assert page.status_code == 200
    assert "postgresql" in page.text
    assert "of the works are late" in page.text  # none has run in a test
    assert desk(zhao).get("/console/operator").status_code == 404
    assert "/console/operator" in page.text
    assert "/console/operator" not in desk(zhao).get(HOME).text


# --- charts -----------------------------------------------------------------------------------
def chart(*series, periods=("01", "02")):
    return Chart("c", "C", "says", "Month", periods, series)


def test_a_bar_is_as_high_as_its_number_and_what_was_taken_back_hangs_below_zero():
    drawn = chart(Series("Issued", [30, -10]))

    assert (drawn.most, drawn.least) == (40, -20)
    up, down = drawn.bars
    assert up.y + up.height == pytest.approx(drawn.y(0), abs=0.2)
    assert down.y == drawn.y(0)
    assert up.height == pytest.approx(3 * down.height, rel=0.02)
    assert [number for _, number in drawn.rules] == ["-20", "-5", "10", "25", "40"]


def test_a_period_that_has_not_begun_is_neither_drawn_nor_zero():
    drawn = chart(Series("Left", [5, None], is_line=True))

    (line,) = drawn.lines
    assert len(line.dots) == 1
    assert drawn.rows == [("01", ["5"]), ("02", ["–"])]


def test_a_chart_of_nothing_is_empty():
    assert chart(Series("A", [0, None])).is_empty
    assert not chart(Series("A", [0, 1])).is_empty
    assert chart(Series("A", []), periods=()).rows == []


# --- looked at --------------------------------------------------------------------------------
@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("size", [None, PHONE], ids=["wide", "phone"])
def test_the_home_has_no_barrier_and_fits(at_desk, zhao, year, size):
    window = at_desk(zhao, **({"size": size} if size else {}))

    assert window.goto(HOME).status == 200
    assert window.barriers() == []
    assert not window.runs_over()
