"""Roles, contact and join codes, as they are asked for."""

from dataclasses import replace
from datetime import UTC

import pytest
from rest_framework.test import APIClient

from backend.accounts.services import attempts
from backend.api.throttling import PublicThrottle
from backend.audit.models import AuditEntry
from backend.codes import ALPHABET
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places, roles
from backend.ids import new_id

AT_THE_LAKE = "/api/v1/communities/lake"


@pytest.fixture
def qian(lake, person):
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def sun(lake, person):
    """孙审计, who audits it."""
    user = person("sun", "孙审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


def iso(moment):
    return moment and moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def brief(user):
    return user and {
        "id": str(user.pk),
        "name": user.name,
        "phone": f"{user.phone[:3]}****{user.phone[-4:]}",
    }


def refusal(answer):
    return answer.status_code, answer.json()["code"]


# --- who is what ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"text": "小明"}, {"王小明"}),
        ({"text": "%"}, set()),
        ({"text": ""}, {"王小明", "赵社工", "钱书记"}),
        ({"person": "wang"}, {"王小明"}),
        ({"person": "wang", "role": "staff"}, set()),
        ({"person": "nobody"}, set()),
    ],
)
def test_members_are_found_by_id_and_by_name(lake, wang, zhao, qian, logged_in, asked, names):
    people = {"wang": wang.pk, "nobody": new_id()}
    asked = asked | ({"person": str(people[asked["person"]])} if "person" in asked else {})

    found = logged_in(zhao).get(f"{AT_THE_LAKE}/members", asked).json()["results"]

    assert {one["user"]["name"] for one in found} == names


def test_staff_see_who_is_what_there_now(lake, hill, wang, zhao, qian, logged_in):
    roles.give(user=qian, community=hill, role=Role.STAFF)
    gone = Membership.objects.get(user=wang)
    roles.end(membership=gone, ended_by=wang)

    everybody = logged_in(zhao).get(f"{AT_THE_LAKE}/members")
    managers = logged_in(zhao).get(f"{AT_THE_LAKE}/members", {"role": "manager"})

    held = [Membership.objects.get(user=user, community=lake) for user in (qian, zhao)]
    rows = [
        {
            "id": str(one.pk),
            "user": brief(one.user),
            "role": one.role,
            "since_at": iso(one.since_at),
        }
        for one in held
    ]
    assert everybody.json() == {"next": None, "previous": None, "results": rows}
    assert managers.json()["results"] == rows[:1]


def test_a_manager_gives_a_role_and_takes_it_away(lake, wang, qian, sun, logged_in):
    caller = logged_in(qian)

    given = caller.post(f"{AT_THE_LAKE}/roles", {"user_id": str(wang.pk), "role": "staff"})
    held = Membership.objects.get(user=wang, role=Role.STAFF)
    body = {
        "id": str(held.pk),
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "user": brief(wang),
        "role": "staff",
        "since_at": iso(held.since_at),
        "granted_by": brief(qian),
        "ended_at": None,
        "ended_by": None,
        "reason": "",
    }
    assert (given.status_code, given.json()) == (201, body)
    assert logged_in(wang).get("/api/v1/attendances").json()["results"] == []
    assert logged_in(wang).get(f"{AT_THE_LAKE}/members").status_code == 200

    taken = caller.post(f"/api/v1/roles/{held.pk}/withdraw", {"reason": "调走"})
    held.refresh_from_db()
    body |= {"ended_at": iso(held.ended_at), "ended_by": brief(qian), "reason": "调走"}
    assert (taken.status_code, taken.json()) == (200, body)
    assert refusal(logged_in(wang).get(f"{AT_THE_LAKE}/members")) == (404, "community_unknown")

    history = logged_in(sun).get(f"{AT_THE_LAKE}/roles", {"role": "staff"})
    assert history.json()["results"] == [body]


def test_a_role_is_opened_as_it_is_listed(lake, wang, zhao, qian, sun, logged_in):
    ended = Membership.objects.get(user=zhao)
    roles.withdraw(membership=ended, withdrawn_by=qian, reason="调走了")
    listed = logged_in(sun).get(f"{AT_THE_LAKE}/roles").json()["results"]

    assert {role["user"]["name"] for role in listed} == {"赵社工", "钱书记", "孙审计"}
    for caller in (qian, sun):
        opened = [logged_in(caller).get(f"/api/v1/roles/{role['id']}") for role in listed]
        assert [answer.json() for answer in opened] == listed
    for caller, role in ((zhao, ended), (wang, ended), (qian, Membership.objects.get(user=wang))):
        answer = logged_in(caller).get(f"/api/v1/roles/{role.pk}")
        assert refusal(answer) == (404, "not_found")


