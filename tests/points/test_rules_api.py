"""Rules over HTTP: read by all who belong there, tried by staff, published by managers."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from backend.audit.models import AuditEntry
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.ids import new_id
from points.models import Rule, RuleVersion
from points.rules import services as rules
from volunteers.attendance.services import hours

RULES = "/api/v1/communities/lake/rules"
DRAFT = {"subject": "hours", "category": "*", "parameters": {"points_per_hour": 20}}
TO_PUBLISH = DRAFT | {"valid_from": "2100-01-01", "valid_to": None}
TO_TRY = DRAFT | {"since": "2024-03-01", "until": "2024-03-31"}
ANYBODY_THERE = [Role.VOLUNTEER, Role.STAFF, Role.MANAGER, Role.AUDITOR]


@pytest.fixture
def street(lake):
    """湖滨街道, above the lake."""
    place = places.found(code="street", name="湖滨街道", kind=Community.Kind.STREET)
    lake.parent = place
    lake.save(update_fields=["parent"])
    return place


@pytest.fixture
def office(person, logged_in, lake):
    """Log in a person with a role, at the lake by default: ``office(Role.MANAGER)``."""

    def log_in(role, place=lake):
        user = person(f"{role}-at-{place.code}", "何书记")
        roles.give(user=user, community=place, role=role)
        return logged_in(user)

    return log_in


def publish(community, category="*", subject=Rule.Subject.HOURS, **rule):
    return rules.publish(
        community=community,
        subject=subject,
        category=category,
        **{"parameters": {"points_per_hour": 5}, "valid_from": date(2020, 1, 1)} | rule,
    )


def post(client, address, body, *, key="k1"):
    return client.post(f"{RULES}/{address}", body, headers={"Idempotency-Key": key})


def brief(community):
    return {"id": str(community.pk), "code": community.code, "name": community.name}


def wording(version):
    return {
        "number": version.number,
        "parameters": version.parameters,
        "valid_from": version.valid_from.isoformat(),
        "valid_to": version.valid_to and version.valid_to.isoformat(),
        "published_at": version.published_at.isoformat().replace("+00:00", "Z"),
    }


def page(*results):
    return {"next": None, "previous": None, "results": list(results)}


# --- reading ----------------------------------------------------------------------------------
def test_the_rules_that_apply_are_listed_newest_first(lake, street, wang, logged_in):
    hazard, traffic, ordinary = RuleVersion.objects.filter(community=lake).order_by("-id")
    dispute = publish(street, "dispute", Rule.Subject.REPORT, parameters={"reward_points": 8})
    publish(street, "巡逻")  # the lake has a rule of its own for all else
    later, sooner = (
        publish(lake, "交通劝导", valid_from=day) for day in (date(2100, 2, 1), date(2100, 1, 1))
    )
    over = publish(lake, "防汛", valid_to=date(2020, 12, 31))
    until = publish(lake, "防汛", valid_from=date(2021, 1, 1), valid_to=date(2100, 1, 1))

    response = logged_in(wang).get(RULES)

    def shown(version, **others):
        rule = version.rule
        return {
            "id": str(rule.pk),
            "subject": rule.subject,
            "category": rule.category,
            "place": brief(rule.community),
            "is_inherited": False,
            "in_force": wording(version),
            "upcoming": [],
        } | others

    assert over.rule == until.rule
    assert response.status_code == 200
    assert response.json() == page(
        shown(until),
        shown(dispute, is_inherited=True),
        shown(hazard),
        shown(traffic, upcoming=[wording(sooner), wording(later)]),
        shown(ordinary),
    )


def test_a_rule_of_which_nothing_counts_today_says_so(lake, wang, logged_in):
    over = publish(lake, "防汛", valid_to=date(2020, 12, 31))

    (row, *_) = logged_in(wang).get(RULES).json()["results"]

    assert (row["id"], row["in_force"], row["upcoming"]) == (str(over.rule_id), None, [])


def test_a_rule_is_opened_as_it_is_listed(lake, street, wang, logged_in):
    client = logged_in(wang)
    publish(lake, "交通劝导", valid_from=date(2100, 1, 1))
    publish(street, "巡逻", valid_from=date(2100, 1, 1))
    lent = publish(street, parameters={"points_per_hour": 3})  # overridden here

    listed = client.get(RULES).json()["results"]
    assert [client.get(f"{RULES}/{rule['id']}").json() for rule in listed] == listed
    opened = client.get(f"{RULES}/{lent.rule_id}").json()
    assert (opened["is_inherited"], opened["in_force"]) == (True, wording(lent))


def test_a_version_is_opened_by_its_number(lake, wang, logged_in):
    client = logged_in(wang)
    second = publish(lake, "交通劝导", valid_from=date(2100, 1, 1))
    address = f"{RULES}/{second.rule_id}/versions"

    assert client.get(f"{address}/2").json() == wording(second)
    assert client.get(f"{address}/3").json()["code"] == "not_found"


def test_all_versions_of_a_rule_are_there_newest_first(lake, street, wang, logged_in):
    client = logged_in(wang)
    first = RuleVersion.objects.get(rule__category="交通劝导")
    second = publish(lake, "交通劝导", valid_from=date(2100, 1, 1))
    lent = publish(street, "巡逻")  # overridden here, yet an award may name it

    def versions(rule_id, **query):
        response = client.get(f"{RULES}/{rule_id}/versions", query)
        assert response.status_code == 200
        return response.json()

    assert versions(first.rule_id) == page(wording(second), wording(first))
    assert versions(lent.rule_id) == page(wording(lent))

    newest = versions(first.rule_id, page_size=1)
    assert newest["results"] == [wording(second)]
    assert client.get(newest["next"]).json()["results"] == [wording(first)]


def test_a_rule_that_does_not_reach_here_is_unknown(lake, hill, wang, logged_in):
    foreign = publish(hill)

    for rule_id in (foreign.rule_id, new_id()):
        for address in ("", "/versions", "/versions/1"):
            response = logged_in(wang).get(f"{RULES}/{rule_id}{address}")
            assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_more_rules_ask_the_database_no_more(lake, wang, logged_in):
    client = logged_in(wang)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert client.get(RULES).status_code == 200
        return len(asked)

    few = queries()
    for category in ("清扫", "探访", "巡逻"):
        publish(lake, category)

    assert queries() == few


# --- publishing -------------------------------------------------------------------------------
def test_a_manager_publishes_the_next_version(lake, office):
    response = post(office(Role.MANAGER), "versions", TO_PUBLISH)

    entry = AuditEntry.objects.filter(action="rule.publish").latest("pk")
    assert (entry.actor.name, entry.community) == ("何书记", lake)
    assert (entry.before["number"], entry.before["parameters"]["points_per_hour"]) == (1, 10)
    assert entry.after == {
        "number": 2,
        "parameters": {"points_per_hour": 20},
        "valid_from": "2100-01-01",
        "valid_to": None,
    }
    version = RuleVersion.objects.get(rule__community=lake, rule__category="*", number=2)
    assert response.status_code == 201
    assert response.json() == {
        "rule": {"id": str(version.rule_id), "subject": "hours", "category": "*"},
        "number": 2,
        "parameters": {"points_per_hour": 20},
        "valid_from": "2100-01-01",
        "valid_to": None,
        "published_at": wording(version)["published_at"],
    }


def test_the_same_request_publishes_once(lake, office):
    client = office(Role.MANAGER)

    first, again = (post(client, "versions", TO_PUBLISH) for _ in range(2))
    reused = post(client, "versions", TO_PUBLISH | {"category": "巡逻"})
    keyless = post(client, "versions", TO_PUBLISH, key=None)

    assert (first.content, again["Idempotency-Replayed"]) == (again.content, "true")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_missing")
    assert RuleVersion.objects.filter(rule__community=lake, rule__category="*").count() == 2


def test_a_manager_of_the_street_publishes_for_the_community(lake, street, office):
    response = post(office(Role.MANAGER, street), "versions", TO_PUBLISH)

    assert response.status_code == 201
    assert RuleVersion.objects.filter(community=lake, number=2).exists()


@pytest.mark.parametrize(
    ("changed", "code", "told"),
    [
        ({"valid_from": "2024-01-01"}, "rule_backdated", "today"),
        ({"valid_to": "2099-12-31"}, "rule_invalid", "parameter"),
        ({"parameters": {}}, "rule_invalid", "parameter"),
        ({"parameters": {"reward_fen": 5}}, "cash_not_allowed_for_hours", "parameter"),
        ({"parameters": []}, "invalid_input", "errors"),
        ({"subject": "money"}, "invalid_input", "errors"),
        ({"category": " "}, "invalid_input", "errors"),
        ({"category": "类" * 41}, "invalid_input", "errors"),
        ({"valid_from": "soon"}, "invalid_input", "errors"),
    ],
)
def test_what_can_not_be_published_is_refused(lake, office, changed, code, told):
    before = RuleVersion.objects.count()

    response = post(office(Role.MANAGER), "versions", TO_PUBLISH | changed)

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert told in response.json()
    assert RuleVersion.objects.count() == before


# --- trying -----------------------------------------------------------------------------------
def changed(before, after):
    return {
        "points_before": before,
        "points_after": after,
        "points_difference": after - before,
        "fen_before": 0,
        "fen_after": 0,
        "fen_difference": 0,
    }


def test_a_draft_is_tried_on_a_past_period(lake, wang, li, zhao, served, logged_in):
    for user, checked_in, checked_out, category in [
        (wang, "2024-03-01 09:00", "2024-03-01 10:00", "邻里服务"),
        (wang, "2024-03-02 09:00", "2024-03-02 10:00", "交通劝导"),
        (li, "2024-03-01 09:00", "2024-03-01 17:30", "邻里服务"),  # 85, of which the cap leaves 80
    ]:
        attendance = served(user, checked_in, checked_out, category)
        hours.verify(attendance=attendance, verifier=zhao)
    draft = TO_TRY | {"parameters": {"points_per_hour": 20, "daily_cap_points": 60}}

    response = post(logged_in(zhao), "tryout", draft, key=None)

    assert response.status_code == 200
    assert response.json() == {
        "cost": changed(100, 90),
        "awards": 3,
        "awards_under_draft": 2,
        "volunteers": 2,
        "gains": [
            {
                "person": {"id": str(wang.pk), "name": "王小明"},
                **changed(20, 30),
            }
        ],
        "losses": [
            {
                "person": {"id": str(li.pk), "name": "李阿姨"},
                **changed(80, 60),
            }
        ],
    }


def test_a_period_without_awards_costs_nothing(lake, zhao, logged_in):
    assert post(logged_in(zhao), "tryout", TO_TRY).json() == {
        "cost": changed(0, 0),
        "awards": 0,
        "awards_under_draft": 0,
        "volunteers": 0,
        "gains": [],
        "losses": [],
    }


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"until": "2024-02-29"}, "period_invalid"),
        ({"until": "2025-03-02"}, "period_invalid"),
        ({"since": "1900-01-01", "until": "2100-12-31"}, "period_invalid"),
        ({"parameters": {"points_per_hour": 1, "pay_fen": 1}}, "cash_not_allowed_for_hours"),
        ({"parameters": {"reward_points": 1}}, "rule_invalid"),
        ({"since": None}, "invalid_input"),
    ],
)
def test_what_can_not_be_tried_is_refused(lake, zhao, logged_in, changed, code):
    response = post(logged_in(zhao), "tryout", TO_TRY | changed)

    assert (response.status_code, response.json()["code"]) == (400, code)


# --- who may ----------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ANYBODY_THERE)
def test_who_may_read_try_and_publish(lake, office, role):
    client = office(role)
    rule = Rule.objects.filter(community=lake).first()

    answers = {
        "read": client.get(RULES),
        "versions": client.get(f"{RULES}/{rule.pk}/versions"),
        "try": post(client, "tryout", TO_TRY),
        "publish": post(client, "versions", TO_PUBLISH),
    }

    may = {"read", "versions"}
    if role in (Role.STAFF, Role.MANAGER, Role.AUDITOR):
        may |= {"try"}
    if role == Role.MANAGER:
        may |= {"publish"}
    assert {name for name, answer in answers.items() if answer.status_code < 300} == may
    for name in answers.keys() - may:
        answer = answers[name]
        assert (answer.status_code, answer.json()["code"]) == (404, "community_unknown")


@pytest.mark.parametrize("role", ANYBODY_THERE)
def test_next_door_nobody_may_anything(lake, hill, office, role):
    client = office(role, hill)
    rule = Rule.objects.filter(community=lake).first()

    for answer in (
        client.get(RULES),
        client.get(f"{RULES}/{rule.pk}/versions"),
        post(client, "tryout", TO_TRY),
        post(client, "versions", TO_PUBLISH),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "community_unknown")


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", ""),
        ("get", "/01900000-0000-7000-8000-000000000000/versions"),
        ("post", "/tryout"),
        ("post", "/versions"),
    ],
)
def test_every_address_of_the_rules_asks_for_a_log_in(lake, method, address):
    response = getattr(APIClient(), method)(f"{RULES}{address}")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("address", ["", "/{rule_id}/versions", "/versions", "/tryout"])
def test_nothing_edits_what_is_published(lake, office, method, address):
    rule = Rule.objects.filter(community=lake).first()

    answer = getattr(office(Role.MANAGER), method)(
        RULES + address.format(rule_id=rule.pk), TO_PUBLISH, headers={"Idempotency-Key": "k1"}
    )

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
