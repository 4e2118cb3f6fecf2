"""Rules to begin with, and a draft worked out on one record."""

import pytest

from backend.communities.models import Role
from backend.communities.services import roles
from points.rules import services as rules
from points.rules.templates import TEMPLATES
from tests.cast import somebody
from volunteers.reports.models.categories import Colour

EXAMPLE = "/api/v1/communities/lake/rules/example"
HOURS = {
    "subject": "hours",
    "category": "*",
    "parameters": {
        "points_per_hour": 10,
        "peak_windows": [["07:00", "10:00"]],
        "peak_multiplier_bp": 15_000,
        "daily_cap_points": 30,
    },
}
REPORT = {
    "subject": "report",
    "category": "hazard",
    "parameters": {
        "reward_fen": 2_000,
        "fund": "平安基金",
        "rates": [{"colour": "red", "reward_fen": 10_000}],
    },
}


@pytest.fixture
def qian(lake):
    user = somebody("qian", "钱书记", "19810000092")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


def refusal(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("draft", "unit", "amount"),
    [
        (HOURS, "points", 30),  # 120 + 60 × 1.5 minutes are 35 points, and 30 a day are the most
        (HOURS | {"from_time": "12:00", "minutes": 60}, "points", 10),
        (REPORT, "fen", 2_000),
        (REPORT | {"colour": "red"}, "fen", 10_000),
    ],
)
def test_a_draft_is_worked_out_on_one_record(lake, qian, logged_in, draft, unit, amount):
    told = logged_in(qian).post(EXAMPLE, draft).json()

    assert (told["unit"], told["amount"]) == (unit, amount)


def test_an_example_shows_every_step(lake, qian, logged_in):
    assert logged_in(qian).post(EXAMPLE, HOURS).json()["steps"] == {
        "minutes": 180,
        "peak_minutes": 60,
        "peak_multiplier_bp": 15_000,
        "weighted_minutes_bp": 120 * 10_000 + 60 * 15_000,
        "points_per_hour": 10,
        "points_before_cap": 35,
        "daily_cap_points": 30,
        "awarded_that_day": 0,
        "points": 30,
    }


@pytest.mark.parametrize(
    ("draft", "refused"),
    [
        (HOURS | {"parameters": {}}, (400, "rule_invalid")),
        (HOURS | {"parameters": {"reward_fen": 1}}, (400, "cash_not_allowed_for_hours")),
        (HOURS | {"minutes": 0}, (400, "invalid_input")),
        (HOURS | {"from_time": "25:00"}, (400, "invalid_input")),
    ],
)
def test_a_draft_that_is_no_rule_is_refused(lake, qian, logged_in, draft, refused):
    assert refusal(logged_in(qian).post(EXAMPLE, draft)) == refused


def test_others_try_nothing(lake, wang, logged_in):
    assert refusal(logged_in(wang).post(EXAMPLE, HOURS)) == (404, "community_unknown")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.key)
def test_every_template_is_a_rule(template):
    told = {"subject": template.subject, "category": template.category}

    rule = rules.read(**told, parameters=template.parameters)

    if isinstance(rule, rules.ReportRule):
        colours = {rate.colour for rate in rule.rates}
        assert colours <= {colour.value for colour in Colour} | {""}


def test_templates_are_told_in_the_language_asked_for(wang, logged_in):
    client = logged_in(wang)
    first = [
        client.get("/api/v1/rule-templates", headers={"Accept-Language": language}).json()[0]
        for language in ("zh-hans", "en")
    ]

    assert [one["name"] for one in first] == ["志愿服务", "Volunteer hours"]
    assert first[0]["parameters"] == {"points_per_hour": 10, "daily_cap_points": 80}
