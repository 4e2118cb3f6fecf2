"""Pages of the first run, one by one: who sees them, what they say, and what they refuse."""

import pytest
from django.test import Client

from backend.accounts.models import User
from backend.accounts.services import attempts, operators
from backend.communities.models import Community, Membership, Role
from backend.communities.services import invitations, places, roles
from backend.top.console.first.rule_forms import form_of
from points.models import RuleVersion
from points.rules.templates import TEMPLATES
from tests.cast import PASSWORD, somebody

pytestmark = pytest.mark.django_db

NEW = {"name": "孙新人", "username": "sun", "password1": PASSWORD, "password2": PASSWORD}
BEGIN = "/console/communities/lake/rules/begin"


@pytest.fixture
def qian(lake):
    user = somebody("qian", "钱书记", "19810000092")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def operator():
    return operators.appoint(somebody("operator", "周运维", "19810000091"))


@pytest.fixture
def link(lake, qian):
    code = invitations.invite(place=lake, role=Role.STAFF, invited_by=qian).code
    return f"/console/invitations?code={code}"


def typed(form):
    """What a browser sends of a form that nobody changed."""
    shown = {name: form[name].value() for name in form.fields}
    return {
        name: "on" if value is True else str(value)
        for name, value in shown.items()
        if value not in (None, "", False)
    }


# --- arriving ---------------------------------------------------------------------------------
def test_the_setup_page_makes_an_operator_and_asks_for_a_second_factor():
    browser, code = Client(), operators.first_setup_code()

    assert code in browser.get(operators.link_to(code)).text
    answer = browser.post("/console/setup", {"code": code, **NEW})

    assert (answer.status_code, answer["Location"]) == (302, "/console/")
    assert User.objects.get(username="sun").is_superuser
    assert "/account/authenticator" in browser.get("/console/")["Location"]


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        ({"code": "2" * 24}, 404, "这个初始设置链接无效"),
        ({"code": "0"}, 400, "这不可能是所需的码"),
        ({"username": "wang"}, 409, "登录"),
        ({"password2": "another sentence"}, 422, "密码"),
        ({"password1": "123", "password2": "123"}, 422, "密码"),
    ],
)
def test_a_refused_setup_is_told_at_its_field(wang, facts, status, words):
    code = operators.first_setup_code()

    answer = Client().post("/console/setup", {"code": code, **NEW} | facts)

    assert answer.status_code == status
    assert words in answer.text
    assert not User.objects.filter(is_superuser=True).exists()


def test_an_invitation_says_what_it_is_to_and_somebody_new_takes_it(lake, link):
    browser = Client()

    page = browser.get(link).text
    answer = browser.post(link, NEW)

    assert lake.name in page
    assert "工作人员" in page
    assert (answer.status_code, answer["Location"]) == (302, "/console/")
    assert Membership.objects.get(user__username="sun").role == "staff"
    assert browser.get("/console/")["Location"] == "/console/communities/lake"


def test_whoever_is_logged_in_takes_it_as_who_they_are(lake, link, wang, desk):
    browser = desk(wang)

    assert "王小明" in browser.get(link).text
    assert browser.post(link).status_code == 302
    assert Membership.objects.filter(user=wang, role="staff").exists()
    refused = browser.post(link.replace("code=", "code=2345-"))
    assert refused.status_code == 400


def test_a_code_that_is_not_good_is_told_of(lake, link, qian):
    browser = Client()
    browser.post(link, NEW)

    used, unknown = (
        Client().get(link),
        Client().get("/console/invitations?code=2345-6789-ABCD-EFGH"),
    )

    assert (used.status_code, unknown.status_code) == (409, 404)
    assert "这个邀请已" in used.text or "邀请" in used.text
    assert 'name="username"' not in used.text + unknown.text


def test_guesses_of_invitations_are_counted(lake, link):
    for _ in range(attempts.CODES.limit):
        Client().get("/console/invitations?code=2345-6789-ABCD-EFGH")

    assert Client().get(link).status_code == 429


# --- first steps ------------------------------------------------------------------------------
def test_an_operator_begins_with_founding(operator, desk):
    browser = desk(operator)

    assert browser.get("/console/")["Location"] == "/console/first-run"
    before = browser.get("/console/first-run").text
    lake = places.found(code="lake", name="碧沙湖社区")
    roles.give(user=somebody("qian", "钱书记", "19810000092"), community=lake, role=Role.MANAGER)
    after = browser.get("/console/first-run").text

    assert "已完成 0 / 2" in before
    assert "已完成 2 / 2" in after


