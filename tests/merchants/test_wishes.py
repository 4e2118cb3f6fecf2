"""微心愿: looked at by staff, adopted, and delivered with thanks or open again."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.errors import GuardianConsentRequired
from backend.accounts.services import profile
from backend.communities.models import Membership
from backend.notices.models import Notice
from backend.registries.leaving import Leaving
from merchants.giving import tasks
from merchants.giving.errors import (
    OwnWish,
    WishNotOpenNow,
    WishNotScanned,
    WishOpenAlready,
    WishStatusWrong,
    WishWithoutPrice,
)
from merchants.giving.services import wishes
from merchants.models import Offer, Redemption, Terms, Wish
from merchants.partners.errors import PartnerNotActive
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from points.ledger import selectors as points
from points.ledger.errors import HoldExpired, InsufficientPoints
from volunteers.models import Volunteer
from volunteers.people.services import people

Status = Wish.Status
KEY = {"Idempotency-Key": "k1"}


@pytest.fixture
def bicycle(lake, wang, grant_points) -> Wish:
    """Wang, who has 100 points, wishes for a child's bicycle."""
    grant_points(wang, 100)
    return wishes.propose(volunteer=wang, community=lake, text="孩子的自行车")


@pytest.fixture
def published(bicycle, zhao) -> Wish:
    return wishes.decide(wish=bicycle, accept=True, price_points=80, by=zhao)


@pytest.fixture
def wallet(lake, wang):
    """Look up Wang's free and held points."""

    def look() -> tuple[int, int]:
        account = points.wallet_of(lake.pk, wang.pk)
        return account.available, account.held

    return look


def test_a_shop_fulfils_it_and_is_settled_for_it(
    published, tea_house, zhou, chen, wang, wallet, lake
):
    for _ in range(2):
        adopted = wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)
    assert (adopted.status, wallet()) == (Status.ADOPTED, (20, 80))
    with pytest.raises(WishNotScanned):
        wishes.thank(wish=adopted, text="谢谢")

    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=adopted.redemption.code)
    for text in ("谢谢", "再谢谢"):
        delivered = wishes.thank(wish=adopted, text=text)

    assert (delivered.status, delivered.thanks) == (Status.DELIVERED, "谢谢")
    assert points.totals_by_kind(lake)["merchant"] == 80
    assert Redemption.objects.get().amount_fen == 800


def test_a_neighbour_fulfils_it_for_nothing(published, li, wallet, lake):
    for _ in range(2):
        adopted = wishes.adopt_as_donor(wish=published, donor=li)
    assert wallet() == (20, 80)

    for _ in range(2):
        wishes.thank(wish=adopted, text="谢谢")

    assert wallet() == (20, 0)
    assert points.totals_by_kind(lake)["pool"] == 80


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_neighbour_who_takes_too_long_is_relieved_of_it(published, li, zhou, wallet, monkeypatch):
    with monkeypatch.context() as hurry:
        hurry.setattr(wishes, "LIFETIME", timedelta(microseconds=1))
        adopted = wishes.adopt_as_donor(wish=published, donor=li)
    with pytest.raises(HoldExpired):
        wishes.thank(wish=adopted, text="谢谢")
    assert wallet() == (20, 80)

    for _ in range(2):
        tasks.sweep_lapsed_wishes()

    open_again = Wish.objects.get()
    assert (open_again.status, open_again.donor, open_again.hold) == (Status.PUBLISHED, None, None)
    assert wallet() == (100, 0)
    # Who takes it up now has all the time there is, whatever was still queued.
    wishes.adopt_as_donor(wish=open_again, donor=li)
    tasks.reopen_wish(str(open_again.community_id), str(open_again.pk))
    tasks.sweep_lapsed_wishes()
    assert wallet() == (20, 80)


