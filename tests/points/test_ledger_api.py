"""Wallets and statements for their owners, the books for staff and auditors."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from backend.communities.models import Role
from backend.communities.services import places
from backend.ids import new_id
from points.models import AccountKind, Rule, Transfer
from points.services import ledger
from volunteers.models import Volunteer
from volunteers.services import hours, people


@pytest.fixture
def auditor(lake, person):
    user = person("qian", "钱审计")
    places.grant(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def spend(lake):
    """Takes points out of somebody's wallet: ``spend(wang, 30)``."""

    def take(user, amount):
        return ledger.post(spending(user, amount))

    def spending(user, amount):
        return ledger.Movement(
            debit=ledger.wallet(community=lake, person_id=user.pk),
            credit=ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1"),
            amount=amount,
            key=f"spend:{new_id()}",
            reason="redemption",
            source="redemption:1",
            explanation={"offer": "一壶茶"},
        )

    take.movement = spending
    return take


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def brief(community):
    return {"id": str(community.pk), "code": community.code, "name": community.name}


# --- wallets ----------------------------------------------------------------------------------
def test_wallets_are_one_for_each_community_where_i_volunteer(
    lake, hill, wang, li, grant_points, spend, logged_in
):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    grant_points(wang, 100)
    grant_points(li, 7)
    spend(wang, 30)
    ledger.hold(spend.movement(wang, 20), lifetime=timedelta(hours=1))

    response = logged_in(wang).get("/api/v1/me/wallets")

    assert response.status_code == 200
    at_the_hill = {"community": brief(hill), "balance": 0, "held": 0, "available": 0}
    at_the_lake = {"community": brief(lake), "balance": 70, "held": 20, "available": 50}
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [at_the_hill, at_the_lake],
    }
    assert logged_in(wang).get("/api/v1/me/wallets/lake").json() == at_the_lake
    assert logged_in(wang).get("/api/v1/me/wallets/hill").json() == at_the_hill


@pytest.mark.parametrize("address", ["me/wallets/{}", "me/wallets/{}/transfers"])
@pytest.mark.parametrize("code", ["hill", "nowhere", "邻里"])
def test_where_i_do_not_volunteer_i_have_no_wallet(wang, hill, logged_in, address, code):
    response = logged_in(wang).get(f"/api/v1/{address.format(code)}")

    assert (response.status_code, response.json()["code"]) == (404, "community_unknown")


# --- statements -------------------------------------------------------------------------------
def test_a_statement_says_what_came_in_and_went_out_newest_first(
    wang, li, grant_points, spend, logged_in
):
    grant_points(wang, 100)
    grant_points(li, 7)
    spent = spend(wang, 30)
    gift = Transfer.objects.get(amount=100)

    response = logged_in(wang).get("/api/v1/me/wallets/lake/transfers")

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(spent.pk),
                "amount": -30,
                "reason": "redemption",
                "source": "redemption:1",
                "occurred_at": iso(spent.occurred_at),
                "posted_at": iso(spent.posted_at),
            },
            {
                "id": str(gift.pk),
                "amount": 100,
                "reason": "gift",
                "source": "",
                "occurred_at": iso(gift.occurred_at),
                "posted_at": iso(gift.posted_at),
            },
        ],
    }


def test_who_never_earned_anything_has_an_empty_statement(wang, logged_in):
    response = logged_in(wang).get("/api/v1/me/wallets/lake/transfers")

    assert (response.status_code, response.json()["results"]) == (200, [])


