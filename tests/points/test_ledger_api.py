"""Wallets and statements for their owners: what came and went, why, and that it is sealed."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from backend.ids import new_id
from points.ledger import services as ledger
from points.models import Reversal, Rule, RuleVersion, Transfer
from points.seals.services import sealing
from volunteers.attendance.services import hours
from volunteers.models import Volunteer
from volunteers.people.services import people

STATEMENT = "/api/v1/me/wallets/lake/transfers"


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def brief(community):
    return {"id": str(community.pk), "code": community.code, "name": community.name}


# --- wallets ----------------------------------------------------------------------------------
def test_wallets_are_one_for_each_community_where_i_volunteer(
    lake, hill, wang, li, earn, spend, grant_points, logged_in
):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    grant_points(li, 7)
    ledger.post(earn)
    ledger.post(spend)
    ledger.hold(replace(spend, key="redemption:2", amount=20), lifetime=timedelta(hours=1))

    response = logged_in(wang).get("/api/v1/me/wallets")

    assert response.status_code == 200
    nothing = {"balance": 0, "held": 0, "available": 0, "shortfall": 0}
    at_the_hill = {"community": brief(hill), **nothing}
    at_the_lake = {"community": brief(lake), **nothing, "balance": 70, "held": 20, "available": 50}
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [at_the_hill, at_the_lake],
    }
    in_full = logged_in(wang).get("/api/v1/me/wallets/lake").json()
    assert in_full == at_the_lake | {"expiring": []}
    in_full = logged_in(wang).get("/api/v1/me/wallets/hill").json()
    assert in_full == at_the_hill | {"expiring": []}


@pytest.mark.parametrize("code", ["hill", "nowhere", "邻里"])
@pytest.mark.parametrize(
    "address",
    [
        "me/wallets/{}",
        "me/wallets/{}/transfers",
        "me/wallets/{}/transfers.csv",
        "me/wallets/{}/transfers.xlsx",
    ],
)
def test_where_i_do_not_volunteer_i_have_no_wallet(wang, hill, logged_in, address, code):
    response = logged_in(wang).get(f"/api/v1/{address.format(code)}")

    assert (response.status_code, response.json()["code"]) == (404, "community_unknown")


# --- statements -------------------------------------------------------------------------------
def test_a_statement_says_what_came_in_and_went_out_newest_first(
    wang, li, earn, spend, grant_points, logged_in
):
    earned = ledger.post(earn)
    grant_points(li, 7)
    spent = ledger.post(spend)

    response = logged_in(wang).get(STATEMENT)

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(spent.pk),
                "amount": -30,
                "reason": "redemption",
                "source": "test:redemption:1",
                "about": None,
                "occurred_at": iso(spent.occurred_at),
                "posted_at": iso(spent.posted_at),
                "expires_on": None,
            },
            {
                "id": str(earned.pk),
                "amount": 100,
                "reason": "hours",
                "source": "hours:1",
                "about": None,
                "occurred_at": iso(earned.occurred_at),
                "posted_at": iso(earned.posted_at),
                "expires_on": None,
            },
        ],
    }


def test_who_never_earned_anything_has_an_empty_statement(wang, logged_in):
    response = logged_in(wang).get(STATEMENT)

    assert (response.status_code, response.json()["results"]) == (200, [])


@pytest.fixture
def busy(earn, spend):
    """An account with seven payments in and out in turn, newest first."""
    posted = [ledger.post(earn)]
    for number in range(2, 8):
        movement = spend if number % 2 else earn
        posted.append(ledger.post(replace(movement, key=f"event:{number}", amount=number)))
    return [str(transfer.pk) for transfer in reversed(posted)]


def test_a_statement_is_turned_over_page_by_page_there_and_back(wang, busy, logged_in):
    client = logged_in(wang)

    def walk(address, link):
        while address:
            page = client.get(address).json()
            yield page
            address = page[link]

    there = list(walk(f"{STATEMENT}?page_size=3", "next"))
    back = list(walk(there[-1]["previous"], "previous"))

    def ids(pages):
        return [[line["id"] for line in page["results"]] for page in pages]

    assert ids(there) == [busy[0:3], busy[3:6], busy[6:]]
    assert ids(back) == [busy[3:6], busy[0:3]]


def test_what_is_posted_meanwhile_moves_no_line_to_another_page(wang, busy, earn, logged_in):
    client = logged_in(wang)
    first = client.get(f"{STATEMENT}?page_size=3").json()
    ledger.post(replace(earn, key="event:8"))

    second = client.get(first["next"]).json()

    assert [line["id"] for line in second["results"]] == busy[3:6]


@pytest.mark.parametrize("cursor", ["x", "cD1ub25zZW5zZQ=="])  # the second says "p=nonsense"
def test_a_cursor_that_we_did_not_hand_out_is_refused(wang, earn, logged_in, cursor):
    ledger.post(earn)

    response = logged_in(wang).get(STATEMENT, {"cursor": cursor})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


EARLY, FIRST_MOMENT, LAST_MOMENT, LATE = MOMENTS = [
    "2024-02-29T15:59:59.999999+00:00",
    "2024-02-29T16:00:00+00:00",  # midnight at the lake
    "2024-03-31T15:59:59.999999+00:00",
    "2024-03-31T16:00:00+00:00",
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, MOMENTS),
        ({"since": "2024-03-01"}, [FIRST_MOMENT, LAST_MOMENT, LATE]),
        ({"until": "2024-03-31"}, [EARLY, FIRST_MOMENT, LAST_MOMENT]),
        ({"since": "2024-03-01", "until": "2024-03-31"}, [FIRST_MOMENT, LAST_MOMENT]),
        ({"since": "2024-03-31", "until": "2024-03-31"}, [LAST_MOMENT]),
        ({"since": "2024-04-02"}, []),
        ({"since": "2024-03-31", "until": "2024-03-01"}, []),
        ({"since": "1900-01-01", "until": "2100-12-31"}, MOMENTS),
        ({"reason": "hours"}, [EARLY, LAST_MOMENT]),
        ({"reason": "gift"}, [FIRST_MOMENT, LATE]),
        ({"reason": "gift", "until": "2024-03-31"}, [FIRST_MOMENT]),
        ({"reason": "nonsense"}, []),
    ],
)
def test_a_statement_can_be_narrowed_down_by_reason_and_local_days(
    wang, earn, logged_in, asked, found
):
    for number, moment in enumerate(MOMENTS):
        ledger.post(
            replace(
                earn,
                key=f"event:{number}",
                reason="gift" if number % 2 else "hours",
                occurred_at=datetime.fromisoformat(moment),
            )
        )

    lines = logged_in(wang).get(STATEMENT, asked).json()["results"]

    shown = [line["occurred_at"].replace("Z", "+00:00") for line in reversed(lines)]
    assert shown == found


@pytest.mark.parametrize(
    ("ending", "name", "day"),
    [
        ("", "since", "2024-02-30"),
        ("", "until", "yesterday"),
        (".csv", "since", "03/01/2024"),
        (".xlsx", "until", "2024-03-01T00:00"),
    ],
)
def test_a_day_that_is_none_is_refused(wang, logged_in, ending, name, day):
    response = logged_in(wang).get(f"{STATEMENT}{ending}", {name: day})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert list(response.json()["errors"]) == [name]


def test_a_longer_page_of_a_statement_asks_the_database_no_more(wang, earn, logged_in):
    client = logged_in(wang)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert client.get(STATEMENT).status_code == 200
        return len(asked)

    ledger.post(earn)
    few = queries()
    for number in range(15):
        ledger.post(replace(earn, key=f"event:{number}"))

    assert queries() == few


# --- why --------------------------------------------------------------------------------------
def test_an_award_explains_itself_to_who_earned_it(lake, wang, zhao, served, logged_in):
    attendance = served(wang, "2024-03-01 07:30", "2024-03-01 10:00", "交通劝导")
    _, award = hours.verify(attendance=attendance, verifier=zhao)
    rule = Rule.objects.get(category="交通劝导")

    response = logged_in(wang).get(f"/api/v1/me/transfers/{award.transfer_id}")

    assert response.status_code == 200
    assert response.json() == {
        "id": str(award.transfer_id),
        "community": brief(lake),
        "amount": 32,
        "reason": "hours",
        "source": f"hours:{attendance.pk}",
        "about": {"words": "交通劝导", "ids": {"attendance_id": str(attendance.pk)}},
        "occurred_at": "2024-03-01T02:00:00Z",
        "posted_at": iso(award.transfer.posted_at),
        "expires_on": award.transfer.expires_on.isoformat(),
        "explanation": {
            "kind": {"name": "hours", "inputs": 1},
            "rule": {
                "id": str(rule.pk),
                "subject": "hours",
                "category": "交通劝导",
                "version": 1,
            },
            "inputs": {
                "category": "交通劝导",
                "checked_in_at": "2024-02-29T23:30:00+00:00",
                "checked_out_at": "2024-03-01T02:00:00+00:00",
                "timezone": "Asia/Shanghai",
            },
            "arithmetic": {
                "minutes": 150,
                "peak_minutes": 90,
                "peak_multiplier_bp": 15000,
                "weighted_minutes_bp": 60 * 10000 + 90 * 15000,
                "points_per_hour": 10,
                "points_before_cap": 32,
                "daily_cap_points": 90,
                "awarded_that_day": 0,
                "points": 32,
            },
            "expiry": {
                "served_on": "2024-03-01",
                "policy": "end_of_next_year",
                "months": None,
                "posted_on": lake.today.isoformat(),
                "at_least_days": 90,
                "expires_on": award.transfer.expires_on.isoformat(),
            },
        },
        "reckoning": [
            "服务分钟数：150。",
            "其中高峰时段 90 分钟按 1.5 倍计，合计 195 分钟。",
            "每小时 10 积分：10 × 195 ÷ 60 = 32.5，舍去零头得 32。",
            "按规则每天最多得 90 积分；当天已得 0 积分，还剩 90 积分。",
            "得 32 积分。",
        ],
        "award": {
            "source": f"hours:{attendance.pk}",
            "local_day": "2024-03-01",
            "unit": "points",
            "amount": 32,
            "awarded_at": iso(award.awarded_at),
        },
        "rule_version": {
            "rule_id": str(rule.pk),
            "subject": "hours",
            "category": "交通劝导",
            "place": {"code": "lake", "name": "碧沙湖社区"},
            "number": 1,
            "parameters": RuleVersion.objects.get(rule=rule).parameters,
            "valid_from": "2020-01-01",
            "valid_to": None,
        },
        "reversals": [],
        "reverses": None,
    }


def test_what_i_spent_is_explained_too(wang, earn, spend, logged_in):
    ledger.post(earn)
    spent = ledger.post(replace(spend, explanation={"offer": "一壶茶"}))

    body = logged_in(wang).get(f"/api/v1/me/transfers/{spent.pk}").json()

    assert (body["amount"], body["explanation"]) == (-30, {"offer": "一壶茶"})
    assert (body["award"], body["rule_version"], body["reverses"]) == (None, None, None)


def test_what_was_taken_back_says_how_much_and_what_is_still_owed(
    lake, wang, earn, spend, logged_in
):
    earned = ledger.post(earn)
    ledger.post(spend)
    reversal = ledger.reverse(
        community_id=lake.pk,
        transfer_id=earned.pk,
        key="void:1",
        reason="reversal",
        source="undo:void:1",
        amount=90,
    )
    client = logged_in(wang)

    body = client.get(f"/api/v1/me/transfers/{earned.pk}").json()

    assert body["amount"] == 100
    assert body["reversals"] == [
        {
            "id": str(reversal.pk),
            "amount": 90,
            "recovered": 70,
            "outstanding": 20,
            "reason": "reversal",
            "requested_at": iso(Reversal.objects.get().requested_at),
        }
    ]
    taken = Transfer.objects.get(reverses=earned.pk)
    body = client.get(f"/api/v1/me/transfers/{taken.pk}").json()
    assert (body["amount"], body["reversals"]) == (-70, [])
    assert body["reverses"] == {
        "id": str(earned.pk),
        "amount": 100,
        "reason": "hours",
        "source": "hours:1",
        "occurred_at": iso(earned.occurred_at),
        "posted_at": iso(earned.posted_at),
    }


# --- proof ------------------------------------------------------------------------------------
def test_what_is_not_sealed_yet_can_not_be_proved_yet(wang, earn, logged_in):
    earned = ledger.post(earn)

    response = logged_in(wang).get(f"/api/v1/me/transfers/{earned.pk}/proof")

    assert (response.status_code, response.json()["code"]) == (409, "not_sealed_yet")


def test_what_is_sealed_is_proved_to_both_sides_of_it(
    lake, wang, li, earn, grant_points, logged_in
):
    earned = ledger.post(earn)
    gift = ledger.post(
        replace(earn, debit=earn.credit, credit=grant_points(li, 1), key="gift:1", amount=5)
    )
    (seal,) = sealing.seal(community=lake)

    response = logged_in(wang).get(f"/api/v1/me/transfers/{earned.pk}/proof")

    assert response.status_code == 200
    receipt = response.json()
    assert receipt == sealing.receipt(earned)
    assert receipt["head"] == bytes(seal.head).hex()
    assert f'"id": "{earned.pk}"' in receipt["leaf"]
    for user in (wang, li):
        proof = logged_in(user).get(f"/api/v1/me/transfers/{gift.pk}/proof").json()
        assert proof == sealing.receipt(gift)


@pytest.mark.parametrize("address", ["", "/proof"])
def test_somebody_elses_transfer_is_unknown_to_me(
    lake, wang, li, zhao, earn, grant_points, logged_in, address
):
    ledger.post(earn)
    grant_points(li, 7)
    hers = Transfer.objects.get(amount=7)
    sealing.seal(community=lake)

    # To staff as well: under "me" there is only what is one's own.
    for user, transfer_id in [(wang, hers.pk), (wang, new_id()), (zhao, hers.pk)]:
        response = logged_in(user).get(f"/api/v1/me/transfers/{transfer_id}{address}")
        assert (response.status_code, response.json()["code"]) == (404, "transfer_unknown")


@pytest.mark.parametrize(
    "address",
    [
        "wallets",
        "wallets/lake",
        "wallets/lake/transfers",
        "wallets/lake/transfers.csv",
        "wallets/lake/transfers.xlsx",
        "transfers/01900000-0000-7000-8000-000000000000",
        "transfers/01900000-0000-7000-8000-000000000000/proof",
    ],
)
def test_every_address_of_mine_asks_for_a_log_in(lake, address):
    response = APIClient().get(f"/api/v1/me/{address}")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