@pytest.mark.parametrize("who", ["shop", "neighbour"])
@pytest.mark.parametrize("how", ["released", "withdrawn", "voucher cancelled"])
def test_what_comes_to_nothing_gives_the_points_back(
    published, tea_house, zhou, li, wallet, who, how
):
    if who == "shop":
        adopted = wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)
    else:
        adopted = wishes.adopt_as_donor(wish=published, donor=li)

    if how == "withdrawn":
        for _ in range(2):
            after = wishes.withdraw(wish=adopted)
    elif how == "released" or who == "neighbour":
        after = wishes.release(wish=adopted, by=zhou)
    else:
        redemption.cancel(redemption=adopted.redemption)
        after = Wish.objects.get()

    assert after.status == (Status.WITHDRAWN if how == "withdrawn" else Status.PUBLISHED)
    assert (after.donor, after.partnership, after.redemption, after.hold) == (None,) * 4
    assert wallet() == (100, 0)
    if how != "withdrawn":
        assert wishes.adopt_as_donor(wish=after, donor=li).status == Status.ADOPTED


def test_a_scanned_wish_is_neither_released_nor_withdrawn(published, tea_house, zhou, chen):
    adopted = wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=adopted.redemption.code)

    with pytest.raises(WishStatusWrong):
        wishes.release(wish=adopted, by=zhou)
    with pytest.raises(WishStatusWrong):
        wishes.withdraw(wish=adopted)


def test_one_wish_at_a_time(bicycle, lake, wang):
    with pytest.raises(WishOpenAlready):
        wishes.propose(volunteer=wang, community=lake, text="书包")
    wishes.withdraw(wish=bicycle)

    assert wishes.propose(volunteer=wang, community=lake, text="书包")


def test_a_wish_is_decided_by_somebody_else_once_with_a_price(bicycle, wang, zhao, li):
    with pytest.raises(OwnWish):
        wishes.decide(wish=bicycle, accept=True, price_points=80, by=wang)
    with pytest.raises(WishWithoutPrice):
        wishes.decide(wish=bicycle, accept=True, by=zhao)
    with pytest.raises(WishStatusWrong):
        wishes.adopt_as_donor(wish=bicycle, donor=li)
    for _ in range(2):
        rejected = wishes.decide(wish=bicycle, accept=False, by=zhao, reason="太贵")
    assert (rejected.status, rejected.reason) == (Status.REJECTED, "太贵")
    with pytest.raises(WishStatusWrong):
        wishes.decide(wish=bicycle, accept=True, price_points=80, by=zhao)
    with pytest.raises(WishStatusWrong):
        wishes.withdraw(wish=bicycle)
    for act in (
        lambda: wishes.release(wish=bicycle, by=li),
        lambda: wishes.thank(wish=bicycle, text="谢谢"),
    ):
        with pytest.raises(WishStatusWrong):
            act()


def test_nobody_fulfils_their_own_wish(published, tea_house, wang):
    with pytest.raises(OwnWish):
        wishes.adopt_as_donor(wish=published, donor=wang)
    with pytest.raises(OwnWish):
        wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=wang)
    with (
        pytest.raises(DatabaseError, match=r"wish_(granted_by_another|adopted_by_one)"),
        transaction.atomic(),
    ):
        Wish.objects.filter(pk=published.pk).update(donor=wang)


def test_what_was_spent_meanwhile_is_not_there(published, tea, tea_house, wang, zhou, li):
    redemption.take(offer=tea, volunteer=wang)

    with pytest.raises(InsufficientPoints):
        wishes.adopt_as_donor(wish=published, donor=li)
    with pytest.raises(InsufficientPoints):
        wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)

    published.refresh_from_db()
    assert published.status == Status.PUBLISHED
    assert Offer.objects.count() == 1


def test_a_suspended_partner_adopts_nothing(published, tea_house, zhao, zhou):
    suspended = partners.move(partnership=tea_house, status="suspended", by=zhao, reason="装修")

    with pytest.raises(PartnerNotActive):
        wishes.adopt_as_merchant(wish=published, partnership=suspended, by=zhou)