def test_an_award_explains_itself_to_who_earned_it(lake, wang, zhao, served, logged_in):
    attendance = served(wang, "2024-03-01 07:30", "2024-03-01 10:00", "交通劝导")
    _, award = hours.verify(attendance=attendance, verifier=zhao)

    response = logged_in(wang).get(f"/api/v1/me/transfers/{award.transfer_id}")

    assert response.status_code == 200
    assert response.json() == {
        "id": str(award.transfer_id),
        "community": brief(lake),
        "amount": 32,
        "reason": "hours",
        "source": f"hours:{attendance.pk}",
        "occurred_at": "2024-03-01T02:00:00Z",
        "posted_at": iso(award.transfer.posted_at),
        "explanation": {
            "rule": {
                "id": str(Rule.objects.get(category="交通劝导").pk),
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
        },
    }


def test_what_i_spent_is_explained_too(wang, grant_points, spend, logged_in):
    grant_points(wang, 100)
    spent = spend(wang, 30)

    body = logged_in(wang).get(f"/api/v1/me/transfers/{spent.pk}").json()

    assert (body["amount"], body["explanation"]) == (-30, {"offer": "一壶茶"})


def test_somebody_elses_transfer_is_unknown_to_me(wang, li, zhao, grant_points, logged_in):
    grant_points(wang, 100)
    grant_points(li, 7)
    hers = Transfer.objects.get(amount=7)

    # To staff as well: under "me" there is only what is one's own.
    for user, transfer_id in [(wang, hers.pk), (wang, new_id()), (zhao, hers.pk)]:
        response = logged_in(user).get(f"/api/v1/me/transfers/{transfer_id}")
        assert (response.status_code, response.json()["code"]) == (404, "transfer_unknown")


# --- the books --------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [Role.STAFF, Role.MANAGER, Role.AUDITOR])
def test_the_totals_of_a_community_are_zero_together(
    lake, person, wang, grant_points, spend, logged_in, role
):
    reader = person("qian")
    places.grant(user=reader, community=lake, role=role)
    grant_points(wang, 100)
    spend(wang, 30)

    response = logged_in(reader).get("/api/v1/communities/lake/accounts/totals")

    assert response.status_code == 200
    assert response.json() == {
        "unit": "points",
        "totals": {
            "wallet": 70,
            "fund": 0,
            "issuance": -100,
            "merchant": 30,
            "settled": 0,
            "expired": 0,
            "pool": 0,
            "payout": 0,
        },
        "sum": 0,
    }


def test_the_books_name_no_person(lake, wang, auditor, grant_points, spend, logged_in):
    grant_points(wang, 100)
    spent = spend(wang, 30)
    gift = Transfer.objects.get(amount=100)

    response = logged_in(auditor).get("/api/v1/communities/lake/transfers")

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(spent.pk),
                "debit": {"kind": "wallet", "holder": f"person:{wang.pk}"},
                "credit": {"kind": "merchant", "holder": "merchant:1"},
                "amount": 30,
                "reason": "redemption",
                "source": "redemption:1",
                "occurred_at": iso(spent.occurred_at),
                "posted_at": iso(spent.posted_at),
            },
            {
                "id": str(gift.pk),
                "debit": {"kind": "issuance", "holder": ""},
                "credit": {"kind": "wallet", "holder": f"person:{wang.pk}"},
                "amount": 100,
                "reason": "gift",
                "source": "",
                "occurred_at": iso(gift.occurred_at),
                "posted_at": iso(gift.posted_at),
            },
        ],
    }


def test_the_books_can_be_narrowed_down_to_a_reason(wang, auditor, grant_points, spend, logged_in):
    grant_points(wang, 100)
    spent = spend(wang, 30)
    client = logged_in(auditor)

    def found(reason):
        body = client.get("/api/v1/communities/lake/transfers", {"reason": reason}).json()
        return [row["id"] for row in body["results"]]

    assert found("redemption") == [str(spent.pk)]
    assert found("hours") == []


@pytest.mark.parametrize("address", ["accounts/totals", "transfers"])
def test_the_books_are_closed_to_everybody_else(lake, hill, wang, person, logged_in, address):
    next_door = person("sun", "孙社工")
    places.grant(user=next_door, community=hill, role=Role.STAFF)

    for user, code in [(wang, "lake"), (next_door, "lake"), (next_door, "nowhere")]:
        response = logged_in(user).get(f"/api/v1/communities/{code}/{address}")
        assert (response.status_code, response.json()["code"]) == (404, "community_unknown")


def test_a_longer_page_of_the_books_asks_the_database_no_more(
    wang, auditor, grant_points, spend, logged_in
):
    client = logged_in(auditor)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/api/v1/communities/lake/transfers").status_code == 200
        return len(asked)

    grant_points(wang, 100)
    few = queries()
    for _ in range(5):
        spend(wang, 1)

    assert queries() == few


@pytest.mark.parametrize(
    "address",
    [
        "me/wallets",
        "me/wallets/lake",
        "me/wallets/lake/transfers",
        "me/transfers/01900000-0000-7000-8000-000000000000",
        "communities/lake/accounts/totals",
        "communities/lake/transfers",
    ],
)
def test_every_address_of_the_ledger_asks_for_a_log_in(lake, address):
    response = APIClient().get(f"/api/v1/{address}")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
