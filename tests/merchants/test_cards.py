"""A printed card pays for small things with its PIN: so much a day, until it is lost."""

from collections import Counter
from datetime import datetime, time, timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from backend.accounts.errors import TooManyAttempts
from backend.accounts.services import attempts
from backend.audit.models import AuditEntry
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community, Role
from backend.communities.services import roles
from backend.notices.models import Notice
from backend.registries.checks import Kind
from merchants.models import Card, MerchantMember, Offer, Redemption, ScanAttempt
from merchants.partners.services import partnerships as partners
from merchants.redemption import tasks
from merchants.redemption.errors import (
    CardBlocked,
    CardIssuer,
    CardLimitReached,
    CardPinNeeded,
    CardPinWrong,
    CardUnknown,
    OwnCard,
    OwnVoucher,
)
from merchants.redemption.services import cards, pay_codes, refunds
from points.ledger.errors import InsufficientPoints
from tests.verified import found_in, triggers_off
from volunteers.models import Volunteer
from volunteers.people.services import people

UNKNOWN = UUID("01900000-0000-7000-8000-000000000000")


@pytest.fixture
def card(lake, wang, zhao, grant_points) -> Card:
    """Wang has 100 points, and this card that 赵社工 printed; cards pay 60 points a day."""
    grant_points(wang, 100)
    Community.objects.filter(pk=lake.pk).update(card_limit_points=60)
    return cards.issue(community=lake, volunteer_id=wang.pk, by=zhao)


@pytest.fixture
def pin(card) -> str:
    return card.pin


@pytest.fixture
def wrong(pin) -> str:
    return f"{(int(pin) + 1) % 10**6:06}"


@pytest.fixture
def pay(shop, chen, card, pin):
    """Chen takes points with Wang's card: ``pay(points=10)``."""

    def take(code=card.code, pin=pin, clerk=chen, **chosen):
        return cards.pay_by_code(merchant=shop, clerk=clerk, code=code, pin=pin, **chosen)

    return take


def rewritten(model, **facts):
    """Rewrite history, which triggers would refuse."""
    with transaction.atomic(), triggers_off():
        model.objects.update(**facts)


# --- issuing ------------------------------------------------------------------------------------
def test_a_card_keeps_neither_its_pin_nor_a_hash_in_the_clear(card, pin):
    (kept,) = Card.objects.values()

    assert (len(pin), pin.isdigit(), len(card.code)) == (6, True, 12)
    assert pin not in str(kept)
    assert "md5" not in str(kept)


def test_a_card_is_on_the_trail_and_told_to_its_volunteer(card, wang, zhao):
    entry = AuditEntry.objects.get(action="card.issue")

    assert (entry.actor, entry.target_id, entry.after) == (
        zhao, str(card.pk), {"volunteer": str(wang.pk)},
    )  # fmt: skip
    notice = Notice.objects.get(kind="card_issued")
    assert (notice.recipient, notice.facts["points"]) == (wang, 30)


def test_a_new_card_replaces_the_old_one(card, lake, wang, zhao, pay, pin):
    new = cards.issue(community=lake, volunteer_id=wang.pk, by=zhao)

    with pytest.raises(CardBlocked):
        pay(points=10)
    assert pay(code=new.code, pin=new.pin, points=10)[0].price_points == 10
    card.refresh_from_db()
    assert (card.reason, card.blocked_by) == ("replaced", zhao)


def test_nobody_issues_a_card_for_themselves(lake, wang):
    roles.give(user=wang, community=lake, role=Role.STAFF)

    with pytest.raises(OwnCard):
        cards.issue(community=lake, volunteer_id=wang.pk, by=wang)


def test_only_a_volunteer_of_the_community_is_issued_a_card(hill, wang, zhao, chen, lake):
    for place, person in ((hill, wang), (lake, chen)):
        with pytest.raises(NotAVolunteerHere):
            cards.issue(community=place, volunteer_id=person.pk, by=zhao)

    assert not Card.objects.exists()


def test_a_pin_is_told_for_an_hour_and_until_the_card_pays(card, pay):
    assert card.pin
    card.issued_at = timezone.now() - timedelta(hours=1)
    assert (card.pin, card.code_to_print) == (None, None)

    pay(points=10)

    assert Card.objects.get().pin_encrypted == ""


def test_pins_that_are_told_no_more_are_forgotten(card, lake, li, zhao):
    rewritten(Card, issued_at=timezone.now() - timedelta(hours=1))
    new = cards.issue(community=lake, volunteer_id=li.pk, by=zhao)

    assert tasks.forget_card_pins() == {"forgotten": 1}

    assert Card.objects.exclude(pin_encrypted="").get() == new