def test_a_child_wishes_and_gives_with_a_guardians_consent(lake, published, li, wang):
    for child in (li, wang):
        profile.change(user=child, born_on=ages.today() - timedelta(days=4_000))
        child.refresh_from_db()

    with pytest.raises(GuardianConsentRequired):
        wishes.adopt_as_donor(wish=published, donor=li)
    with pytest.raises(GuardianConsentRequired):
        wishes.propose(volunteer=wang, community=lake, text="书包")


def test_who_is_forgotten_has_no_words_left(published, tea_house, zhou, wang, lake, wallet):
    wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)

    wishes.withdraw_all(Leaving(wang.pk, lake.pk, timezone.now()))
    wishes.forget(wang)

    assert (Wish.objects.get().text, Wish.objects.get().status) == ("", Status.WITHDRAWN)
    assert Offer.objects.get().title == "微心愿"
    assert wallet() == (100, 0)


@pytest.mark.django_db(transaction=True)
def test_a_shop_and_neighbours_at_once(published, tea_house, zhou, person, wallet, at_once):
    neighbours = [person(f"neighbour{number}") for number in range(5)]

    def adopt(number):
        if number == 0:
            wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)
        else:
            wishes.adopt_as_donor(wish=published, donor=neighbours[number])
        return "adopted"

    assert Counter(at_once(5, adopt)) == {"adopted": 1, "wish_status_wrong": 4}
    assert wallet() == (20, 80)


def scanned(wish, tea_house, zhou, chen):
    adopted = wishes.adopt_as_merchant(wish=wish, partnership=tea_house, by=zhou)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=adopted.redemption.code)
    return adopted


def test_what_a_shop_refunded_is_open_again(published, tea_house, zhou, chen, wang, wallet):
    for _ in range(2):  # as often as somebody adopts it
        adopted = scanned(published, tea_house, zhou, chen)
        assert wallet() == (20, 0)
        refunds.refund(redemption=adopted.redemption, refunded_by=chen, reason="坏了")

        published.refresh_from_db()
        assert (published.status, published.partnership, published.redemption) == (
            Status.PUBLISHED,
            None,
            None,
        )
        assert wallet() == (100, 0)
    told = Notice.objects.filter(recipient=wang, kind="wish_open_again")
    assert told.count() == 2

    assert wishes.withdraw(wish=published).status == Status.WITHDRAWN


def test_what_thanks_were_said_for_stays_delivered_though_it_is_refunded(
    published, tea_house, zhou, chen, wallet
):
    adopted = scanned(published, tea_house, zhou, chen)
    wishes.thank(wish=adopted, text="谢谢")

    refunds.refund(redemption=adopted.redemption, refunded_by=chen, reason="坏了")

    published.refresh_from_db()
    assert (published.status, wallet()) == (Status.DELIVERED, (100, 0))


def test_what_was_erased_is_nobodys_to_fulfil_when_it_is_refunded(
    published, tea_house, zhou, chen, wang
):
    adopted = scanned(published, tea_house, zhou, chen)
    wishes.forget(wang)

    refunds.refund(redemption=adopted.redemption, refunded_by=chen, reason="坏了")

    published.refresh_from_db()
    assert (published.status, published.text) == (Status.WITHDRAWN, "")


@pytest.mark.parametrize("when", ["now", "before wishes were withdrawn with who left"])
def test_whose_wisher_left_is_not_fulfilled(published, wang, li, tea_house, zhou, wallet, when):
    refusal = WishStatusWrong
    if when == "now":
        people.leave(volunteer=Volunteer.objects.get(user=wang))
    else:
        Membership.objects.filter(user=wang).update(ended_at=timezone.now())
        refusal = WishNotOpenNow

    with pytest.raises(refusal):
        wishes.adopt_as_donor(wish=published, donor=li)
    with pytest.raises(refusal):
        wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)
    assert wallet() == (100, 0)


