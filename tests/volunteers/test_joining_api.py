"""Joining and leaving, as they are asked for."""

import socket
from dataclasses import replace
from datetime import UTC

import pytest
from rest_framework.test import APIClient

from backend.accounts.services import attempts
from backend.communities.services import places
from volunteers.models import JoinRequest, Volunteer
from volunteers.people.services import people

AT_THE_LAKE = "/api/v1/communities/lake"


@pytest.fixture
def sun(db, person):
    """孙, who has moved here and is no volunteer yet."""
    return person("sun", "孙")


def iso(moment):
    return moment and moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def brief(user):
    return {
        "id": str(user.pk),
        "name": user.name,
        "phone": f"{user.phone[:3]}****{user.phone[-4:]}",
    }


def refusal(answer):
    return answer.status_code, answer.json()["code"]


def test_asking_and_being_taken_in(lake, zhao, sun, logged_in):
    estate = places.estate_named(community=lake, name="小区")
    wish = {"kind": "rider", "estate_id": str(estate.pk)}

    first, again = (logged_in(sun).post(f"{AT_THE_LAKE}/join", wish) for _ in range(2))

    asked = JoinRequest.objects.get()
    mine = {
        "id": str(asked.pk),
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "kind": "rider",
        "estate": {"id": str(estate.pk), "code": estate.code, "name": "小区"},
        "status": "pending",
        "asked_at": iso(asked.asked_at),
        "decided_at": None,
        "reason": "",
        "user": brief(sun),
        "decided_by": None,
    }
    assert (first.status_code, first.json()) == (201, mine)
    assert (again.status_code, again.json()) == (200, mine)
    assert logged_in(sun).get("/api/v1/me/join-requests").json()["results"] == [mine]

    waiting = logged_in(zhao).get(f"{AT_THE_LAKE}/join-requests", {"status": "pending"})
    assert waiting.json()["results"] == [mine]
    approved = logged_in(zhao).post(f"/api/v1/join-requests/{asked.pk}/approve")
    asked.refresh_from_db()
    assert (approved.status_code, approved.json()) == (
        200,
        mine
        | {"status": "approved", "decided_at": iso(asked.decided_at)}
        | {"decided_by": brief(zhao)},
    )
    own = logged_in(sun).get(f"/api/v1/join-requests/{asked.pk}")
    assert own.json() == approved.json() | {"decided_by": None}
    assert (
        logged_in(zhao).get(f"{AT_THE_LAKE}/join-requests", {"status": "pending"}).json()["results"]
        == []
    )
    assert refusal(logged_in(sun).post(f"{AT_THE_LAKE}/join", wish)) == (
        409,
        "already_a_volunteer",
    )


def test_being_rejected_and_thinking_better_of_it(lake, hill, zhao, sun, logged_in):
    for community in ("lake", "hill"):
        logged_in(sun).post(f"/api/v1/communities/{community}/join", {"kind": "resident"})
    at_the_hill, at_the_lake = JoinRequest.objects.order_by("-id")

    rejected = logged_in(zhao).post(
        f"/api/v1/join-requests/{at_the_lake.pk}/reject", {"reason": "不住这里"}
    )
    withdrawn = logged_in(sun).post(f"/api/v1/join-requests/{at_the_hill.pk}/withdraw")

    assert (rejected.json()["status"], rejected.json()["reason"]) == ("rejected", "不住这里")
    assert withdrawn.json()["status"] == "withdrawn"
    assert refusal(logged_in(zhao).post(f"/api/v1/join-requests/{at_the_lake.pk}/approve")) == (
        409,
        "join_request_status_wrong",
    )
    assert refusal(logged_in(zhao).post(f"/api/v1/join-requests/{at_the_hill.pk}/approve")) == (
        404,  # another community's
        "not_found",
    )