@pytest.mark.parametrize(
    "change",
    [
        {"blocked_at": None, "blocked_by": None, "reason": ""},
        {"reason": "replaced"},
        {"wrong_pins": 1},
        {"code": "222222222222"},
        {"volunteer_id": UNKNOWN},
    ],
)
def test_a_blocked_card_stays_so(card, zhao, change):
    cards.block(card=card, by=zhao)

    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Card.objects.filter(community=card.community).update(**change)


def test_a_volunteer_has_one_card_that_works(card, zhao):
    with pytest.raises(IntegrityError, match="card_that_works"), transaction.atomic():
        Card.objects.create(
            community=card.community, volunteer=card.volunteer, code="2" * 12, issued_by=zhao
        )


# --- paying -------------------------------------------------------------------------------------
def test_points_are_taken_in_one_step_and_the_redemption_names_the_card(
    books, wang, chen, card, pay
):
    (paid,) = pay(points=25)

    assert (paid.price_points, paid.volunteer) == (25, "王**")
    assert books(wang) == {
        "available": 75, "held": 0, "merchants": 25, "settled": 0, "stock": 5,
    }  # fmt: skip
    redeemed = Redemption.objects.get()
    assert (redeemed.status, redeemed.redeemed_by, redeemed.card) == ("redeemed", chen, card)
    assert ScanAttempt.objects.get().outcome == "redeemed"


def test_an_item_is_taken(pay, tea, books, wang):
    pay(items={tea.pk: 2})

    assert books(wang)["available"] == 40


def test_a_phones_code_is_taken_by_the_same_door(lake, wang, chen, shop, grant_points):
    grant_points(wang, 10)
    shown = pay_codes.show(volunteer=wang, community=lake).code

    (paid,) = cards.pay_by_code(merchant=shop, clerk=chen, code=shown, points=10)

    assert paid.price_points == 10
    assert Redemption.objects.get().card is None


@pytest.mark.parametrize(
    ("case", "refusal"),
    [
        ("of no card", CardUnknown),
        ("of another community", CardUnknown),
        ("lost", CardBlocked),
        ("of somebody who left", CardBlocked),
        ("of somebody who left and came back", CardBlocked),
        ("without its PIN", CardPinNeeded),
        ("with a wrong PIN", CardPinWrong),
        ("with too few points", InsufficientPoints),
        ("above the limit", CardLimitReached),
        ("of the clerk", OwnVoucher),
        ("that the clerk issued", CardIssuer),
        # The earlier one is told.
        ("lost, with a wrong PIN", CardBlocked),
        ("with a wrong PIN, above the limit", CardPinWrong),
        ("with too few points, above the limit", InsufficientPoints),
        ("above the limit, of the clerk", CardLimitReached),
    ],
)
def test_what_is_refused_moves_nothing_and_is_on_record(
    books, lake, hill, shop, wang, zhao, card, pay, wrong, person, case, refusal
):
    options = {"points": 10}
    if "of no card" in case:
        options["code"] = "2" * 12
    if "of another community" in case:
        apiary = partners.sign_contract(
            community=hill, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
        )
        clerk = person("feng")
        partners.employ(merchant=apiary.merchant, user=clerk, role=MerchantMember.Role.CLERK)
        with pytest.raises(refusal):
            cards.pay_by_code(
                merchant=apiary.merchant, clerk=clerk, code=card.code, pin="123456", points=1
            )
        assert ScanAttempt.objects.get().community == hill
        return
    if "lost" in case:
        cards.block(card=card, by=zhao)
    if "left" in case:
        people.leave(volunteer=Volunteer.objects.get(user=wang))
        if "came back" in case:
            people.enrol(user=wang, community=lake, kind="rider")
    if "without its PIN" in case:
        options["pin"] = None
    if "wrong PIN" in case:
        options["pin"] = wrong
    if "too few" in case:
        options["points"] = 101
    if "above the limit" in case and "few" not in case:
        options["points"] = 61
    if "of the clerk" in case:
        partners.employ(merchant=shop, user=wang, role=MerchantMember.Role.CLERK)
        options["clerk"] = wang
    if "the clerk issued" in case:
        partners.employ(merchant=shop, user=zhao, role=MerchantMember.Role.CLERK)
        options["clerk"] = zhao
    before = books(wang)

    with pytest.raises(refusal):
        pay(**options)

    assert books(wang) == before
    told = [] if refusal is CardPinNeeded else [refusal.code]  # it is asked for next
    assert [one.outcome for one in ScanAttempt.objects.all()] == told
    assert not Redemption.objects.filter(status__in=["held", "redeemed"]).exists()


