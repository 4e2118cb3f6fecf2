"""Offers: proposed by one, listed by another, for whom and how often."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.services import profile
from backend.communities.models import Role
from backend.communities.services import roles
from merchants.catalogue import errors
from merchants.catalogue.models import PIECES_AT_MOST
from merchants.catalogue.services import offers as catalogue
from merchants.models import MerchantMember, Offer, OfferPrice, Redemption, StockMove
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import conditions, refunds
from merchants.redemption.services import vouchers as redemption
from points.ledger.errors import InsufficientPoints
from volunteers.attendance.services import hours

Status = Offer.Status


@pytest.fixture
def proposed(tea_house, zhou) -> Offer:
    """Zhou, who owns the tea house, would like to offer a cake: 20 points, 9 of them."""
    return catalogue.propose(
        partnership=tea_house, by=zhou, code="CAKE", title="蛋糕", price_points=20, stock=9
    )


@pytest.fixture
def take(tea, wang, grant_points):
    """Wang, who has points enough, takes tea as it is offered now: ``take(2)``."""
    grant_points(wang, 1_000)

    def go(quantity: int = 1, **more) -> Redemption:
        offer = Offer.objects.select_related("partnership", "community").get(pk=tea.pk)
        return redemption.take(offer=offer, volunteer=wang, quantity=quantity, **more)

    return go


def test_what_is_proposed_is_taken_only_once_somebody_else_lists_it(
    proposed, zhou, zhao, wang, grant_points
):
    grant_points(wang, 20)
    with pytest.raises(errors.OfferWithdrawn):
        redemption.take(offer=proposed, volunteer=wang)
    with pytest.raises(errors.OwnOffer):
        catalogue.decide(offer=proposed, accept=True, by=zhou)

    for _ in range(2):
        listed = catalogue.decide(offer=proposed, accept=True, by=zhao)

    assert (listed.status, listed.decided_by) == (Status.LISTED, zhao)
    assert redemption.take(offer=listed, volunteer=wang).price_points == 20


@pytest.mark.parametrize("accept", [True, False])
def test_it_is_decided_once(proposed, zhao, accept):
    catalogue.decide(offer=proposed, accept=not accept, by=zhao)

    with pytest.raises(errors.OfferStatusWrong):
        catalogue.decide(offer=proposed, accept=accept, by=zhao)


def test_what_was_not_listed_yet_is_not_taken_off(proposed, zhou):
    with pytest.raises(errors.OfferStatusWrong):
        catalogue.set_listed(offer=proposed, is_listed=False, by=zhou)


def test_what_is_taken_off_the_list_can_be_put_back(tea, zhou, take):
    for _ in range(2):
        catalogue.set_listed(offer=tea, is_listed=False, by=zhou)
    with pytest.raises(errors.OfferWithdrawn):
        take()

    catalogue.set_listed(offer=tea, is_listed=True, by=zhou)

    assert take().quantity == 1


def test_a_price_is_history_and_frozen_for_who_holds(tea, zhao, take, by_two):
    held = take()
    by_two(catalogue.change(offer=tea, by=zhao, price_points=35, value_fen=1_800))
    catalogue.change(offer=tea, by=zhao, title="一壶好茶")

    assert (take().price_points, held.price_points) == (35, 30)
    assert list(
        OfferPrice.objects.order_by("id").values_list("price_points", "value_fen", "set_by")
    ) == [(30, None, None), (35, 1_800, zhao.pk)]


def test_stock_is_put_in_and_taken_out(tea, chen):
    catalogue.restock(offer=tea, change=7, reason="到货", by=chen)
    catalogue.restock(offer=tea, change=-12, reason="坏了", by=chen)
    with pytest.raises(errors.OutOfStock):
        catalogue.restock(offer=tea, change=-1, reason="", by=chen)
    with pytest.raises(errors.StockFull):
        catalogue.restock(offer=tea, change=PIECES_AT_MOST + 1, reason="", by=chen)

    assert list(StockMove.objects.order_by("id").values_list("change", "stock")) == [
        (7, 12),
        (-12, 0),
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": Offer.Kind.SEAT},
        {"starts_at": timezone.now()},
        {"limit_quantity": 1},
        {"limit_period": Offer.Period.DAY},
        {"valid_from": date(2026, 1, 2), "valid_until": date(2026, 1, 1)},
        {"min_age": 61, "max_age": 60},
    ],
)
def test_what_can_not_be_offered(tea, tea_house, zhao, facts):
    with pytest.raises(errors.OfferIncomplete):
        catalogue.change(offer=tea, by=zhao, **facts)
    with pytest.raises(errors.OfferIncomplete):
        catalogue.propose(
            partnership=tea_house,
            by=zhao,
            code="X",
            title="x",
            price_points=1,
            stock=1,
            **facts,
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        Offer.objects.filter(pk=tea.pk).update(**facts)


def test_a_code_means_one_thing(tea, tea_house, zhou):
    with pytest.raises(errors.OfferCodeTaken):
        catalogue.propose(
            partnership=tea_house, by=zhou, code="TEA", title="茶", price_points=1, stock=1
        )


# --- when and for whom ------------------------------------------------------------------------
def test_it_is_on_offer_on_its_days_alone(tea, lake, take):
    today = lake.today
    day = timedelta(days=1)
    for first, last, is_on in (
        (today, today, True),
        (None, today, True),
        (today + day, None, False),
        (None, today - day, False),
    ):
        Offer.objects.filter(pk=tea.pk).update(valid_from=first, valid_until=last)
        if is_on:
            assert take()
        else:
            with pytest.raises(errors.OfferNotOnNow):
                take()


def test_a_seat_is_taken_until_the_course_begins(tea, take):
    now = timezone.now()
    for starts_at, is_on in ((now + timedelta(hours=1), True), (now, False)):
        Offer.objects.filter(pk=tea.pk).update(kind=Offer.Kind.SEAT, starts_at=starts_at)
        if is_on:
            assert take()
        else:
            with pytest.raises(errors.OfferNotOnNow):
                take()


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        ({"min_hours": 2}, {}),
        ({"min_hours": 3}, {"hours": 3}),
        ({"min_stars": 1}, {"stars": 1}),
        ({"groups": ["driver", "courier"]}, {"groups": ["driver", "courier"]}),
        ({"groups": ["rider", "resident"]}, {}),
        ({"min_age": 30}, {}),
        ({"min_age": 31}, {"min_age": 31}),
        ({"max_age": 30}, {}),
        ({"max_age": 29}, {"max_age": 29}),
        ({"min_hours": 3, "min_age": 31}, {"hours": 3, "min_age": 31}),
    ],
)
def test_who_may_take_it(tea, wang, zhao, take, served, wanted, missing):
    hours.verify(attendance=served(wang, "2024-03-01 07:00", "2024-03-01 09:00"), verifier=zhao)
    profile.change(user=wang, born_on=ages.years_before(30, ages.today()))
    wang.refresh_from_db()
    Offer.objects.filter(pk=tea.pk).update(**wanted)

    if not missing:
        assert take()
        return
    with pytest.raises(errors.NotEligible) as refused:
        take()
    assert refused.value.facts == {"missing": missing}


def test_an_age_that_was_never_told_is_missing(tea, take):
    Offer.objects.filter(pk=tea.pk).update(min_age=1, max_age=100)

    with pytest.raises(errors.NotEligible) as refused:
        take()

    assert refused.value.facts == {"missing": {"min_age": 1, "max_age": 100}}


@pytest.mark.parametrize(
    ("period", "first", "again"),
    [
        ("day", "2024-03-05 23:59", "2024-03-06 00:00"),
        ("week", "2024-03-10 23:59", "2024-03-11 00:00"),  # Sunday, Monday
        ("month", "2024-02-29 23:59", "2024-03-01 00:00"),
        ("year", "2023-12-31 23:59", "2024-01-01 00:00"),
        ("ever", "2023-12-31 23:59", None),
    ],
)
def test_one_person_takes_so_many_per_period(tea, lake, take, period, first, again):
    Offer.objects.filter(pk=tea.pk).update(limit_quantity=2, limit_period=period)

    def at(words: str) -> datetime:
        return datetime.fromisoformat(words).replace(tzinfo=lake.clock)

    cancelled = take(2, now=at(first))
    redemption.cancel(redemption=cancelled)
    take(1, now=at(first))
    with pytest.raises(errors.LimitReached) as refused:
        take(2, now=at(first))
    assert refused.value.facts == {"limit": 2, "period": period, "taken": 1}

    if again:
        assert take(2, now=at(again))
    else:
        with pytest.raises(errors.LimitReached):
            take(2, now=datetime(2100, 1, 1, tzinfo=UTC))


@pytest.mark.django_db(transaction=True)
def test_two_phones_of_one_person_do_not_pass_a_limit(tea, at_once, take):
    Offer.objects.filter(pk=tea.pk).update(limit_quantity=1, limit_period="day")

    outcomes = at_once(4, lambda _: take().status)

    assert Counter(outcomes) == {"held": 1, "limit_reached": 3}


@pytest.mark.parametrize(
    ("period", "day", "start"),
    [("week", date(2024, 1, 1), date(2024, 1, 1)), ("week", date(2024, 1, 7), date(2024, 1, 1))],
)
def test_a_week_begins_on_monday(period, day, start):
    assert conditions.period_start(period, day) == start


# --- over HTTP --------------------------------------------------------------------------------
KEY = {"Idempotency-Key": "k1"}


def test_an_owner_proposes_and_staff_list_it(tea_house, zhou, zhao, wang, logged_in):
    office, desk, phone = logged_in(zhou), logged_in(zhao), logged_in(wang)
    mine = f"/api/v1/merchants/{tea_house.merchant_id}/offers"
    cake = {"code": "CAKE", "title": "蛋糕", "price_points": 20, "stock": 9, "min_stars": 0}

    made = office.post(mine, cake | {"partnership_id": str(tea_house.pk)}, headers=KEY)

    assert made.status_code == 201
    offer = made.json()
    assert (offer["status"], offer["proposed_by"]["id"]) == ("proposed", str(zhou.pk))
    assert phone.get("/api/v1/offers").json()["results"] == []
    waiting = desk.get("/api/v1/communities/lake/offers?status=proposed").json()["results"]
    assert waiting == [offer]
    listed = desk.post(f"/api/v1/offers/{offer['id']}/decision", {"accept": True})
    assert listed.json() == offer | {
        "status": "listed",
        "decided_by": {"id": str(zhao.pk), "name": zhao.shown_name},
        "decided_at": listed.json()["decided_at"],
    }
    (found,) = phone.get("/api/v1/offers").json()["results"]
    assert found == {name: offer[name] for name in found}


def test_offers_are_found_by_text_shop_and_what_they_cost_at_most(tea, tea_house, wang, logged_in):
    pot = catalogue.offer(
        partnership=tea_house, code="POT", title="紫砂壶", price_points=300, stock=1
    )
    phone = logged_in(wang)

    def found(**query):
        return [one["id"] for one in phone.get("/api/v1/offers", query).json()["results"]]

    assert found(text="紫砂") == [str(pot.pk)]
    assert found(text="茶馆") == [str(pot.pk), str(tea.pk)]
    assert found(max_price_points=299) == [str(tea.pk)]
    assert found(merchant=tea_house.merchant_id) == [str(pot.pk), str(tea.pk)]
    assert found(merchant=tea.pk) == []


def test_prices_and_stock_over_http(tea, tea_house, chen, zhao, logged_in):
    counter, desk = logged_in(chen), logged_in(zhao)
    stock = f"/api/v1/offers/{tea.pk}/stock"
    moved = counter.post(stock, {"change": 3, "reason": "到货"}, headers=KEY)
    again = counter.post(stock, {"change": 3, "reason": "到货"}, headers=KEY)
    assert (moved.status_code, moved.json()["stock"], again.json()) == (201, 8, moved.json())
    assert counter.get(stock).json()["results"] == [moved.json()]
    nothing = counter.post(stock, {"change": 0}, headers={"Idempotency-Key": "k2"})
    assert nothing.status_code == 400

    changed = desk.patch(f"/api/v1/offers/{tea.pk}/conditions", {"price_points": 25})
    assert (changed.status_code, changed.json()["price_points"]) == (200, 25)
    prices = desk.get(f"/api/v1/offers/{tea.pk}/prices").json()["results"]
    assert [price["price_points"] for price in prices] == [25, 30]


def test_a_seat_is_held_until_after_its_course_began(tea, take):
    begins = timezone.now() + timedelta(days=7)
    Offer.objects.filter(pk=tea.pk).update(kind="seat", starts_at=begins)
    tea.refresh_from_db()

    seat = take()

    assert begins + timedelta(hours=23) < seat.expires_at < begins + timedelta(hours=25)


def test_what_staff_took_off_the_list_owners_do_not_put_back(tea, tea_house, zhou, zhao, logged_in):
    office, desk = logged_in(zhou), logged_in(zhao)
    theirs = f"/api/v1/offers/{tea.pk}/listed"
    ours = f"/api/v1/offers/{tea.pk}/listed"
    office.post(theirs, {"is_listed": False})

    taken_off = desk.post(ours, {"is_listed": False})
    refused = office.post(theirs, {"is_listed": True})
    put_back = desk.post(ours, {"is_listed": True})

    assert (taken_off.status_code, taken_off.json()["status"]) == (200, "withdrawn")
    assert (refused.status_code, refused.json()["code"]) == (403, "staff_withdrew_it")
    assert (put_back.status_code, put_back.json()["status"]) == (200, "listed")
    assert office.post(theirs, {"is_listed": False}).json()["status"] == "withdrawn"
    assert office.post(theirs, {"is_listed": True}).json()["status"] == "listed"


@pytest.mark.parametrize("code", ["points-0123456789ab", "WISH-TEA", "wish-1"])
def test_codes_that_we_make_are_not_proposed(tea_house, zhou, code):
    with pytest.raises(errors.OfferCodeReserved):
        catalogue.propose(
            partnership=tea_house, by=zhou, code=code, title="茶", price_points=1, stock=1
        )


@pytest.mark.parametrize(
    "altered",
    [
        "UPDATE merchants_offerprice SET price_points = 1",
        "DELETE FROM merchants_offerprice",
        "UPDATE merchants_stockmove SET change = 1",
        "DELETE FROM merchants_stockmove",
    ],
)
def test_history_never_changes(tea, chen, altered):
    catalogue.restock(offer=tea, change=7, reason="到货", by=chen)
    with (
        pytest.raises(DatabaseError, match="Cannot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(altered)


@pytest.mark.parametrize("end", ["cancelled", "refunded"])
def test_what_comes_back_finds_room_whatever_the_stock(tea, chen, wang, zhao, grant_points, end):
    wallet = grant_points(wang, 30)
    most = 2**31 - 1  # what a spreadsheet may say
    Offer.objects.filter(pk=tea.pk).update(stock=most)
    taken = redemption.take(
        offer=Offer.objects.select_related("partnership", "community").get(pk=tea.pk),
        volunteer=wang,
    )
    with pytest.raises(errors.StockFull):
        catalogue.restock(offer=tea, change=1, reason="", by=chen)
    Offer.objects.filter(pk=tea.pk).update(stock=most)  # as if it had room

    if end == "cancelled":
        redemption.cancel(redemption=taken)
    else:
        merchant_id = tea.partnership.merchant_id
        redemption.scan(merchant_id=merchant_id, clerk=chen, code=taken.code)
        refunds.refund(redemption=taken, refunded_by=chen, reason="坏了")

    wallet.refresh_from_db()
    tea.refresh_from_db()
    assert (wallet.available, wallet.held, tea.stock) == (30, 0, most + 1)


def test_the_dearest_by_the_hundred_is_too_dear_and_no_more(tea, wang, grant_points):
    grant_points(wang, 30)
    Offer.objects.filter(pk=tea.pk).update(price_points=2**31 - 1, stock=100)
    offer = Offer.objects.select_related("partnership", "community").get(pk=tea.pk)

    with pytest.raises(InsufficientPoints) as refused:
        redemption.take(offer=offer, volunteer=wang, quantity=100)

    assert refused.value.facts["needed"] == 100 * (2**31 - 1)


# --- owners and staff, by the same addresses --------------------------------------------------
@pytest.fixture
def qian(lake, person):
    """钱社工, who works for no shop."""
    user = person("qian", "钱社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


def test_staff_put_up_an_offer_and_another_of_them_lists_it(
    lake, tea_house, zhao, qian, zhou, wang, logged_in
):
    desk, address = logged_in(zhao), "/api/v1/communities/lake/offers"
    cake = {"code": "CAKE", "title": "蛋糕", "price_points": 20, "stock": 9, "settled_fen": 0}
    body = cake | {"partnership_id": str(tea_house.pk)}

    made, again = (desk.post(address, body, headers=KEY) for _ in range(2))

    assert (made.status_code, again.json()) == (201, made.json())
    offer = made.json()
    assert (offer["status"], offer["proposed_by"]["id"], offer["settled_fen"]) == (
        "proposed",
        str(zhao.pk),
        0,
    )
    decision = f"/api/v1/offers/{offer['id']}/decision"
    alone = desk.post(decision, {"accept": True})
    assert (alone.status_code, alone.json()["code"]) == (403, "own_offer")
    assert logged_in(qian).post(decision, {"accept": True}).json()["status"] == "listed"
    for user, refused in ((zhou, 404), (wang, 404)):
        assert logged_in(user).post(address, body, headers=KEY).status_code == refused


def test_staff_put_up_nothing_for_their_own_shop_nor_keep_its_stock(
    tea, tea_house, shop, zhao, logged_in
):
    partners.employ(merchant=shop, user=zhao, role=MerchantMember.Role.CLERK)
    # Until today: on its side still, though no colleague.
    MerchantMember.objects.filter(merchant=shop, user=zhao).update(ended_at=timezone.now())
    desk, offer = logged_in(zhao), f"/api/v1/offers/{tea.pk}"
    cake = {"code": "CAKE", "title": "蛋糕", "price_points": 20, "stock": 9}
    refused = [
        desk.post(
            "/api/v1/communities/lake/offers",
            cake | {"partnership_id": str(tea_house.pk)},
            headers=KEY,
        ),
        desk.post(f"{offer}/stock", {"change": 1}, headers={"Idempotency-Key": "k2"}),
        desk.post(f"{offer}/listed", {"is_listed": False}),
        desk.patch(f"{offer}/conditions", {"title": "茶"}),
    ]

    assert [(one.status_code, one.json()["code"]) for one in refused] == [(403, "own_merchant")] * 4


def test_one_address_of_an_offer_is_for_who_works_there_and_for_staff(
    tea, chen, zhou, zhao, wang, hill, person, logged_in
):
    stranger = person("feng")
    roles.give(user=stranger, community=hill, role=Role.STAFF)
    offer = f"/api/v1/offers/{tea.pk}"

    def told(user, method, path, body=None):
        headers = {"Idempotency-Key": f"{user.pk}{path}"}
        return getattr(logged_in(user), method)(f"{offer}{path}", body, headers=headers).status_code

    assert [told(user, "post", "/stock", {"change": 1}) for user in (chen, zhou, zhao)] == [201] * 3
    for path in ("", "/stock", "/prices"):
        assert [told(user, "get", path) for user in (chen, zhou, zhao)] == [200] * 3
    assert "value_fen" in logged_in(chen).get(offer).json()
    assert "value_fen" not in logged_in(wang).get(offer).json()
    # A clerk keeps the stock and changes nothing else; whose it is not finds nothing.
    for user in (chen, wang, stranger):
        assert told(user, "patch", "/conditions", {"title": "茶"}) == 404
        assert told(user, "post", "/listed", {"is_listed": False}) == 404
    for user in (wang, stranger):
        assert told(user, "post", "/stock", {"change": 1}) == 404
        assert told(user, "get", "/stock") == 404
    assert told(stranger, "get", "") == 404
    # What is agreed for a piece only staff set.
    refused = logged_in(zhou).patch(f"{offer}/conditions", {"title": "茶", "settled_fen": 5})
    assert (refused.status_code, refused.json()["code"]) == (403, "own_merchant")
    tea.refresh_from_db()
    assert tea.settled_fen is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("text=蛋", ["蛋糕"]),
        ("text=cake", ["蛋糕"]),
        ("text=茶馆", ["蛋糕", "一壶茶"]),
        ("kind=seat", []),
        ("partnership={partnership}", ["蛋糕", "一壶茶"]),
        ("partnership=01900000-0000-7000-8000-000000000000", []),
    ],
)
def test_staff_find_an_offer_by_words_kind_and_partner(
    tea_house, tea, proposed, zhao, logged_in, query, found
):
    address = f"/api/v1/communities/lake/offers?{query.format(partnership=tea_house.pk)}"

    listed = logged_in(zhao).get(address).json()["results"]

    assert [one["title"] for one in listed] == found
