"""Paying with a code that changes every minute: once, at a shop of the community, or not at all."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from backend.accounts.models import Attempts
from backend.registries.checks import Kind
from merchants.catalogue.errors import OfferUnknown, OfferWithdrawn, OutOfStock, PointsNotAgreed
from merchants.catalogue.services import offers as catalogue
from merchants.models import (
    MerchantMember,
    Offer,
    Partnership,
    PayCode,
    Redemption,
    ScanAttempt,
    Terms,
)
from merchants.partners.services import partnerships as partners
from merchants.redemption import tasks
from merchants.redemption.errors import CodeUnknown, CodeUsed, OwnVoucher, PayCodeExpired
from merchants.redemption.services import pay_codes
from points.ledger.errors import InsufficientPoints
from tests.verified import found_in

UNKNOWN = UUID("01900000-0000-7000-8000-000000000000")


@pytest.fixture
def shown(lake, wang, grant_points) -> str:
    """Wang has 100 points and shows this."""
    grant_points(wang, 100)
    return pay_codes.show(volunteer=wang, community=lake).code


@pytest.fixture
def pay(shop, chen, tea):
    """Chen takes one tea's points: ``pay(code)``."""

    def take(code, quantity=1, offer_id=tea.pk, merchant=shop, clerk=chen):
        return pay_codes.pay(merchant=merchant, clerk=clerk, code=code, items={offer_id: quantity})

    return take


def test_an_item_is_taken_and_redeemed_in_one_step(books, wang, chen, shown, pay):
    (paid,) = pay(f"{shown[:6]} {shown[6:]}".lower(), quantity=2)

    assert (paid.offer_title, paid.quantity, paid.price_points) == ("一壶茶", 2, 60)
    assert paid.volunteer == "王**"
    assert books(wang) == {
        "available": 40, "held": 0, "merchants": 60, "settled": 0, "stock": 3,
    }  # fmt: skip
    redeemed = Redemption.objects.get()
    assert (redeemed.status, redeemed.redeemed_by, redeemed.volunteer) == ("redeemed", chen, wang)
    assert ScanAttempt.objects.get().outcome == "redeemed"


def later(shown, seconds):
    """Return the code as it is ``seconds`` after it was made."""
    PayCode.objects.update(expires_at=timezone.now() + timedelta(seconds=60 - seconds))
    return shown


@pytest.mark.parametrize(
    ("case", "refusal"),
    [
        ("photographed 90 s ago", PayCodeExpired),
        ("used", CodeUsed),
        ("a character was changed", CodeUnknown),
        ("another community's", CodeUnknown),
        ("of an offer that is another merchant's", OfferUnknown),
        ("of no offer", OfferUnknown),
        ("of an offer withdrawn", OfferWithdrawn),
        ("with too few points", InsufficientPoints),
        ("of more than there are", OutOfStock),
    ],
)
def test_what_is_refused_moves_nothing_and_is_on_record(
    books, lake, hill, wang, tea, shown, pay, person, case, refusal
):
    code, options = shown, {}
    if case == "photographed 90 s ago":
        later(shown, 90)
    elif case == "used":
        pay(shown)
        Offer.objects.update(stock=5)
    elif case == "a character was changed":
        code = ("3" if shown[0] == "2" else "2") + shown[1:]
    elif case == "another community's":
        apiary = partners.sign_contract(
            community=hill, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
        )
        clerk = person("feng")
        role = MerchantMember.Role.CLERK
        partners.employ(merchant=apiary.merchant, user=clerk, role=role)
        options = {"merchant": apiary.merchant, "clerk": clerk}
    elif case == "of an offer that is another merchant's":
        noodle_bar = partners.sign_contract(
            community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
        )
        noodles = catalogue.offer(
            partnership=noodle_bar, code="N", title="面", price_points=1, stock=5
        )
        options = {"offer_id": noodles.pk}
    elif case == "of no offer":
        options = {"offer_id": UNKNOWN}
    elif case == "of an offer withdrawn":
        Offer.objects.filter(pk=tea.pk).update(status="withdrawn")
    elif case == "with too few points":
        options = {"quantity": 4}
    elif case == "of more than there are":
        Offer.objects.filter(pk=tea.pk).update(stock=1)
        options = {"quantity": 2}
    before = books(wang)

    with pytest.raises(refusal):
        pay(code, **options)

    assert books(wang) == before
    assert ScanAttempt.objects.latest("pk").outcome == refusal.code
    assert not Redemption.objects.exclude(status="redeemed").exists()


def test_a_refusal_leaves_the_code_good(wang, tea, shown, pay, books):
    with pytest.raises(InsufficientPoints):
        pay(shown, quantity=4)

    assert pay(shown)[0].price_points == 30


def test_a_new_code_does_not_spoil_the_one_that_was_just_scanned(lake, wang, shown, pay):
    next_one = pay_codes.show(volunteer=wang, community=lake).code

    assert next_one != shown
    assert pay(shown)[0].quantity == 1
    assert pay(next_one)[0].quantity == 1