def test_a_colleague_takes_what_a_clerk_may_not(pay, shop, zhao):
    partners.employ(merchant=shop, user=zhao, role=MerchantMember.Role.CLERK)
    with pytest.raises(CardIssuer):
        pay(clerk=zhao, points=10)

    assert pay(points=10)


# --- wrong PINs ---------------------------------------------------------------------------------
def test_the_fifth_wrong_pin_in_a_row_blocks_the_card(card, pay, wrong, wang):
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CardPinWrong) as refused:
            pay(pin=wrong, points=10)
        assert refused.value.facts == {"tries_left": left}

    with pytest.raises(CardBlocked):
        pay(points=10)
    card.refresh_from_db()
    assert (card.reason, card.blocked_by, card.wrong_pins) == ("wrong_pins", None, 5)
    assert AuditEntry.objects.get(action="card.block").actor is None
    assert Notice.objects.get(kind="card_blocked").recipient == wang


def test_a_right_pin_begins_anew_even_where_nothing_is_bought(card, pay, wrong):
    for _ in range(4):
        with pytest.raises(CardPinWrong):
            pay(pin=wrong, points=10)
    with pytest.raises(CardLimitReached):
        pay(points=61)

    for _ in range(4):
        with pytest.raises(CardPinWrong):
            pay(pin=wrong, points=10)

    assert pay(points=10)


def test_a_wrong_pin_spends_a_try_of_the_clerk_and_a_right_one_none(card, pay, wrong, chen):
    pay(points=10)
    for _ in range(attempts.CODES.limit - 1):
        attempts.take(attempts.CODES, chen.pk)
    pay(points=10)
    with pytest.raises(CardPinWrong):
        pay(pin=wrong, points=10)

    for pin in ({}, {"pin": None}):  # nor is a clerk told then which codes are cards
        with pytest.raises(TooManyAttempts):
            pay(**pin, points=10)

    assert Card.objects.get().wrong_pins == 1


@pytest.mark.django_db(transaction=True)
def test_a_clerk_with_one_try_left_is_told_of_one_pin(card, pay, wrong, pin, chen, at_once):
    for _ in range(attempts.CODES.limit - 1):
        attempts.take(attempts.CODES, chen.pk)

    outcomes = at_once(6, lambda number: pay(pin=wrong, points=1))

    assert Counter(outcomes) == {"card_pin_wrong": 1, "throttled": 5}
    assert Card.objects.get().wrong_pins == 1


@pytest.mark.django_db(transaction=True)
def test_many_counters_guess_at_one_card_five_times_and_no_more(
    card, pay, wrong, pin, shop, person, at_once
):
    guessing = [person(f"clerk{number}") for number in range(8)]
    for clerk in guessing:
        partners.employ(merchant=shop, user=clerk, role=MerchantMember.Role.CLERK)

    outcomes = at_once(8, lambda number: pay(clerk=guessing[number], pin=wrong, points=1))

    assert Counter(outcomes) == {"card_pin_wrong": 5, "card_blocked": 3}
    assert Card.objects.get().wrong_pins == 5


# --- the limit of a day -------------------------------------------------------------------------
def test_a_day_has_a_limit_for_all_cards_of_a_volunteer(lake, wang, zhao, pay):
    pay(points=40)
    new = cards.issue(community=lake, volunteer_id=wang.pk, by=zhao)
    with pytest.raises(CardLimitReached) as refused:
        pay(code=new.code, pin=new.pin, points=21)
    assert refused.value.facts == {"limit_points": 60}

    assert pay(code=new.code, pin=new.pin, points=20)


def test_several_items_count_together(pay, tea):
    Offer.objects.filter(pk=tea.pk).update(price_points=20)
    with pytest.raises(CardLimitReached):
        pay(items={tea.pk: 4})

    assert pay(items={tea.pk: 3})


def test_a_refund_gives_the_limit_back(pay, chen, tea):
    pay(items={tea.pk: 2})
    refunds.refund(redemption=Redemption.objects.get(), refunded_by=chen, reason="洒了", quantity=1)

    with pytest.raises(CardLimitReached):
        pay(points=31)
    assert pay(points=30)


def test_what_a_phone_paid_does_not_count(lake, wang, chen, shop, pay):
    shown = pay_codes.show(volunteer=wang, community=lake).code
    pay_codes.pay(merchant=shop, clerk=chen, code=shown, points=40)

    assert pay(points=60)


