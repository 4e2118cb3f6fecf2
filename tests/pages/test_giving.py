"""Wishes of neighbours and points given back, at ``/me/``."""

from uuid import uuid4

import pytest

from backend.communities.models import Role
from backend.communities.services import roles
from merchants.giving.services import campaigns, wishes
from merchants.models import Donation, Listing, Wish
from merchants.partners.services import listings
from tests.pages.conftest import text_of


@pytest.fixture
def wish(lake, rich, zhao) -> Wish:
    """Wang's wish, published for 50 points."""
    proposed = wishes.propose(volunteer=rich, community=lake, text="一副手套")
    return wishes.decide(wish=proposed, accept=True, by=zhao, price_points=50)


@pytest.fixture
def elders(lake, zhao):
    """助老: what points are collected for at the lake."""
    return campaigns.open_campaign(community=lake, title="助老", description="送米上门", by=zhao)


def form(act, **fields):
    return {"act": act, "key": str(uuid4()), **fields}


# --- wishes -------------------------------------------------------------------------------------
def test_a_wish_is_proposed_and_takes_the_place_of_the_next(pocket, rich):
    client = pocket(rich)

    client.post("/me/wishes", form("propose", community="lake", text="一副手套"))

    answer = client.get("/me/wishes")
    assert "一副手套" in text_of(answer)
    assert "<textarea" not in answer.content.decode()


def test_a_wish_without_words_is_refused_beside_its_field(pocket, rich):
    answer = pocket(rich).post("/me/wishes", form("propose", community="lake", text=" "))

    assert answer.status_code == 400
    assert 'class="wrong"' in answer.content.decode()


def test_a_wish_stands_once_among_mine_and_once_among_neighbours(pocket, wish, rich, li):
    ours, theirs = (text_of(pocket(one).get("/me/wishes")) for one in (rich, li))

    assert ours.count("一副手套") == theirs.count("一副手套") == 1
    assert ours.index("一副手套") < ours.index("邻里的微心愿")
    assert theirs.index("一副手套") > theirs.index("邻里的微心愿")


def test_a_neighbour_fulfils_a_wish_and_is_thanked(pocket, wish, rich, li):
    address = f"/me/wishes/{wish.pk}"
    assert "王" not in text_of(pocket(li).get(address))

    pocket(li).post(address, form("adopt"))
    assert "您已认领" in text_of(pocket(li).get(address))
    pocket(rich).post(address, form("thank", text="很暖和"))

    assert "很暖和" in text_of(pocket(li).get(address))
    assert "50 可用积分" in text_of(pocket(rich).get("/me/wallet"))


def test_a_neighbour_who_can_not_fulfil_a_wish_releases_it(pocket, wish, li):
    address = f"/me/wishes/{wish.pk}"
    pocket(li).post(address, form("adopt"))

    pocket(li).post(address, form("release"))

    wish.refresh_from_db()
    assert wish.status == Wish.Status.PUBLISHED


def test_my_wish_is_withdrawn(pocket, wish, rich):
    pocket(rich).post(f"/me/wishes/{wish.pk}", form("withdraw"))

    wish.refresh_from_db()
    assert wish.status == Wish.Status.WITHDRAWN


def test_a_wish_of_a_community_where_i_do_not_volunteer_is_not_found(pocket, wish, person):
    assert pocket(person("sun")).get(f"/me/wishes/{wish.pk}").status_code == 404


# --- giving back --------------------------------------------------------------------------------
def test_points_are_given_for_good_and_are_listed(pocket, rich, elders):
    client = pocket(rich)
    assert "助老" in text_of(client.get("/me/giving"))
    address = f"/me/giving/{elders.pk}"
    assert "不能退回" in text_of(client.get(address))

    client.post(address, form("donate", points="40"))

    assert Donation.objects.get().points == 40
    assert "我有 60 积分" in text_of(client.get(address))
    assert "助老 40 积分" in text_of(client.get("/me/giving/donations"))


def test_more_points_than_there_are_are_not_given(pocket, rich, elders):
    answer = pocket(rich).post(f"/me/giving/{elders.pk}", form("donate", points="101"))

    assert answer.status_code == 409
    assert "积分不足" in answer.content.decode()


def test_a_campaign_says_what_its_points_were_spent_on(pocket, rich, zhao, elders):
    campaigns.donate(campaign=elders, volunteer=rich, amount=40)
    campaigns.disburse(campaign=elders, amount=30, reason="大米两袋", by=zhao)
    campaigns.close_campaign(campaign=elders, by=zhao)

    answer = pocket(rich).get(f"/me/giving/{elders.pk}")

    assert "大米两袋 30" in text_of(answer)
    assert 'name="points"' not in answer.content.decode()
    assert "助老" not in text_of(pocket(rich).get("/me/giving"))


def test_a_campaign_where_i_do_not_belong_is_not_found(pocket, person, elders):
    assert pocket(person("sun")).get(f"/me/giving/{elders.pk}").status_code == 404


def test_staff_who_read_a_campaign_have_no_points_to_give(pocket, person, lake, elders):
    staff = person("sun")
    roles.give(user=staff, community=lake, role=Role.STAFF)

    assert 'name="points"' not in pocket(staff).get(f"/me/giving/{elders.pk}").content.decode()


# --- what shops need and lend -------------------------------------------------------------------
def test_what_shops_need_and_what_they_lend_are_lists_of_their_own(pocket, rich, tea_house, zhou):
    for kind, title in ((Listing.Kind.NEED, "门前清扫"), (Listing.Kind.RESOURCE, "会议室")):
        listings.add(partnership=tea_house, kind=kind, title=title, description="", by=zhou)
    client = pocket(rich)

    needed, lent = (text_of(client.get(f"/me/{listed}")) for listed in ("needs", "resources"))

    assert "门前清扫 茶馆" in needed
    assert "会议室" not in needed
    assert "会议室 茶馆" in lent