@pytest.mark.parametrize(
    ("terms", "amount_fen"),
    [
        ({"kind": Terms.Kind.SHARE, "share_bp": 5000}, 1_500),
        ({"kind": Terms.Kind.PER_PIECE}, 3_000),
    ],
)
def test_other_contracts_are_paid_what_staff_say_it_is_worth(
    bicycle, lake, tea_house, zhou, zhao, by_two, terms, amount_fen
):
    by_two(partners.agree(partnership=tea_house, valid_from=lake.today, by=zhao, **terms))
    wish = by_two(
        wishes.decide(wish=bicycle, accept=True, price_points=80, value_fen=3_000, by=zhao)
    )

    adopted = wishes.adopt_as_merchant(wish=wish, partnership=tea_house, by=zhou)

    assert adopted.redemption.amount_fen == amount_fen


def test_nobody_but_the_wisher_sees_the_offer_made_of_it(
    published, tea_house, zhou, zhao, li, logged_in
):
    adopted = wishes.adopt_as_merchant(wish=published, partnership=tea_house, by=zhou)
    made = adopted.redemption.offer_id
    mine = f"/api/v1/merchants/{tea_house.merchant_id}/offers"

    assert logged_in(zhou).get(mine).json()["results"] == []
    for refused in (
        logged_in(zhou).post(f"{mine}/{made}/listed", {"is_listed": True}),
        logged_in(zhou).post(f"{mine}/{made}/stock", {"change": 9}, headers=KEY),
        logged_in(zhao).post(f"/api/v1/offers/{made}/listed", {"is_listed": True}),
        logged_in(li).get(f"/api/v1/offers/{made}"),
    ):
        assert refused.status_code == 404


def test_who_would_fulfil_it_is_not_told_how_many_points_there_are(bicycle, zhao, li, logged_in):
    wish = wishes.decide(wish=bicycle, accept=True, price_points=101, by=zhao)

    refused = logged_in(li).post(f"/api/v1/wishes/{wish.pk}/adopt", headers=KEY)

    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_points")
    assert refused.json()["needed"] == 101
    assert "available" not in refused.json()


def test_a_wish_over_http(lake, wang, li, zhao, zhou, tea_house, chen, grant_points, logged_in):
    grant_points(wang, 100)
    phone, neighbour, desk, office = (logged_in(who) for who in (wang, li, zhao, zhou))
    asked = {"community": "lake", "text": "孩子的自行车"}
    made = phone.post("/api/v1/me/wishes", asked, headers=KEY)
    assert made.status_code == 201
    wish = made.json()
    assert neighbour.get("/api/v1/wishes").json()["results"] == []

    decided = desk.post(
        f"/api/v1/wishes/{wish['id']}/decision", {"accept": True, "price_points": 80}
    )
    assert decided.json()["volunteer"]["id"] == str(wang.pk)
    (seen,) = neighbour.get("/api/v1/wishes?community=lake").json()["results"]
    assert seen == {
        "id": wish["id"],
        "community": {"code": "lake", "name": lake.name},
        "text": "孩子的自行车",
        "price_points": 80,
        "status": "published",
        "thanks": "",
    }
    mine = f"/api/v1/merchants/{tea_house.merchant_id}/wishes"
    assert office.get(mine).json()["results"] == [seen]
    adopted = office.post(
        f"/api/v1/wishes/{wish['id']}/adopt",
        {"merchant_id": str(tea_house.merchant_id)},
        headers=KEY,
    )
    assert adopted.json() == seen | {"status": "adopted"}
    (told,) = phone.get("/api/v1/me/wishes").json()["results"]
    assert told["fulfilled_by"] == "茶馆"
    voucher = phone.get(f"/api/v1/me/vouchers/{told['redemption_id']}").json()
    scan = f"/api/v1/merchants/{tea_house.merchant_id}/scans"
    assert logged_in(chen).post(scan, {"code": voucher["code"]}, headers=KEY).status_code == 201

    thanked = phone.post(
        f"/api/v1/me/wishes/{wish['id']}/thanks",
        {"text": "谢谢"},
        headers={"Idempotency-Key": "k2"},
    )
    assert (thanked.json()["status"], thanked.json()["thanks"]) == ("delivered", "谢谢")
    (watched,) = desk.get("/api/v1/communities/lake/wishes?status=delivered").json()["results"]
    assert watched["thanks"] == "谢谢"