def test_the_limit_is_of_the_communitys_day(lake, pay):
    pay(points=60)
    midnight = datetime.combine(lake.today, time(), tzinfo=lake.clock)
    rewritten(Redemption, taken_at=midnight - timedelta(seconds=1))

    with pytest.raises(InsufficientPoints):
        pay(points=60)
    assert pay(points=40)


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_at_many_counters_at_one_moment(
    card, pin, pay, shop, person, at_once, books, wang
):
    clerks = [person(f"clerk{number}") for number in range(8)]
    for clerk in clerks:
        partners.employ(merchant=shop, user=clerk, role=MerchantMember.Role.CLERK)

    outcomes = at_once(8, lambda number: pay(clerk=clerks[number], points=13) and "paid")

    assert Counter(outcomes) == {"paid": 4, "card_limit_reached": 4}
    assert books(wang)["available"] == 100 - 4 * 13


@pytest.mark.django_db(transaction=True)
def test_a_card_blocked_at_the_moment_of_payment_pays_before_or_not_at_all(
    card, pay, zhao, at_once, books, wang
):
    def do(number):
        if number:
            return cards.block(card=card, by=zhao) and "blocked"
        return pay(points=10) and "paid"

    outcomes = Counter(at_once(2, do))

    assert outcomes in ({"paid": 1, "blocked": 1}, {"card_blocked": 1, "blocked": 1})
    assert books(wang)["available"] == 100 - 10 * outcomes["paid"]


@pytest.mark.django_db(transaction=True)
def test_cards_issued_at_one_moment_leave_one_that_works(lake, wang, zhao, at_once):
    at_once(4, lambda _: cards.issue(community=lake, volunteer_id=wang.pk, by=zhao) and "issued")

    assert Card.objects.count() == 4
    assert Card.objects.filter(blocked_at=None).count() == 1


# --- what is verified ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "change", "because"),
    [
        (Redemption, "card_id", "is gone"),
        (Card, "volunteer_id", "its points of"),
        (Card, "issued_by_id", "whoever issued its card handed it out"),
        (Card, "blocked_at", "its card was blocked before"),
    ],
)
def test_a_card_that_was_changed_behind_our_back_is_found(
    lake, chen, li, pay, model, change, because
):
    pay(points=10)
    assert found_in(lake, Kind.SETTLEMENTS) == []
    was = timezone.now() - timedelta(days=1)
    values = {"card_id": UNKNOWN, "volunteer_id": li.pk, "issued_by_id": chen.pk}
    facts = {"blocked_at": was, "reason": "lost"}
    rewritten(model, **(facts if change == "blocked_at" else {change: values[change]}))

    found = [one.because for one in found_in(lake, Kind.SETTLEMENTS)]

    assert any(because in one for one in found), found


# --- over HTTP ----------------------------------------------------------------------------------
def test_staff_issue_a_card_that_pays_and_block_it(logged_in, lake, wang, zhao, chen, shop):
    desk, till = logged_in(zhao), logged_in(chen)
    key = {"Idempotency-Key": "k1"}
    asked = "/api/v1/communities/lake/cards", {"volunteer_id": str(wang.pk)}

    made, again = (desk.post(*asked, headers=key) for _ in range(2))

    assert made.status_code == 201
    issued = made.json()
    assert again.json() == issued
    card = Card.objects.get()
    who = {"id": str(zhao.pk), "name": "赵社工"}
    shown = {
        "id": str(card.pk),
        "issued_at": card.issued_at.isoformat().replace("+00:00", "Z"),
        "blocked_at": None,
        "reason": None,
        "wrong_pins": 0,
        "community": {"code": "lake", "name": "碧沙湖社区"},
        "limit_points": 30,
        "is_blocked": False,
        "volunteer": {"id": str(wang.pk), "name": "王小明", "phone": "198****0001"},
        "issued_by": who,
        "blocked_by": None,
    }
    assert issued == {**shown, "code": card.code, "pin": card.pin}
    assert desk.get(f"/api/v1/cards/{card.pk}").json() == shown
    assert desk.get("/api/v1/communities/lake/cards").json()["results"] == [shown]
    blocked = [desk.post(f"/api/v1/cards/{card.pk}/block").json() for _ in range(2)]
    assert blocked[0] == blocked[1]
    assert (blocked[0]["reason"], blocked[0]["blocked_by"]) == ("lost", who)
    told = till.post(
        f"/api/v1/merchants/{shop.pk}/payments",
        {"code": issued["code"], "pin": issued["pin"], "points": 1},
        headers=key,
    )
    assert (told.status_code, told.json()["code"], told.json()["colour"]) == (
        409, "card_blocked", "red",
    )  # fmt: skip
    assert desk.post(*asked, headers=key).json()["pin"] is None


