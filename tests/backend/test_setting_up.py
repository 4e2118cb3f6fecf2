"""From an empty database to a community that can work, by the commands an office has."""

import io
import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command

from backend.accounts.models import User
from backend.communities.models import Community, Membership
from backend.top.scenarios import demo
from merchants.models import MerchantMember
from points.models import Rule, RuleVersion
from points.rules import selectors

PASSWORD = "correct horse battery staple"


@pytest.fixture
def say(monkeypatch):
    """Runs a command with a password on its standard input; what it printed."""

    def run(command: str, *arguments: str, password: str = PASSWORD) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        out = io.StringIO()
        call_command(command, *arguments, stdout=out)
        return out.getvalue()

    return run


def test_an_office_sets_up_its_community(db, say, logged_in, tmp_path):
    say("found_community", "street", "碧沙街道", "--kind", "street")
    point = ("--point", "28.2", "112.9", "--coord-type", "gcj02")
    say("found_community", "lake", "碧沙湖社区", "--parent", "street", *point)
    published = say("publish_rules", str(demo.SCENARIO / "rules.json"), "--community", "street")
    say("appoint", "zhao", "--name", "赵社工", "--community", "street", "--role", "staff")
    merchants = str(demo.SCENARIO / "merchants.csv")
    call_command("import_merchants", merchants, "--community", "lake", stdout=io.StringIO())
    shop = ("--community", "lake", "--merchant", "餐饮合伙人01")
    say("employ", "chen", "--name", "陈店员", *shop)
    say("employ", "zhou", "--name", "周老板", *shop, "--role", "owner")

    assert published.count("version 1") == 4
    lake = Community.objects.get(code="lake")
    wanted = ("应急值守", date(2100, 1, 1))
    rule = selectors.rules_for(lake, Rule.Subject.HOURS, [wanted])[wanted]
    assert rule.parameters["points_per_hour"] == 15  # the street's, lent to the community
    assert (lake.latitude, lake.longitude, lake.coord_type) == (28.2, 112.9, "gcj02")
    me = logged_in(User.objects.get(username="zhao")).get("/api/v1/me").json()
    assert [m["role"] for m in me["memberships"]] == ["staff"]
    for username, role in (("chen", "clerk"), ("zhou", "owner")):
        work = logged_in(User.objects.get(username=username)).get("/api/v1/merchants").json()
        assert [(m["name"], m["role"]) for m in work["results"]] == [("餐饮合伙人01", role)]


def test_the_same_again_changes_nothing_but_the_password(lake, say, logged_in):
    for password in (PASSWORD, PASSWORD):
        say(
            *("appoint", "zhao", "--name", "赵社工", "--community", "lake", "--role", "auditor"),
            password=password,
        )
    assert Membership.objects.count() == User.objects.count() == 1
    assert logged_in(User.objects.get()).get("/api/v1/me").status_code == 200