def test_a_streets_manager_begins_with_its_communities(desk):
    street = places.found(code="street", name="碧沙街道", kind=Community.Kind.STREET)
    manager = somebody("qian", "钱书记", "19810000092")
    roles.give(user=manager, community=street, role=Role.MANAGER)

    page = desk(manager).get("/console/first-run").text

    assert "已完成 1 / 2" in page


def test_a_manager_sees_what_is_done_and_comes_back_to_what_is_not(lake, qian, desk):
    browser = desk(qian)
    before = browser.get("/console/first-run").text

    places.found(name="翠湖苑", kind=Community.Kind.ESTATE, parent=lake)
    places.make_join_code(community=lake, made_by=qian)
    after = browser.get("/console/first-run").text

    done = before.count("console-step-done")
    assert after.count("console-step-done") == done + 2


def test_others_have_no_first_steps(lake, zhao, wang, desk):
    for person in (zhao, wang):
        assert desk(person).get("/console/first-run").status_code == 404
    assert "/console/first-run" not in desk(zhao).get("/console/communities/lake/members").text


# --- rules ------------------------------------------------------------------------------------
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.key)
def test_a_form_that_nobody_changed_says_what_its_template_says(template):
    empty = form_of(template.subject, template.parameters, valid_from="2026-01-01", category="*")

    form = form_of(template.subject, template.parameters, typed(empty))

    assert form.is_valid(), form.errors
    assert form.draft()["parameters"] == template.parameters


def test_a_rule_is_tried_before_it_is_published(lake, qian, desk):
    browser = desk(qian)
    form = browser.get(f"{BEGIN}?template=hours").context["form"]
    body = typed(form) | {"points_per_hour": "12"}
    known = RuleVersion.objects.count()

    tried = browser.post(f"{BEGIN}?template=hours", body | {"try": "1"})

    assert "<strong data-amount>36</strong>" in tried.text
    assert RuleVersion.objects.count() == known
    key = tried.context["key"]
    answers = [
        browser.post(f"{BEGIN}?template=hours", body | {"publish": "1", "key": key})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [302, 302]
    newest = RuleVersion.objects.latest("published_at")
    assert newest.parameters == {"points_per_hour": 12, "daily_cap_points": 80}
    assert RuleVersion.objects.count() == known + 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"points_per_hour": "1000000"}, "points_per_hour"),
        ({"window_0_from": "09:00", "window_0_until": "07:00"}, "window_0_from"),
        ({"category": "a" * 41}, "category"),
        ({"valid_from": ""}, "valid_from"),
        ({"valid_from": "2020-01-01"}, "__all__"),
        ({"peak_multiplier": "1E999999"}, "peak_multiplier"),
    ],
)
def test_a_refused_rule_is_told_at_its_field(lake, qian, desk, changes, field):
    browser = desk(qian)
    form = browser.get(f"{BEGIN}?template=hours").context["form"]
    known = RuleVersion.objects.count()

    answer = browser.post(
        f"{BEGIN}?template=hours", typed(form) | changes | {"publish": "1", "key": "k"}
    )

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert RuleVersion.objects.count() == known


def test_the_next_version_begins_with_the_one_in_force(lake, qian, desk):
    browser = desk(qian)
    version = RuleVersion.objects.filter(community=lake, rule__subject="hours").first()

    form = browser.get(f"{BEGIN}?rule={version.rule_id}").context["form"]

    assert form["points_per_hour"].value() == version.parameters["points_per_hour"]


def test_what_is_no_rule_is_not_begun_with(lake, qian, desk):
    rule = RuleVersion.objects.filter(community=lake).first().rule_id

    for made_up in (f"{rule}/versions", "versions", "湖"):
        assert desk(qian).get(f"{BEGIN}?rule={made_up}").status_code == 404


def test_who_publishes_no_rules_begins_none(lake, zhao, desk):
    browser = desk(zhao)

    assert browser.get(BEGIN).status_code == 404
    assert browser.get(f"{BEGIN}?template=hours").status_code == 404
    assert BEGIN not in browser.get("/console/communities/lake/rules").text