def test_a_volunteer_blocks_their_own_card_and_no_other(logged_in, card, wang, li):
    mine, theirs = logged_in(wang), logged_in(li)
    address = f"/api/v1/me/cards/{card.pk}/block"

    assert theirs.post(address).status_code == 404
    (told,) = mine.get("/api/v1/me/cards").json()["results"]
    assert told == {
        "id": str(card.pk),
        "issued_at": told["issued_at"],
        "blocked_at": None,
        "reason": None,
        "community": {"code": "lake", "name": "碧沙湖社区"},
        "limit_points": 60,
        "is_blocked": False,
    }
    assert mine.post(address).json()["reason"] == "lost"


def test_a_counter_is_told_that_a_scanned_code_wants_a_pin(logged_in, chen, shop, card):
    till = logged_in(chen)
    told = {
        "type": "/problems/card_pin_needed",
        "title": "这是积分卡，需要输入密码。",
        "status": 409,
        "code": "card_pin_needed",
        "result": "未核销",
        "colour": "amber",
        "sound": "attention",
        "what_to_do": "请志愿者输入六位数密码。",
    }

    scanned = till.post(
        f"/api/v1/merchants/{shop.pk}/scans",
        {"code": card.code},
        headers={"Idempotency-Key": "k1"},
    )
    paid = till.post(
        f"/api/v1/merchants/{shop.pk}/payments",
        {"code": card.code, "points": 5},
        headers={"Idempotency-Key": "k2"},
    )

    assert scanned.json() == paid.json() == told
    assert not ScanAttempt.objects.exists()


def test_a_counter_takes_points_by_card_once(logged_in, chen, shop, card, pin, books, wang):
    till = logged_in(chen)
    body = {"code": card.code.lower(), "pin": f"{pin[:3]} {pin[3:]}", "points": 5}
    address = f"/api/v1/merchants/{shop.pk}/payments"

    first, again = (till.post(address, body, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert (first.status_code, first.json()["price_points"]) == (201, 5)
    assert again.content == first.content
    assert books(wang)["available"] == 95


def test_a_wrong_pin_over_http_counts_once_for_a_repeated_request(
    logged_in, chen, shop, card, wrong
):
    till = logged_in(chen)
    body = {"code": card.code, "pin": wrong, "points": 5}
    address = f"/api/v1/merchants/{shop.pk}/payments"

    for _ in range(2):
        answer = till.post(address, body, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 403
        assert answer.json() | {"title": "", "what_to_do": ""} == {
            "type": "/problems/card_pin_wrong",
            "title": "",
            "status": 403,
            "code": "card_pin_wrong",
            "tries_left": 4,
            "result": "未核销",
            "colour": "amber",
            "sound": "attention",
            "what_to_do": "",
        }
    assert Card.objects.get().wrong_pins == 1


@pytest.mark.parametrize("pin", ["12345", "1234567", "12345a", ""])
def test_what_is_no_pin_is_no_guess(logged_in, chen, shop, card, pin):
    answer = logged_in(chen).post(
        f"/api/v1/merchants/{shop.pk}/payments",
        {"code": card.code, "pin": pin, "points": 5},
        headers={"Idempotency-Key": "k"},
    )

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["pin"])
    assert Card.objects.get().wrong_pins == 0


def test_a_manager_sets_the_limit_of_a_day(logged_in, lake, zhao, person):
    manager = person("qian")
    roles.give(user=manager, community=lake, role=Role.MANAGER)
    mine, desk = logged_in(manager), logged_in(zhao)
    address = "/api/v1/communities/lake/card-limit"

    assert desk.get(address).json() == {"card_limit_points": 30}
    assert desk.put(address, {"card_limit_points": 50}).status_code == 404
    assert mine.put(address, {"card_limit_points": 50}).json() == {"card_limit_points": 50}
    assert mine.put(address, {"card_limit_points": 1001}).status_code == 400
    entry = AuditEntry.objects.get(action="community.set_card_limit")
    assert (entry.before, entry.after) == ({"card_limit_points": 30}, {"card_limit_points": 50})


def test_staff_see_which_redemption_was_by_card(logged_in, zhao, card, pay):
    pay(points=10)

    (told,) = logged_in(zhao).get("/api/v1/communities/lake/redemptions").json()["results"]

    assert told["card_id"] == str(card.pk)