def test_a_street_gives_and_its_estates_are_given_roles_too(lake, zhao, person, logged_in):
    street = places.found(code="street", name="街道", kind=Community.Kind.STREET)
    Community.objects.filter(pk=lake.pk).update(parent=street)
    estate = places.estate_named(community=lake, name="小区")
    zhou = person("zhou", "周主任")
    roles.give(user=zhou, community=street, role=Role.MANAGER)
    caller = logged_in(zhou)

    answers = [
        caller.post(
            f"/api/v1/communities/{code}/roles", {"user_id": str(zhao.pk), "role": "manager"}
        ).status_code
        for code in ("lake", estate.code, "street", "nowhere")
    ]

    assert answers == [201, 201, 403, 404]


@pytest.mark.parametrize(
    ("who", "role", "whom", "expected"),
    [
        ("zhao", "staff", "li", (404, "community_unknown")),
        ("sun", "staff", "li", (404, "community_unknown")),
        ("qian", "manager", "li", (403, "role_not_yours")),
        ("qian", "staff", "qian", (403, "own_role")),
        ("qian", "staff", "sun", (409, "role_conflict")),
        ("qian", "volunteer", "li", (400, "invalid_input")),
        ("qian", "staff", None, (404, "person_unknown")),
    ],
)
def test_roles_that_are_not_given(zhao, sun, qian, li, logged_in, who, role, whom, expected):
    cast = {"zhao": zhao, "sun": sun, "qian": qian, "li": li}
    user_id = cast[whom].pk if whom else new_id()

    answer = logged_in(cast[who]).post(
        f"{AT_THE_LAKE}/roles", {"user_id": str(user_id), "role": role}
    )

    assert refusal(answer) == expected


@pytest.mark.parametrize(
    ("who", "whose", "expected"),
    [
        ("zhao", "sun", (404, "not_found")),
        ("qian", "qian", (403, "own_role")),
        ("qian", "li", (404, "not_found")),  # volunteers leave
        ("elsewhere", "zhao", (404, "not_found")),
    ],
)
def test_roles_that_are_not_withdrawn(
    hill, zhao, sun, qian, li, person, logged_in, who, whose, expected
):
    elsewhere = person("elsewhere")
    roles.give(user=elsewhere, community=hill, role=Role.MANAGER)
    cast = {"zhao": zhao, "sun": sun, "qian": qian, "li": li, "elsewhere": elsewhere}
    held = Membership.objects.get(user=cast[whose])

    answer = logged_in(cast[who]).post(f"/api/v1/roles/{held.pk}/withdraw", {"reason": "x"})

    assert refusal(answer) == expected
    held.refresh_from_db()
    assert held.ended_at is None


# --- whose is this number ---------------------------------------------------------------------
def test_staff_find_somebody_by_the_whole_number(lake, zhao, wang, person, logged_in):
    someone = person("someone", "何人")
    caller = logged_in(zhao)

    found, nobody = (
        caller.post(f"{AT_THE_LAKE}/people/search", {"phone": phone})
        for phone in (someone.phone, "19900000000")
    )

    assert (found.status_code, found.json()) == (200, [brief(someone)])
    assert (nobody.status_code, nobody.json()) == (200, [])
    written = AuditEntry.objects.filter(action="person.search").order_by("pk")
    assert [(one.actor, one.community, one.target_id, one.after) for one in written] == [
        (zhao, lake, str(someone.pk), {"found": True}),
        (zhao, lake, str(lake.pk), {"found": False}),
    ]


@pytest.mark.parametrize("phone", ["198", "1980000000", "", "1980000000x", "198000000012"])
def test_part_of_a_number_finds_nobody(zhao, logged_in, phone):
    answer = logged_in(zhao).post(f"{AT_THE_LAKE}/people/search", {"phone": phone})

    assert refusal(answer) == (400, "invalid_input")