def test_two_usernames_that_differ_by_capitals_are_one(lake, say, logged_in):
    for username in ("zhao", "Zhao"):
        say("appoint", username, "--name", "赵", "--community", "lake", "--role", "auditor")

    assert logged_in(User.objects.get()).get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["found_community", "lake", "湖"], "这个代码已被使用"),
        (["found_community", "a b", "湖"], "a b: "),
        (["found_community", "x", "湖", "--timezone", "Mars/Base"], "这不是时区名称"),
        (["found_community", "x", "湖", "--timezone", "Asia"], "这不是时区名称"),
        (["found_community", "x", "湖", "--parent", "lake"], "no street with the code lake"),
        (["found_community", "x", "湖", "--point", "91", "0"], "not a point on earth"),
        (["found_community", "x", "湖", "--point", "nan", "0"], "not a point on earth"),
        (["appoint", "x", "--name", "x", "--community", "no", "--role", "staff"], "code no"),
        (["appoint", "a b", "--name", "x", "--community", "lake", "--role", "staff"], "."),
        (["employ", "x", "--name", "x", "--community", "lake", "--merchant", "茶"], "no partner"),
        (["publish_rules", "nowhere.json", "--community", "lake"], r"nowhere\.json"),
        (["publish_rules", "nowhere.json", "--community", "no"], "code no"),
    ],
)
def test_what_can_not_be_set_up_is_refused(lake, say, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        say(*arguments)

    assert Community.objects.count() == 1
    assert not User.objects.exists()


@pytest.mark.parametrize("password", ["", "short", "1234567890123", "password1234"])
def test_a_weak_password_is_refused(lake, say, password):
    with pytest.raises(CommandError):
        say(
            *("appoint", "zhao", "--name", "赵", "--community", "lake", "--role", "staff"),
            password=password,
        )

    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ([], "'section': 'service'"),
        ({"reports": 5}, "'section': 'reports'"),
        ({"service": {"巡逻": {"points_per_hour": 10}, "x": {"fen": 5}}}, "'category': 'x'"),
        ({"service": {"x": 5}}, "'category': 'x'"),
        ({"reports": {"hazard": {"reward_points": "5"}}}, "'parameter': 'reward_points'"),
    ],
)
def test_a_wrong_rule_is_named_and_none_is_published(hill, say, tmp_path, written, named):
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(written))

    with pytest.raises(CommandError, match=named):
        say("publish_rules", str(file), "--community", "hill")

    assert not RuleVersion.objects.exists()
    assert not MerchantMember.objects.exists()


def test_rules_of_reports_count_from_their_first_day(hill, say, tmp_path):
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"reports": {"hazard": {"reward_points": 20}}}))

    say("publish_rules", str(file), "--community", "hill", "--valid-from", "2030-01-01")

    before, first = (("hazard", day) for day in (date(2029, 12, 31), date(2030, 1, 1)))
    found = selectors.rules_for(hill, Rule.Subject.REPORT, [before, first])
    assert found.keys() == {first}
    assert found[first].parameters == {"reward_points": 20}


def test_the_demo_stays_out_of_a_database_of_others(person, say):
    staff = person("staff", "真职员")

    with pytest.raises(CommandError, match="people called staff"):
        say("load_demo")

    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)
    assert not Community.objects.exists()


AT_THE_LAKE = ["--community", "lake"]


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["found_community", "pond", "池塘\u202e社区"], r"U\+202E"),
        (["found_community", "pond", "\u200b\u3164"], "seen"),
        (["found_community", "pond", "池" * 61], "1 to 60"),
        (["appoint", "zh\u2066", "--name", "赵", *AT_THE_LAKE, "--role", "staff"], r"U\+2066"),
        (["appoint", "\u3164", "--name", "赵", *AT_THE_LAKE, "--role", "staff"], "seen"),
        (["appoint", "zhao", "--name", "赵\ue000", *AT_THE_LAKE, "--role", "staff"], r"U\+E000"),
        (["employ", "chen", "--name", "\u2060", *AT_THE_LAKE, "--merchant", "茶馆"], "seen"),
    ],
)
def test_a_name_that_nobody_can_read_is_no_name(lake, tea_house, say, command, named):
    with pytest.raises(CommandError, match=named):
        say(*command)

    assert (Community.objects.count(), User.objects.count()) == (1, 0)


def test_a_name_is_put_down_without_what_came_along_with_pasting_it(lake, say):
    say("found_community", "pond", "\ufeff池塘社区\u200b")
    say("appoint", "\ufeffzhao", "--name", "赵\u200b社工", *AT_THE_LAKE, "--role", "staff")

    assert Community.objects.get(code="pond").name == "池塘社区"
    assert User.objects.get(username="zhao").name == "赵社工"


def test_a_category_that_nobody_can_read_is_refused(lake, say, tmp_path):
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"service": {"巡\u202e逻": {"points_per_hour": 1}}}))

    with pytest.raises(CommandError, match="rule_invalid"):
        say("publish_rules", str(file), "--community", "lake")
