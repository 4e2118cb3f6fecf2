"""A shop without a scanner: its code hangs at the counter, and the volunteer's phone confirms."""

from collections import Counter

import pytest
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.errors import GuardianConsentRequired
from backend.accounts.services import profile
from merchants.catalogue.errors import OfferUnknown, OutOfStock, PointsNotAgreed
from merchants.catalogue.services import offers as catalogue
from merchants.models import MerchantMember, Redemption, ScanAttempt, Terms
from merchants.partners.services import partnerships as partners
from merchants.redemption.errors import (
    CodeCancelled,
    CodeExpired,
    CodeUnknown,
    NotYourMerchant,
    OwnVoucher,
)
from merchants.redemption.services import refunds, shop_codes
from merchants.redemption.services import vouchers as redemption
from points.ledger.errors import InsufficientPoints

NOWHERE = "ZZZZZZZZZZZZ"


@pytest.fixture
def counter(tea_house, zhou) -> str:
    """The shop's code at the tea house's counter."""
    return shop_codes.renew(partnership=tea_house, by=zhou).shop_code


@pytest.fixture
def voucher(wang, tea, grant_points) -> Redemption:
    """A pot of tea that Wang took; 70 points are left."""
    grant_points(wang, 100)
    return redemption.take(offer=tea, volunteer=wang)


def test_a_voucher_is_confirmed_once_and_the_phone_shows_the_counter(
    books, wang, tea, voucher, counter, shop, zhou, logged_in
):
    address = f"/api/v1/me/vouchers/{voucher.pk}/confirm"
    typed = f"{counter[:4]}-{counter[4:8]} {counter[8:]}".lower()

    def confirm(key):
        headers = {"Idempotency-Key": key}
        return logged_in(wang).post(address, {"shop_code": typed}, format="json", headers=headers)

    first, again, another = confirm("one"), confirm("one"), confirm("two")

    assert first.status_code == 201, first.json()
    assert again.json() == first.json()
    screen = first.json()
    assert (screen["colour"], screen["offer_title"], screen["price_points"]) == (
        "green",
        "一壶茶",
        30,
    )
    assert screen["volunteer"] == "王**"
    assert (another.status_code, another.json()["code"]) == (409, "code_used")
    assert another.json()["colour"] == "red"
    assert books(wang) == {
        "available": 70,
        "held": 0,
        "merchants": 30,
        "settled": 0,
        "stock": 4,
    }
    # The owner reads of it as of any other, and of nobody who scanned it.
    told = logged_in(zhou).get(f"/api/v1/merchants/{shop.pk}/redemptions").json()["results"]
    assert [(one["volunteer"], one["redeemed_by"]) for one in told] == [("王**", None)]
    attempts = ScanAttempt.objects.order_by("pk").values_list("clerk", "outcome", "redemption")
    assert list(attempts) == [
        (wang.pk, "redeemed", voucher.pk),
        (wang.pk, "code_used", voucher.pk),
    ]


@pytest.mark.parametrize(
    ("case", "refusal"),
    [
        ("no shop's", CodeUnknown),
        ("another shop's", NotYourMerchant),
        ("the one before", CodeUnknown),
        ("cancelled", CodeCancelled),
        ("to be cancelled", CodeCancelled),
        ("lapsed", CodeExpired),
        ("lapsed and swept", CodeExpired),
    ],
)
def test_what_is_refused_is_on_record_and_moves_nothing(
    books, case, refusal, lake, wang, zhou, tea_house, tea, voucher, counter
):
    code = counter
    if case == "no shop's":
        code = NOWHERE
    elif case == "another shop's":
        noodles = partners.sign_contract(
            community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
        )
        code = shop_codes.renew(partnership=noodles, by=zhou).shop_code
    elif case == "the one before":
        shop_codes.renew(partnership=tea_house, by=zhou)
    elif case == "cancelled":
        redemption.cancel(redemption=voucher)
    elif case == "to be cancelled":
        Redemption.objects.update(cancel_asked_at=timezone.now())
    elif case.startswith("lapsed"):
        Redemption.objects.update(expires_at=timezone.now())
        if case == "lapsed and swept":
            redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk)
    before = books(wang)

    with pytest.raises(refusal):
        shop_codes.confirm(
            voucher=Redemption.objects.select_related("partnership", "volunteer").get(),
            shop_code=code,
        )

    assert books(wang) == before
    assert [attempt.outcome for attempt in ScanAttempt.objects.all()] == [refusal.code]


def test_another_persons_voucher_is_not_there(li, voucher, counter, logged_in):
    refused = logged_in(li).post(
        f"/api/v1/me/vouchers/{voucher.pk}/confirm",
        {"shop_code": counter},
        format="json",
        headers={"Idempotency-Key": "k"},
    )
    assert refused.status_code == 404