def test_numbers_are_not_for_trying_out(zhao, logged_in, monkeypatch):
    monkeypatch.setattr(attempts, "SEARCHES", replace(attempts.SEARCHES, limit=1))
    caller = logged_in(zhao)

    answers = [
        caller.post(f"{AT_THE_LAKE}/people/search", {"phone": "19900000000"}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 429]


# --- where it is ------------------------------------------------------------------------------
def test_managers_say_how_the_community_is_reached_and_everybody_reads_it(lake, qian, logged_in):
    street = places.found(code="street", name="街道", kind=Community.Kind.STREET)
    Community.objects.filter(pk=lake.pk).update(parent=street)
    estate = places.estate_named(community=lake, name="小区")
    told = {
        "contact_phone": "0731-8800 0000",
        "address": "湖畔路 1 号",
        "latitude": 28.2,
        "longitude": 112.9,
        "coord_type": "gcj02",
    }

    changed = logged_in(qian).patch(f"{AT_THE_LAKE}/contact", told)

    assert changed.status_code == 200
    read = APIClient().get(f"{AT_THE_LAKE}/contact")
    assert read.json() == changed.json()
    assert read.json() == {
        "id": str(lake.pk),
        "code": "lake",
        "name": "碧沙湖社区",
        "kind": "community",
        "parent": {"id": str(street.pk), "code": "street", "name": "街道"},
        "below": [{"id": str(estate.pk), "code": estate.code, "name": "小区"}],
        **told,
    }
    (written,) = AuditEntry.objects.filter(action="community.change_contact")
    assert (written.actor, written.after) == (qian, {"changed": sorted(told)})
    again = logged_in(qian).patch(f"{AT_THE_LAKE}/contact", {"address": told["address"]})
    assert again.json() == changed.json()
    assert AuditEntry.objects.filter(action="community.change_contact").count() == 1
    gone = logged_in(qian).patch(f"{AT_THE_LAKE}/contact", {"latitude": None, "longitude": None})
    assert (gone.json()["latitude"], gone.json()["longitude"]) == (None, None)


@pytest.mark.parametrize(
    "told",
    [
        {"latitude": 28.2},
        {"longitude": None},
        {"latitude": 28.2, "longitude": None},
        {"latitude": 91, "longitude": 0},
        {"contact_phone": "call me"},
        {"coord_type": "bd09"},
    ],
)
def test_what_is_no_contact_is_not_taken(lake, qian, logged_in, told):
    answer = logged_in(qian).patch(f"{AT_THE_LAKE}/contact", told)

    assert refusal(answer) == (400, "invalid_input")


def test_others_change_nothing_about_it(lake, zhao, logged_in):
    assert refusal(APIClient().patch(f"{AT_THE_LAKE}/contact", {})) == (401, "not_authenticated")
    assert refusal(logged_in(zhao).patch(f"{AT_THE_LAKE}/contact", {})) == (
        404,
        "community_unknown",
    )


def test_the_contact_is_not_for_grabbing(lake, monkeypatch):
    monkeypatch.setattr(PublicThrottle, "rate", "1/hour", raising=False)
    stranger = APIClient()

    answers = [stranger.get(f"{AT_THE_LAKE}/contact").status_code for _ in range(2)]

    assert answers == [200, 429]


# --- the code on the posters ------------------------------------------------------------------
def test_a_manager_makes_shows_and_ends_the_code_to_join_by(lake, qian, logged_in):
    caller = logged_in(qian)
    address = f"{AT_THE_LAKE}/join-code"
    assert caller.get(address).json() == {"join_code": None}

    made = [caller.post(address) for _ in range(2)]

    assert [one.status_code for one in made] == [201, 201]
    first, second = (one.json()["join_code"] for one in made)
    assert first != second
    assert (len(second), set(second) <= set(ALPHABET)) == (8, True)
    assert caller.get(address).json() == {"join_code": second}
    assert [caller.delete(address).status_code for _ in range(2)] == [204, 204]
    assert caller.get(address).json() == {"join_code": None}
    written = AuditEntry.objects.filter(target_type="join_code").order_by("pk")
    assert [one.action for one in written] == ["join_code.make"] * 2 + ["join_code.end"]
    assert second not in str([(one.before, one.after) for one in written])


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_the_code_is_for_managers_alone(lake, zhao, logged_in, method):
    answer = getattr(logged_in(zhao), method)(f"{AT_THE_LAKE}/join-code")

    assert refusal(answer) == (404, "community_unknown")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("０７３１－８８００\u3000００００", "0731-8800 0000"),
        ("\ufeff+852\u00a02345—6789", "+852 2345-6789"),
    ],
)
def test_where_to_call_may_be_a_landline_and_abroad(lake, qian, logged_in, typed, kept):
    answer = logged_in(qian).patch(f"{AT_THE_LAKE}/contact", {"contact_phone": typed})

    assert (answer.status_code, answer.json()["contact_phone"]) == (200, kept)


@pytest.mark.parametrize(
    "typed", ["+86 {}", "0086{}", "８６-{}", "\ufeff{}\u200b", " {}\u3000", "(+86){}"]
)
def test_somebody_is_found_by_their_number_however_it_is_typed(zhao, wang, logged_in, typed):
    found = logged_in(zhao).post(
        "/api/v1/communities/lake/people/search", {"phone": typed.format(wang.phone)}
    )

    assert [one["id"] for one in found.json()] == [str(wang.pk)]


@pytest.mark.parametrize("typed", ["+49{}", "00852{}", "+1{}", "{}0", "1{}"])
def test_nobody_here_has_a_number_of_another_country(zhao, wang, logged_in, typed):
    answer = logged_in(zhao).post(
        "/api/v1/communities/lake/people/search", {"phone": typed.format(wang.phone)}
    )

    assert answer.status_code == 400
    assert answer.json()["errors"]["phone"][0]["code"] == "phone_unsupported"
