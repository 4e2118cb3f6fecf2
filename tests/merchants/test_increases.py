"""Increases of what the community owes take a second person, above a limit."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from backend.audit.models import AuditEntry
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from merchants.catalogue.errors import OfferRaisedAlone, OfferStatusWrong, OwnOffer, StaffWithdrewIt
from merchants.catalogue.services import offers as catalogue
from merchants.giving.errors import OwnWish
from merchants.giving.services import wishes
from merchants.models import Increase, Offer, Partnership, Terms
from merchants.partners.errors import IncreaseDecided, OwnIncrease
from merchants.partners.services import increases
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from volunteers.models import Volunteer
from volunteers.people.services import people

Status, Kind = Increase.Status, Terms.Kind


@pytest.fixture
def qian(lake, person):
    """钱社工, another of the lake's staff."""
    user = person("qian", "钱社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def limit(lake):
    """Set what one person may raise alone there: ``limit(500)``."""

    def to(fen):
        Community.objects.filter(pk=lake.pk).update(alone_limit_fen=fen)

    return to


@pytest.fixture
def proposed(tea_house, zhou) -> Offer:
    """A cake worth 20 yuan, three of them, that nobody has listed."""
    return catalogue.propose(
        partnership=tea_house,
        by=zhou,
        code="CAKE",
        title="蛋糕",
        price_points=20,
        value_fen=2_000,
        stock=3,
    )


def dear(tea, zhao, **facts):
    return catalogue.change(offer=tea, by=zhao, **(facts or {"price_points": 31}))


@pytest.mark.parametrize(
    ("last", "new", "is_raise"),
    [
        (None, {"kind": Kind.DONATED}, False),
        (None, {"kind": Kind.PER_POINT, "fen_per_point": 1}, True),
        ({"kind": Kind.PER_POINT, "fen_per_point": 10}, {"kind": Kind.DONATED}, False),
        *(
            (
                {"kind": Kind.PER_POINT, "fen_per_point": 10},
                {"kind": Kind.PER_POINT, "fen_per_point": fen},
                is_raise,
            )
            for fen, is_raise in ((9, False), (10, False), (11, True))
        ),
        *(
            (
                {"kind": Kind.SHARE, "share_bp": 5_000},
                {"kind": Kind.SHARE, "share_bp": bp},
                is_raise,
            )
            for bp, is_raise in ((4_999, False), (5_000, False), (5_001, True))
        ),
        ({"kind": Kind.PER_POINT, "fen_per_point": 10}, {"kind": Kind.PER_PIECE}, True),
        ({"kind": Kind.DONATED}, {"kind": Kind.SHARE, "share_bp": 1}, True),
    ],
)
def test_which_terms_may_cost_more(last, new, is_raise):
    assert partners.may_cost_more(last and Terms(**last), Terms(**new)) is is_raise


@pytest.mark.parametrize(
    ("facts", "amount_fen"),
    [
        ({"price_points": 31}, 10 * 5),  # the contract's 10 fen a point, five pieces
        ({"price_points": 29}, None),
        ({"value_fen": 700}, 700 * 5),
        ({"settled_fen": 1}, 5),
        ({"value_fen": 700, "settled_fen": 900, "price_points": 31}, 900 * 5),
        ({"title": "一壶好茶", "min_hours": 2}, None),
        ({"price_points": 31, "title": "一壶好茶"}, 10 * 5),
    ],
)
def test_a_dearer_offer_waits_for_somebody_else(tea, zhao, qian, facts, amount_fen):
    asked = catalogue.change(offer=tea, by=zhao, **facts)

    tea.refresh_from_db()
    if amount_fen is None:
        assert isinstance(asked, Offer)
        return
    assert (asked.status, asked.amount_fen) == (Status.PENDING, amount_fen)
    assert (tea.price_points, tea.value_fen, tea.settled_fen) == (30, None, None)
    for _ in range(2):
        increases.decide(increase=asked, accept=True, by=qian)
    tea.refresh_from_db()
    assert {name: getattr(tea, name) for name in facts} == facts


def test_conditions_with_days_and_groups_are_confirmed_as_they_were_asked(tea, zhao, qian, lake):
    facts = {
        "price_points": 40,
        "kind": "seat",
        "starts_at": (timezone.now() + timedelta(days=9)).replace(microsecond=0),
        "valid_from": lake.today,
        "valid_until": None,
        "groups": ["rider", "courier"],
    }
    asked = catalogue.change(offer=tea, by=zhao, **facts)

    increases.decide(increase=Increase.objects.get(pk=asked.pk), accept=True, by=qian)

    tea.refresh_from_db()
    assert {name: getattr(tea, name) for name in facts} == facts


def test_held_vouchers_count_for_they_may_come_back(tea, zhao, wang, grant_points):
    grant_points(wang, 60)
    redemption.take(offer=tea, volunteer=wang, quantity=2)
    tea.refresh_from_db()

    assert tea.stock == 3
    assert dear(tea, zhao).amount_fen == 10 * 5


def test_a_rate_that_is_still_to_come_counts(tea, tea_house, lake, zhao, by_two):
    tomorrow = lake.today + timedelta(days=1)
    by_two(
        partners.agree(
            partnership=tea_house,
            kind=Kind.PER_POINT,
            fen_per_point=1_000,
            valid_from=tomorrow,
            by=zhao,
        )
    )

    assert dear(tea, zhao).amount_fen == 1_000 * 5


@pytest.mark.parametrize(("fen", "alone"), [(49, False), (50, True)])
def test_up_to_the_limit_one_person_does_it_alone(tea, zhao, limit, fen, alone):
    limit(fen)

    done = dear(tea, zhao)

    tea.refresh_from_db()
    assert isinstance(done, Offer) is alone
    assert tea.price_points == (31 if alone else 30)
    assert Increase.objects.get().status == (Status.ALONE if alone else Status.PENDING)


@pytest.mark.parametrize(
    ("ago", "left"),
    [
        (timedelta(days=30) - timedelta(seconds=30), False),
        (timedelta(days=30) + timedelta(seconds=1), True),
    ],
)
def test_what_one_person_raised_alone_within_30_days_counts(
    tea, tea_house, zhao, qian, lake, limit, ago, left
):
    limit(50)
    Increase.objects.create(
        community=lake,
        kind=Increase.Kind.PRICE,
        partnership=tea_house,
        subject_id=tea.pk,
        amount_fen=1,
        status=Status.ALONE,
        asked_by=zhao,
        asked_at=timezone.now() - ago,
    )

    assert isinstance(dear(tea, zhao), Offer) is left
    assert isinstance(dear(tea, qian), Offer)  # theirs is their own


def test_what_another_confirms_afterwards_counts_no_more(tea, zhao, qian, limit, chen):
    limit(50)
    dear(tea, zhao)
    with pytest.raises(OfferRaisedAlone):
        catalogue.restock(offer=tea, change=1, reason="", by=chen)
    alone = Increase.objects.get()
    with pytest.raises(IncreaseDecided):
        increases.decide(increase=alone, accept=False, by=qian)

    increases.decide(increase=alone, accept=True, by=qian)

    tea.refresh_from_db()
    assert isinstance(dear(tea, zhao, price_points=32), Offer)
    assert tea.price_points == 31
    with pytest.raises(OfferRaisedAlone):
        catalogue.restock(offer=tea, change=1, reason="", by=chen)
    catalogue.restock(offer=tea, change=-1, reason="坏了", by=chen)


def test_terms_are_above_every_limit(tea_house, lake, zhao, limit):
    limit(2**40)

    asked = partners.agree(
        partnership=tea_house, kind=Kind.PER_POINT, fen_per_point=11, valid_from=lake.today, by=zhao
    )

    assert (asked.status, asked.amount_fen) == (Status.PENDING, None)


@pytest.mark.parametrize(("fen", "alone"), [(2_999, False), (3_000, True)])
def test_what_a_wish_is_worth_counts_once(lake, wang, zhao, grant_points, limit, fen, alone):
    limit(fen)
    wish = wishes.propose(volunteer=wang, community=lake, text="一本书")

    wishes.decide(wish=wish, accept=True, price_points=1, value_fen=3_000, by=zhao)

    wish.refresh_from_db()
    assert wish.status == ("published" if alone else "proposed")


# --- listing ----------------------------------------------------------------------------------
def test_what_a_listed_piece_is_worth_takes_two(proposed, zhao, qian):
    asked = catalogue.decide(offer=proposed, accept=True, by=zhao)
    assert (asked.status, asked.amount_fen) == (Status.PENDING, 2_000 * 3)

    increases.decide(increase=asked, accept=True, by=qian)

    proposed.refresh_from_db()
    assert (proposed.status, proposed.decided_by) == ("listed", zhao)


def test_what_its_owner_changes_goes_back_for_listing(tea, zhou, zhao, wang, grant_points):
    grant_points(wang, 90)
    changed = catalogue.amend(offer=tea, by=zhou, price_points=20)
    assert (changed.status, changed.proposed_by) == ("proposed", zhou)
    with pytest.raises(OwnOffer):
        catalogue.decide(offer=tea, accept=True, by=zhou)

    assert catalogue.decide(offer=tea, accept=True, by=zhao).status == "listed"  # it is cheaper

    catalogue.amend(offer=tea, by=zhou, price_points=31)
    asked = catalogue.decide(offer=tea, accept=True, by=zhao)
    assert (asked.kind, asked.amount_fen) == ("listing", 11 * 10 * 5)  # than as it was listed


def test_what_was_asked_to_be_listed_is_not_another_thing_by_then(proposed, zhou, zhao, qian):
    asked = catalogue.decide(offer=proposed, accept=True, by=zhao)
    catalogue.amend(offer=proposed, by=zhou, value_fen=100_000_000)

    with pytest.raises(IncreaseDecided):
        increases.decide(increase=asked, accept=True, by=qian)

    proposed.refresh_from_db()
    assert proposed.status == "proposed"


def test_an_owner_changes_neither_what_was_rejected_nor_what_staff_took_off(
    tea, proposed, zhou, zhao
):
    catalogue.decide(offer=proposed, accept=False, by=zhao)
    with pytest.raises(OfferStatusWrong):
        catalogue.amend(offer=proposed, by=zhou, price_points=1)
    catalogue.set_listed(offer=tea, is_listed=False, by=zhao)
    with pytest.raises(StaffWithdrewIt):
        catalogue.amend(offer=tea, by=zhou, price_points=1)


@pytest.mark.parametrize("ended", ["withdrawn", "rejected", "published for points", "left"])
def test_what_was_asked_about_a_wish_that_was_decided_or_withdrawn_is_dropped(
    lake, wang, zhao, qian, ended
):
    wish = wishes.propose(volunteer=wang, community=lake, text="一本书")
    asked = wishes.decide(wish=wish, accept=True, price_points=1, value_fen=3_000, by=zhao)

    if ended == "withdrawn":
        wishes.withdraw(wish=wish)
    elif ended == "left":
        people.leave(volunteer=Volunteer.objects.get(user=wang))
    else:
        price = {"price_points": 1} if ended == "published for points" else {}
        wishes.decide(wish=wish, accept=bool(price), by=qian, **price)

    asked.refresh_from_db()
    assert asked.status == Status.DROPPED


def test_of_two_prices_asked_for_one_wish_the_other_is_dropped(lake, wang, zhao, qian, person):
    wish = wishes.propose(volunteer=wang, community=lake, text="一本书")
    one, other = (
        wishes.decide(wish=wish, accept=True, price_points=1, value_fen=fen, by=by)
        for fen, by in ((3_000, zhao), (4_000, qian))
    )

    increases.decide(increase=one, accept=True, by=qian)

    other.refresh_from_db()
    wish.refresh_from_db()
    assert (wish.value_fen, other.status) == (3_000, Status.DROPPED)


def test_what_was_asked_about_a_rejected_offer_or_an_ended_partner_is_dropped(
    proposed, tea, tea_house, lake, zhao, qian
):
    listing = catalogue.decide(offer=proposed, accept=True, by=zhao)
    catalogue.decide(offer=proposed, accept=False, by=qian)
    listing.refresh_from_db()
    price = dear(tea, zhao)
    terms = partners.agree(
        partnership=tea_house, kind=Kind.PER_POINT, fen_per_point=11, valid_from=lake.today, by=zhao
    )

    partners.move(partnership=tea_house, status=Partnership.Status.ENDED, by=qian)

    for asked in (price, terms):
        asked.refresh_from_db()
    assert {one.status for one in (listing, price, terms)} == {Status.DROPPED}


# --- pieces that come back --------------------------------------------------------------------
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_a_refund_puts_back_no_piece_that_was_not_counted_when_one_person_raised_it(
    tea, shop, zhao, qian, wang, chen, grant_points, limit, pieces
):
    limit(1_000)
    grant_points(wang, 150)
    before = redemption.take(offer=tea, volunteer=wang, quantity=4)
    redemption.scan(merchant_id=shop.pk, clerk=chen, code=before.code)
    tea.refresh_from_db()
    catalogue.change(offer=tea, by=zhao, value_fen=1_000)  # of the one that is left
    after = redemption.take(offer=tea, volunteer=wang)
    redemption.scan(merchant_id=shop.pk, clerk=chen, code=after.code)

    refunds.refund(redemption=before, refunded_by=chen, reason="坏了", quantity=pieces)
    refunds.refund(redemption=after, refunded_by=chen, reason="坏了")

    tea.refresh_from_db()
    assert tea.stock == 1
    increases.decide(increase=Increase.objects.get(), accept=True, by=qian)
    refunds.refund(redemption=before, refunded_by=chen, reason="坏了")
    tea.refresh_from_db()
    assert tea.stock == 1 + 4 - pieces


# --- who confirms -----------------------------------------------------------------------------
def test_who_asked_confirms_nothing_and_may_take_it_back(tea, zhao):
    asked = dear(tea, zhao)
    assert dear(tea, zhao).pk == asked.pk  # asked once
    with pytest.raises(OwnIncrease):
        increases.decide(increase=asked, accept=True, by=zhao)
    with pytest.raises(IntegrityError, match="increase_confirmed_by_another"), transaction.atomic():
        Increase.objects.update(status="confirmed", decided_by=zhao, decided_at=timezone.now())

    assert increases.decide(increase=asked, accept=False, by=zhao).status == Status.REJECTED


def test_a_decision_is_final(tea, zhao, qian):
    asked = dear(tea, zhao)
    increases.decide(increase=asked, accept=False, by=qian)

    with pytest.raises(IncreaseDecided):
        increases.decide(increase=asked, accept=True, by=qian)
    for altered in ({"status": "confirmed"}, {"facts": {}}, {"amount_fen": 0}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Increase.objects.update(**altered)


def test_the_wisher_confirms_no_price_of_their_own(lake, zhao, qian, grant_points):
    wish = wishes.propose(volunteer=qian, community=lake, text="一本书")
    asked = wishes.decide(wish=wish, accept=True, price_points=1, value_fen=3_000, by=zhao)

    with pytest.raises(OwnWish):
        increases.decide(increase=asked, accept=True, by=qian)


def test_where_an_office_has_one_the_streets_manager_is_the_second(
    lake, tea, zhao, person, logged_in
):
    street = places.found(code="street", name="湖畔街道", kind=Community.Kind.STREET)
    lake.parent = street
    lake.save(update_fields=["parent"])
    manager = person("jin", "金书记")
    roles.give(user=manager, community=street, role=Role.MANAGER)
    asked = logged_in(zhao).patch(f"/api/v1/offers/{tea.pk}/conditions", {"price_points": 31})
    assert asked.status_code == 202
    above = logged_in(manager)
    (waiting,) = above.get("/api/v1/communities/lake/increases?status=pending").json()["results"]
    assert waiting == asked.json()

    told = above.post(f"/api/v1/increases/{waiting['id']}/decision", {"accept": True})

    assert told.json() == waiting | {
        "status": "confirmed",
        "decided_at": told.json()["decided_at"],
        "decided_by": {"id": str(manager.pk), "name": manager.shown_name},
    }
    assert Offer.objects.get(pk=tea.pk).price_points == 31
    trail = AuditEntry.objects.filter(target_id=waiting["id"]).order_by("id")
    assert list(trail.values_list("action", "actor__username")) == [
        ("increase.ask", "zhao"),
        ("increase.decide", "jin"),
    ]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_does(tea, zhao, qian, person, lake, at_once):
    sun = person("sun")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    asked = dear(tea, zhao)

    outcomes = at_once(
        4, lambda n: increases.decide(increase=asked, accept=True, by=(qian, sun)[n % 2]).status
    )

    assert Counter(outcomes) == {"confirmed": 2, "increase_decided": 2}
    assert tea.prices.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_person_at_two_desks_does_not_pass_the_limit(tea_house, tea, zhao, limit, at_once):
    limit(50)
    others = [
        catalogue.offer(partnership=tea_house, code=str(n), title="茶", price_points=30, stock=5)
        for n in range(4)
    ]

    outcomes = at_once(4, lambda n: type(dear(others[n], zhao)).__name__)

    assert Counter(outcomes) == {"Offer": 1, "Increase": 3}


# --- the limit --------------------------------------------------------------------------------
def test_a_higher_limit_takes_two_managers_and_a_lower_one_none(
    lake, zhao, person, logged_in, limit
):
    limit(500)
    first, second = person("jin", "金书记"), person("yu", "于书记")
    for manager in (first, second):
        roles.give(user=manager, community=lake, role=Role.MANAGER)
    mine, desk = logged_in(first), logged_in(zhao)
    address = "/api/v1/communities/lake/increase-limit"
    assert desk.put(address, {"alone_limit_fen": 1}).status_code == 404

    asked = mine.put(address, {"alone_limit_fen": 501})
    assert (asked.status_code, asked.json()["kind"]) == (202, "limit")
    assert mine.get(address).json() == {"alone_limit_fen": 500}
    decision = f"/api/v1/increases/{asked.json()['id']}/decision"
    assert mine.post(decision, {"accept": True}).json()["code"] == "own_increase"
    assert desk.post(decision, {"accept": True}).status_code == 404

    assert logged_in(second).post(decision, {"accept": True}).status_code == 200
    assert desk.get(address).json() == {"alone_limit_fen": 501}
    lower = mine.put(address, {"alone_limit_fen": 3})
    assert (lower.status_code, lower.json()) == (200, {"alone_limit_fen": 3})
    assert mine.put(address, {"alone_limit_fen": -1}).status_code == 400
    entries = AuditEntry.objects.filter(action="community.set_alone_limit").order_by("id")
    assert [(one.before, one.after) for one in entries] == [
        ({"alone_limit_fen": 500}, {"alone_limit_fen": 501}),
        ({"alone_limit_fen": 501}, {"alone_limit_fen": 3}),
    ]


def test_an_owner_amends_over_http(tea, tea_house, zhou, chen, zhao, logged_in):
    mine = f"/api/v1/offers/{tea.pk}/conditions"
    assert logged_in(chen).patch(mine, {"price_points": 20}).status_code == 404

    told = logged_in(zhou).patch(mine, {"price_points": 20})

    assert (told.status_code, told.json()["status"], told.json()["decided_by"]) == (
        200,
        "proposed",
        None,
    )
    logged_in(zhou).patch(mine, {"title": "一壶茶", "settled_fen": 20})
    assert Offer.objects.get(pk=tea.pk).settled_fen is None  # agreed with staff
    listed = logged_in(zhao).post(f"/api/v1/offers/{tea.pk}/decision", {"accept": True})
    assert (listed.status_code, listed.json()["price_points"]) == (200, 20)