def test_the_code_on_the_posters(lake, zhao, sun, logged_in):
    code = places.make_join_code(community=lake, made_by=zhao).join_code

    wrong = logged_in(sun).post(f"{AT_THE_LAKE}/join", {"kind": "rider", "join_code": "WRNG2345"})
    right = logged_in(sun).post(f"{AT_THE_LAKE}/join", {"kind": "rider", "join_code": code})

    assert refusal(wrong) == (400, "join_code_wrong")
    assert (right.status_code, right.json()["status"]) == (201, "approved")
    assert [row["balance"] for row in logged_in(sun).get("/api/v1/me/wallets").json()["results"]]


@pytest.mark.parametrize(
    ("address", "body", "expected"),
    [
        ("communities/nowhere/join", {"kind": "rider"}, (404, "community_unknown")),
        ("communities/lake/join", {"kind": "robot"}, (400, "invalid_input")),
        (
            "communities/lake/join",
            {"kind": "rider", "estate_id": "0190a0a0-0000-7000-8000-000000000000"},
            (400, "estate_unknown"),
        ),
        ("communities/lake/leave", {}, (404, "not_found")),
    ],
)
def test_what_is_not_joined_or_left(lake, sun, logged_in, address, body, expected):
    assert refusal(logged_in(sun).post(f"/api/v1/{address}", body)) == expected


def test_codes_are_not_for_trying_out(lake, sun, li, logged_in, monkeypatch, settings):
    monkeypatch.setattr(attempts, "CODES", replace(attempts.CODES, limit=1))
    guess = {"kind": "rider", "join_code": "GUESS234"}

    answers = [logged_in(sun).post(f"{AT_THE_LAKE}/join", guess) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [400, 429]
    assert logged_in(li).post(f"{AT_THE_LAKE}/join", guess).status_code == 409
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = settings.CACHES["default"] | {
            "LOCATION": f"redis://127.0.0.1:{closed.getsockname()[1]}"
        }
    settings.CACHES = {"default": away}
    assert logged_in(sun).post(f"{AT_THE_LAKE}/join", guess).status_code == 429
    assert logged_in(sun).post(f"{AT_THE_LAKE}/join", {"kind": "rider"}).status_code == 201


def test_what_was_earned_stays_readable_after_leaving(
    lake, wang, tea, grant_points, served, logged_in
):
    grant_points(wang, 100)
    served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    caller = logged_in(wang)
    (transfer,) = caller.get("/api/v1/me/wallets/lake/transfers").json()["results"]
    addresses = [
        "me/wallets/lake",
        "me/wallets/lake/transfers",
        "me/wallets/lake/transfers.csv",
        f"me/transfers/{transfer['id']}",
    ]

    left, again = (caller.post(f"{AT_THE_LAKE}/leave") for _ in range(2))

    volunteer = Volunteer.objects.get(user=wang)
    assert (left.status_code, left.json()) == (
        200,
        {
            "id": str(volunteer.pk),
            "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
            "user": brief(wang),
            "kind": "rider",
            "skills": [],
            "attended": 1,
            "no_shows": 0,
            "estate": None,
            "enrolled_at": iso(volunteer.enrolled_at),
            "left_at": iso(volunteer.left_at),
        },
    )
    assert again.json() == left.json()
    assert {address: caller.get(f"/api/v1/{address}").status_code for address in addresses} == (
        dict.fromkeys(addresses, 200)
    )
    (wallet,) = caller.get("/api/v1/me/wallets").json()["results"]
    assert (wallet["community"]["code"], wallet["balance"]) == ("lake", 100)
    assert len(caller.get("/api/v1/me/attendances").json()["results"]) == 1
    assert caller.get("/api/v1/shifts").json()["results"] == []
    assert caller.get("/api/v1/offers").json()["results"] == []


def test_leaving_one_community_is_staying_in_another(lake, hill, wang, logged_in):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    caller = logged_in(wang)

    caller.post(f"{AT_THE_LAKE}/leave")

    held = caller.get("/api/v1/me").json()["memberships"]
    assert [one["community"]["code"] for one in held] == ["hill"]
    assert len(caller.get("/api/v1/me/wallets").json()["results"]) == 2


@pytest.mark.parametrize("path", ["communities/lake/join", "communities/lake/leave"])
def test_strangers_log_in_first(lake, path):
    assert refusal(APIClient().post(f"/api/v1/{path}", {})) == (401, "not_authenticated")