def test_old_codes_are_not_kept(lake, wang, shown):
    PayCode.objects.update(expires_at=timezone.now() - timedelta(hours=2))
    pay_codes.show(volunteer=wang, community=lake)

    tasks.forget_old_pay_codes()

    assert PayCode.objects.get().expires_at > timezone.now()
    assert shown not in PayCode.objects.get().code_digest


def test_nobody_takes_their_own_points(books, wang, shop, shown, pay):
    partners.employ(merchant=shop, user=wang, role=MerchantMember.Role.OWNER)
    before = books(wang)

    with pytest.raises(OwnVoucher):
        pay(shown, clerk=wang)
    with pytest.raises(OwnVoucher):
        pay_codes.pay(merchant=shop, clerk=wang, code=shown, points=100)

    assert books(wang) == before
    assert pay(shown)[0].price_points == 30  # a colleague may


@pytest.mark.django_db(transaction=True)
def test_one_code_at_several_counters(books, wang, shown, pay, at_once):
    outcomes = at_once(8, lambda _: pay(shown) and "paid")

    assert Counter(outcomes) == {"paid": 1, "code_used": 7}
    assert books(wang) == {
        "available": 70, "held": 0, "merchants": 30, "settled": 0, "stock": 4,
    }  # fmt: skip


def cake_at(partnership, stock=5):
    return catalogue.offer(
        partnership=partnership, code="CAKE", title="一块糕", price_points=20, stock=stock
    )


def test_several_items_are_paid_for_in_one_scan(books, tea, wang, chen, shop, shown):
    cake = cake_at(tea.partnership)

    paid = pay_codes.pay(merchant=shop, clerk=chen, code=shown, items={cake.pk: 2, tea.pk: 1})

    assert {(item.offer_title, item.quantity, item.price_points) for item in paid} == {
        ("一壶茶", 1, 30),
        ("一块糕", 2, 40),
    }
    assert books(wang)["available"] == 30
    assert set(Redemption.objects.values_list("status", flat=True)) == {"redeemed"}


def test_of_several_items_all_are_taken_or_none(books, tea, wang, chen, shop, shown):
    cake = cake_at(tea.partnership, stock=1)
    before = books(wang)

    with pytest.raises(OutOfStock):
        pay_codes.pay(merchant=shop, clerk=chen, code=shown, items={tea.pk: 1, cake.pk: 2})

    assert books(wang) == before
    assert not Redemption.objects.exists()
    assert ScanAttempt.objects.get().outcome == "out_of_stock"


def test_a_clerk_enters_points(books, wang, chen, shop, shown, logged_in):
    (paid,) = pay_codes.pay(merchant=shop, clerk=chen, code=shown, points=37)

    assert (paid.offer_title, paid.price_points) == ("积分", 37)
    assert books(wang)["available"] == 63
    redeemed = Redemption.objects.get()
    assert (redeemed.amount_fen, redeemed.status) == (370, "redeemed")  # 10 fen a point
    phone = logged_in(wang)
    offers = phone.get("/api/v1/offers").json()["results"]
    assert "积分" not in [offer["title"] for offer in offers]
    assert phone.get(f"/api/v1/offers/{redeemed.offer_id}").status_code == 404


def test_points_alone_leave_nothing_to_be_found(lake, chen, shop, shown):
    pay_codes.pay(merchant=shop, clerk=chen, code=shown, points=37)

    assert found_in(lake, Kind.SETTLEMENTS) == []


def test_points_alone_need_a_contract_by_points(
    books, lake, wang, chen, shop, tea, shown, zhao, by_two
):
    by_two(
        partners.agree(
            partnership=tea.partnership,
            kind=Terms.Kind.SHARE,
            share_bp=5_000,
            valid_from=lake.today,
            by=zhao,
        )
    )
    before = books(wang)

    with pytest.raises(PointsNotAgreed):
        pay_codes.pay(merchant=shop, clerk=chen, code=shown, points=37)

    assert books(wang) == before
    assert ScanAttempt.objects.get().outcome == "points_not_agreed"


# --- over HTTP ----------------------------------------------------------------------------