@pytest.mark.django_db(transaction=True)
def test_confirmed_on_two_phones_and_scanned_at_once(
    at_once, books, wang, chen, shop, voucher, counter
):
    def work(number):
        if number % 2:
            redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
        else:
            theirs = Redemption.objects.select_related("partnership", "volunteer").get()
            shop_codes.confirm(voucher=theirs, shop_code=counter)
        return "redeemed"

    outcomes = Counter(at_once(6, work))

    assert outcomes == {"redeemed": 1, "code_used": 5}
    assert books(wang)["merchants"] == 30
    assert Counter(ScanAttempt.objects.values_list("outcome", flat=True)) == outcomes


@pytest.mark.parametrize(
    ("chosen", "points", "price"),
    [({"quantity": 2}, None, 60), (None, 25, 25)],
)
def test_items_or_plain_points_are_paid_for_in_one_step(
    books, wang, tea, counter, grant_points, logged_in, chosen, points, price
):
    grant_points(wang, 100)
    body = {"shop_code": counter}
    body |= {"points": points} if points else {"items": [{"offer_id": str(tea.pk), **chosen}]}
    headers = {"Idempotency-Key": "k"}

    paid = logged_in(wang).post("/api/v1/me/payments", body, format="json", headers=headers)

    assert paid.status_code == 201, paid.json()
    assert paid.json()["price_points"] == price
    assert books(wang)["available"] == 100 - price
    assert books(wang)["merchants"] == price


def test_all_or_nothing(books, lake, wang, tea_house, tea, counter, grant_points):
    grant_points(wang, 100)
    rare = catalogue.offer(partnership=tea_house, code="R", title="饼", price_points=1, stock=0)
    before = books(wang)

    for items, refusal in (
        ({tea.pk: 1, rare.pk: 1}, OutOfStock),
        ({tea.pk: 4}, InsufficientPoints),
        ({lake.pk: 1}, OfferUnknown),
    ):
        with pytest.raises(refusal):
            shop_codes.pay(volunteer=wang, shop_code=counter, items=items)

    assert books(wang) == before
    assert not Redemption.objects.exists()
    refused = ScanAttempt.objects.order_by("pk").values_list("clerk", "outcome")
    assert list(refused) == [
        (wang.pk, "out_of_stock"),
        (wang.pk, "insufficient_points"),
        (wang.pk, "offer_unknown"),
    ]


def test_nobody_confirms_or_pays_where_they_work(books, wang, shop, tea, voucher, counter):
    partners.employ(merchant=shop, user=wang, role=MerchantMember.Role.CLERK)
    before = books(wang)

    with pytest.raises(OwnVoucher):
        shop_codes.confirm(voucher=voucher, shop_code=counter)
    for what in ({"items": {tea.pk: 1}}, {"points": 5}):
        with pytest.raises(OwnVoucher):
            shop_codes.pay(volunteer=wang, shop_code=counter, **what)

    assert books(wang) == before
    assert set(ScanAttempt.objects.values_list("outcome", flat=True)) == {"own_voucher"}


def test_a_shop_elsewhere_or_without_a_rate_takes_nothing(
    lake, hill, wang, zhou, zhao, tea_house, counter, grant_points, by_two
):
    grant_points(wang, 100)
    apiary = partners.sign_contract(
        community=hill, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
    )
    elsewhere = shop_codes.renew(partnership=apiary, by=zhou).shop_code
    with pytest.raises(CodeUnknown):
        shop_codes.pay(volunteer=wang, shop_code=elsewhere, points=1)

    by_two(
        partners.agree(
            partnership=tea_house, kind=Terms.Kind.SHARE, share_bp=1, valid_from=lake.today, by=zhao
        )
    )
    with pytest.raises(PointsNotAgreed):
        shop_codes.pay(volunteer=wang, shop_code=counter, points=1)


def test_a_child_without_a_guardian_pays_nothing(lake, wang, tea, counter, grant_points):
    grant_points(wang, 100)
    profile.change(user=wang, born_on=ages.today())
    wang.refresh_from_db()

    for what in ({"points": 1}, {"items": {tea.pk: 1}}):
        with pytest.raises(GuardianConsentRequired):
            shop_codes.pay(volunteer=wang, shop_code=counter, **what)


def test_it_is_refunded_like_any_other(books, wang, tea, zhou, counter, grant_points):
    grant_points(wang, 100)
    (paid,) = shop_codes.pay(volunteer=wang, shop_code=counter, items={tea.pk: 3})

    redeemed = Redemption.objects.get(pk=paid.id)
    refunds.refund(redemption=redeemed, refunded_by=zhou, reason="凉了", quantity=1)

    assert books(wang)["available"] == 40
    assert books(wang)["stock"] == 3


def test_staff_print_the_code_of_a_shop(tea_house, counter, zhao, chen, logged_in):
    address = f"/api/v1/partnerships/{tea_house.pk}/shop-code/code.svg"

    below = {"name": "茶馆", "community": {"code": "lake", "name": "碧沙湖社区"}}
    told = logged_in(zhao).get(address.removesuffix("/code.svg")).json()
    assert told == below | {"shop_code": counter}
    assert b"<svg" in logged_in(zhao).get(address).getvalue()
    assert logged_in(chen).get(address).status_code == 404
