"""Points given back: into a pool, out of it in public, and never more than there is."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from backend.accounts import ages
from backend.accounts.errors import GuardianConsentRequired
from backend.accounts.services import profile
from merchants.giving import errors, selectors
from merchants.giving.services import campaigns
from merchants.models import Campaign, Disbursement
from points.ledger import selectors as points
from points.ledger.errors import InsufficientPoints

KEY = {"Idempotency-Key": "k1"}


@pytest.fixture
def elders(lake, zhao) -> Campaign:
    """助老: what points are collected for at the lake."""
    return campaigns.open_campaign(community=lake, title="助老", by=zhao)


def test_what_is_given_is_in_the_pool_until_it_is_spent(lake, elders, wang, li, zhao, grant_points):
    for who, amount in ((wang, 30), (li, 12)):
        grant_points(who, 40)
        campaigns.donate(campaign=elders, volunteer=who, amount=amount)
    campaigns.disburse(campaign=elders, amount=25, reason="送米", by=zhao)

    assert selectors.pool_of(elders) == 17
    totals = points.totals_by_kind(lake)
    assert (totals["pool"], totals["settled"], totals["wallet"]) == (17, 25, 38)


def test_more_than_there_is_is_not_spent(elders, wang, zhao, grant_points):
    grant_points(wang, 30)
    campaigns.donate(campaign=elders, volunteer=wang, amount=30)

    with pytest.raises(errors.PoolTooSmall) as refused:
        campaigns.disburse(campaign=elders, amount=31, reason="送米", by=zhao)
    assert refused.value.facts == {"left": 30}
    spent = campaigns.disburse(campaign=elders, amount=30, reason="送米", by=zhao)
    with pytest.raises(IntegrityError, match="more than it was given"), transaction.atomic():
        Disbursement.objects.create(
            community=elders.community,
            campaign=elders,
            points=1,
            reason="x",
            disbursed_by=zhao,
            transfer_id=spent.transfer_id,
        )


@pytest.mark.django_db(transaction=True)
def test_the_pool_is_not_spent_twice(elders, wang, zhao, grant_points, at_once):
    grant_points(wang, 30)
    campaigns.donate(campaign=elders, volunteer=wang, amount=30)

    outcomes = at_once(
        8, lambda _: campaigns.disburse(campaign=elders, amount=10, reason="送米", by=zhao).points
    )

    assert Counter(outcomes) == {10: 3, "pool_too_small": 5}


def test_nobody_gives_what_they_do_not_have(elders, wang, li, grant_points):
    grant_points(wang, 5)
    for who in (wang, li):
        with pytest.raises(InsufficientPoints):
            campaigns.donate(campaign=elders, volunteer=who, amount=6)


def test_a_child_gives_with_a_guardians_consent(elders, wang, grant_points):
    grant_points(wang, 5)
    profile.change(user=wang, born_on=ages.today() - timedelta(days=4_000))
    wang.refresh_from_db()

    with pytest.raises(GuardianConsentRequired):
        campaigns.donate(campaign=elders, volunteer=wang, amount=5)


def test_a_closed_campaign_takes_no_more_and_spends_what_it_has(elders, wang, zhao, grant_points):
    grant_points(wang, 10)
    campaigns.donate(campaign=elders, volunteer=wang, amount=5)
    first = campaigns.close_campaign(campaign=elders, by=zhao)
    assert campaigns.close_campaign(campaign=elders, by=zhao).closed_at == first.closed_at

    with pytest.raises(errors.CampaignClosed):
        campaigns.donate(campaign=first, volunteer=wang, amount=5)
    assert campaigns.disburse(campaign=first, amount=5, reason="送米", by=zhao)


def test_two_campaigns_of_one_name_are_not_told_apart(lake, elders, zhao):
    with pytest.raises(errors.CampaignTitleTaken):
        campaigns.open_campaign(community=lake, title="助老", by=zhao)


def test_what_is_promised_is_not_given_yet(lake, tea_house, zhao):
    with pytest.raises(errors.GivenLater):
        campaigns.sponsor(
            partnership=tea_house, text="水", given_on=lake.today + timedelta(days=1), by=zhao
        )


@pytest.mark.parametrize("table", ["donation", "disbursement", "sponsorship", "campaign"])
def test_what_was_given_stays(lake, elders, tea_house, wang, zhao, grant_points, table):
    grant_points(wang, 10)
    campaigns.donate(campaign=elders, volunteer=wang, amount=5)
    campaigns.disburse(campaign=elders, amount=5, reason="送米", by=zhao)
    campaigns.sponsor(partnership=tea_house, text="水", given_on=lake.today, by=zhao)

    with (
        pytest.raises(DatabaseError, match="Cannot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM merchants_{table}")


def test_giving_back_over_http(lake, wang, zhao, tea_house, grant_points, logged_in):
    phone, desk = logged_in(wang), logged_in(zhao)
    grant_points(wang, 50)
    opened = desk.post("/api/v1/communities/lake/campaigns", {"title": "助老"})
    assert opened.status_code == 201
    campaign = opened.json()
    address = f"/api/v1/campaigns/{campaign['id']}"

    given = [phone.post(f"{address}/donations", {"points": 40}, headers=KEY) for _ in range(2)]
    assert [answer.json() for answer in given] == [given[0].json()] * 2
    spent = desk.post(f"{address}/disbursements", {"points": 15, "reason": "送米"}, headers=KEY)

    assert (given[0].status_code, spent.status_code) == (201, 201)
    assert phone.get("/api/v1/me/donations").json()["results"] == [given[0].json()]
    assert phone.get(f"{address}/disbursements").json()["results"] == [spent.json()]
    now = campaign | {"donated_points": 40, "disbursed_points": 15}
    assert phone.get("/api/v1/campaigns?community=lake").json()["results"] == [now]
    there = "/api/v1/communities/lake/campaigns"
    assert desk.get(f"{there}?is_open=true&text=老").json()["results"] == [now]
    assert desk.get(f"{there}?is_open=false").json()["results"] == []
    closed = desk.post(f"{address}/close")
    assert closed.json() == now | {"closed_at": closed.json()["closed_at"]}
    late = phone.post(f"{address}/donations", {"points": 1}, headers={"Idempotency-Key": "k2"})
    assert (late.status_code, late.json()["code"]) == (409, "campaign_closed")

    water = {"text": "一百瓶水", "value_fen": 20_000, "given_on": lake.today.isoformat()}
    put = desk.post(
        "/api/v1/communities/lake/sponsorships", water | {"partnership_id": str(tea_house.pk)}
    )
    assert put.status_code == 201
    assert put.json() == water | {
        "id": put.json()["id"],
        "merchant": {"id": str(tea_house.merchant_id), "name": "茶馆"},
    }
    listed = phone.get("/api/v1/communities/lake/sponsorships").json()["results"]
    assert listed == [put.json()]