def test_a_phone_shows_a_code_and_a_counter_takes_points_once(
    logged_in, wang, chen, shop, tea, grant_points, books
):
    grant_points(wang, 100)
    phone, till = logged_in(wang), logged_in(chen)

    made = phone.post("/api/v1/me/pay-codes", {"community": "lake"})

    assert made.status_code == 201
    assert made.json().keys() == {"id", "code", "expires_at"}
    (kept,) = PayCode.objects.values()
    assert made.json()["code"] not in str(kept)
    address = f"/api/v1/merchants/{shop.pk}/payments"
    body = {"code": made.json()["code"], "items": [{"offer_id": str(tea.pk)}]}
    first, again = (till.post(address, body, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    redeemed = Redemption.objects.get()
    assert (first.status_code, first.json()) == (
        201,
        {
            "result": "已核销",
            "colour": "green",
            "sound": "success",
            "items": [
                {
                    "id": str(redeemed.pk),
                    "offer_title": "一壶茶",
                    "picture": None,
                    "quantity": 1,
                    "price_points": 30,
                }
            ],
            "price_points": 30,
            "redeemed_at": redeemed.closed_at.isoformat().replace("+00:00", "Z"),
            "volunteer": "王**",
        },
    )
    assert again.content == first.content
    assert books(wang)["available"] == 70
    assert PayCode.objects.get().code_encrypted == ""
    refused = till.post(address, body, headers={"Idempotency-Key": "k2"})
    assert (refused.status_code, refused.json()["code"]) == (409, "code_used")
    assert refused.json()["what_to_do"] == "请勿发放，该券已在所示时间核销。"


def test_a_pay_code_is_told_again_until_it_is_used(logged_in, wang, chen, shop, grant_points):
    grant_points(wang, 100)
    phone, key = logged_in(wang), {"Idempotency-Key": "k"}
    asked = "/api/v1/me/pay-codes", {"community": "lake"}
    lost, found = (phone.post(*asked, headers=key) for _ in range(2))
    assert (found.status_code, found.json()) == (201, lost.json())
    assert PayCode.objects.count() == 1

    pay_codes.pay(merchant=shop, clerk=chen, code=found.json()["code"], points=10)

    assert phone.post(*asked, headers=key).json() == found.json() | {"code": None}


@pytest.mark.parametrize(
    ("offer", "quantity", "status", "body"),
    [
        ({}, 4, 409, {"code": "insufficient_points", "needed": 120}),
        ({"stock": 1}, 2, 409, {"code": "out_of_stock"}),
        (
            {"limit_quantity": 1, "limit_period": "day"},
            2,
            409,
            {"code": "limit_reached", "limit": 1, "period": "day"},
        ),
        ({"min_hours": 5, "min_age": 18}, 1, 403, {"code": "not_eligible"}),
        ({"valid_until": "2020-01-01"}, 1, 409, {"code": "offer_not_on_now"}),
        ({"status": "withdrawn"}, 1, 409, {"code": "offer_withdrawn"}),
        ({"code": "another"}, 1, 404, {"code": "offer_unknown"}),
    ],
)
def test_a_clerk_is_told_what_to_do_and_nothing_of_the_person(
    logged_in, chen, shop, tea, shown, offer, quantity, status, body
):
    Offer.objects.filter(pk=tea.pk).update(**offer)
    wanted = UNKNOWN if body["code"] == "offer_unknown" else tea.pk

    answer = logged_in(chen).post(
        f"/api/v1/merchants/{shop.pk}/payments",
        {"code": shown, "items": [{"offer_id": str(wanted), "quantity": quantity}]},
        headers={"Idempotency-Key": "k1"},
    )

    told = answer.json()
    assert told.pop("what_to_do")
    assert answer.status_code == status
    assert told == body | {
        "type": f"/problems/{body['code']}",
        "title": told["title"],
        "status": status,
        "result": "未核销",
        "colour": "red",
        "sound": "refused",
    }


def test_a_pay_code_at_the_counters_scanner_says_that_it_pays(
    logged_in, chen, wang, shop, shown, tea, books
):
    before = books(wang)

    answer = logged_in(chen).post(
        f"/api/v1/merchants/{shop.pk}/scans", {"code": shown}, headers={"Idempotency-Key": "1"}
    )

    told = answer.json()
    assert (answer.status_code, told["code"], told["colour"]) == (409, "pay_code_shown", "amber")
    assert books(wang) == before
    assert not ScanAttempt.objects.exists()
    assert not Attempts.objects.filter(scope="codes").exists()  # it was no guess


def test_a_volunteers_own_phone_is_told_all_of_it(logged_in, wang, shop, tea, grant_points):
    grant_points(wang, 20)
    Partnership.objects.filter(merchant=shop).update(shop_code="2345ABCDEFGH")

    answer = logged_in(wang).post(
        "/api/v1/me/payments",
        {"shop_code": "2345-abcd-efgh", "items": [{"offer_id": str(tea.pk)}]},
        headers={"Idempotency-Key": "k1"},
    )

    told = answer.json()
    assert (told["code"], told["available"], told["needed"]) == ("insufficient_points", 20, 30)
    assert (told["colour"], told["sound"]) == ("red", "refused")


def test_an_offer_in_two_lines_is_paid_for_twice(logged_in, wang, chen, shop, tea, shown, books):
    line = {"offer_id": str(tea.pk), "quantity": 1}

    answer = logged_in(chen).post(
        f"/api/v1/merchants/{shop.pk}/payments",
        {"code": shown, "items": [line, line]},
        headers={"Idempotency-Key": "k1"},
    )

    assert (answer.status_code, answer.json()["price_points"]) == (201, 60)
    assert books(wang)["available"] == 40


def test_nobody_shows_a_code_for_where_they_are_not(logged_in, wang, hill):
    answer = logged_in(wang).post("/api/v1/me/pay-codes", {"community": "hill"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not PayCode.objects.exists()


def test_who_does_not_work_there_takes_nothing(logged_in, wang, shop, tea, shown):
    answer = logged_in(wang).post(
        f"/api/v1/merchants/{shop.pk}/payments",
        {"code": shown, "items": [{"offer_id": str(tea.pk)}]},
        headers={"Idempotency-Key": "k1"},
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not ScanAttempt.objects.exists()
