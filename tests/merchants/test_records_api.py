"""Redemptions and refused scans, as staff and auditors read them."""

import pytest

from merchants.models import ScanAttempt
from merchants.redemption import errors
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption


@pytest.fixture
def desk(zhao, logged_in):
    return logged_in(zhao)


def test_a_redemption_leads_from_the_transfer_to_the_statement(
    desk, lake, redeemed, chen, zhao, shop, tea_house
):
    taken = redeemed("2024-03-05 10:00", quantity=2)
    refunds.refund(redemption=taken, refunded_by=zhao, reason="凉了", quantity=1, is_late=True)

    one = desk.get(f"/api/v1/redemptions/{taken.pk}")

    assert one.json() == {
        "id": str(taken.pk),
        "offer_code": "TEA",
        "offer_title": "一壶茶",
        "quantity": 2,
        "price_points": 60,
        "fen_per_point": 10,
        "amount_fen": 600,
        "redeemed_at": "2024-03-05T02:00:00Z",
        "redeemed_by": {"id": str(chen.pk), "name": chen.name},
        "refunded_quantity": 1,
        "merchant": {"id": str(shop.pk), "name": "茶馆"},
        "volunteer": "王**",
        "transfer_id": str(taken.transfer_id),
        "statement_id": None,
        "device_time": None,
        "clock_mark": "",
        "card_id": None,
    }
    transfer = desk.get("/api/v1/communities/lake/transfers?reason=redemption").json()["results"][0]
    assert transfer["source"] == f"redemption:{taken.pk}"
    assert desk.get("/api/v1/communities/lake/redemptions").json()["results"] == [one.json()]
    (refunded,) = desk.get(f"/api/v1/redemptions/{taken.pk}/refunds").json()["results"]
    assert refunded == {
        "id": refunded["id"],
        "redemption_id": str(taken.pk),
        "quantity": 1,
        "points": 30,
        "amount_fen": 300,
        "reason": "凉了",
        "refunded_at": refunded["refunded_at"],
        "merchant": {"id": str(shop.pk), "name": "茶馆"},
        "offer_title": "一壶茶",
        "refunded_by": {"id": str(zhao.pk), "name": zhao.name},
        "statement_id": None,
    }
    refunded_all = "/api/v1/communities/lake/refunds"
    for query in ("", f"?merchant={shop.pk}", "?text=凉", "?text=茶馆", "?since=2024-03-05"):
        assert desk.get(f"{refunded_all}{query}").json()["results"] == [refunded], query
    for query in (f"?merchant={tea_house.pk}", "?text=热", "?until=2024-03-04"):
        assert desk.get(f"{refunded_all}{query}").json()["results"] == [], query


def test_who_works_at_the_shop_opens_what_its_list_shows(
    logged_in, lake, redeemed, chen, zhou, wang, shop
):
    taken = redeemed("2024-03-05 10:00")
    address = f"/api/v1/redemptions/{taken.pk}"
    listed = f"/api/v1/merchants/{shop.pk}/redemptions"

    clerks, owners = logged_in(chen), logged_in(zhou)

    assert clerks.get(listed).json()["results"] == [clerks.get(address).json()]
    assert owners.get(listed).json()["results"] == [owners.get(address).json()]
    assert owners.get(address).json() == clerks.get(address).json() | {
        "redeemed_by": {"id": str(chen.pk), "name": chen.name}
    }
    assert logged_in(wang).get(address).status_code == 404
    assert owners.get(f"{address}/refunds").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("since=2024-03-05&until=2024-03-05", 1),
        ("since=2024-03-06", 0),
        ("until=2024-03-04", 0),
        ("merchant={shop}", 1),
        ("text=一壶", 1),
        ("text=茶馆", 1),
        ("text=面", 0),
        ("offer=01900000-0000-7000-8000-000000000000", 0),
        ("merchant=01900000-0000-7000-8000-000000000000", 0),
    ],
)
def test_they_are_found_by_day_and_shop(desk, redeemed, shop, query, found):
    redeemed("2024-03-05 00:00")

    answer = desk.get(f"/api/v1/communities/lake/redemptions?{query.format(shop=shop.pk)}")

    assert len(answer.json()["results"]) == found


def test_what_is_held_is_nobodys_business(desk, wang, tea, grant_points):
    grant_points(wang, 30)
    redemption.take(offer=tea, volunteer=wang)

    assert desk.get("/api/v1/communities/lake/redemptions").json()["results"] == []


def test_what_was_refused_is_read_without_the_code(desk, redeemed, shop, chen):
    taken = redeemed("2024-03-05 10:00")
    for code in (taken.code, "234567892345"):
        with pytest.raises((errors.CodeUsed, errors.CodeUnknown)):
            redemption.scan(merchant_id=shop.pk, clerk=chen, code=code)

    answer = desk.get("/api/v1/communities/lake/refused-scans")

    assert taken.code not in answer.text
    unknown, used = answer.json()["results"]
    assert used == {
        "id": used["id"],
        "outcome": "code_used",
        "merchant_id": str(shop.pk),
        "merchant_name": "茶馆",
        "clerk": {"id": str(chen.pk), "name": chen.name},
        "device": None,
        "device_time": None,
        "counts_at": None,
        "clock_mark": "",
        "scanned_at": used["scanned_at"],
        "redemption_id": str(taken.pk),
    }
    assert (unknown["outcome"], unknown["redemption_id"]) == ("code_unknown", None)
    only = desk.get("/api/v1/communities/lake/refused-scans?outcome=code_used").json()["results"]
    assert only == [used]
    assert desk.get(f"/api/v1/communities/lake/refused-scans/{used['id']}").json() == used


def test_a_volunteer_who_tried_is_not_named(desk, wang, shop, redeemed):
    taken = redeemed("2024-03-05 10:00")
    ScanAttempt.objects.create(
        community=taken.community,
        merchant=shop,
        clerk=wang,
        code="X",
        outcome="code_used",
        redemption=taken,
    )

    (told,) = desk.get("/api/v1/communities/lake/refused-scans").json()["results"]

    assert told["clerk"] is None
    assert "王" not in str(told)


def test_lines_of_an_account_say_the_shop_and_the_item(redeemed, wang, chen, tea, shop, logged_in):
    taken = redeemed("2024-03-05 10:00", quantity=2)
    refunds.refund(
        redemption=taken, refunded_by=chen, reason="凉了", quantity=1, now=taken.closed_at
    )
    phone = logged_in(wang)

    back, spent, earned = phone.get("/api/v1/me/wallets/lake/transfers").json()["results"]

    ids = {
        "voucher_id": str(taken.pk),
        "offer_id": str(tea.pk),
        "merchant_id": str(shop.pk),
    }
    assert (spent["reason"], spent["about"]) == (
        "redemption",
        {"words": "茶馆: 一壶茶 × 2", "ids": ids},
    )
    assert (back["reason"], back["about"]) == ("refund", {"words": "茶馆: 一壶茶 × 1", "ids": ids})
    assert earned["about"] is None
    assert phone.get(f"/api/v1/me/transfers/{spent['id']}").json()["about"] == spent["about"]
    assert phone.get(f"/api/v1/me/vouchers/{ids['voucher_id']}").status_code == 200
