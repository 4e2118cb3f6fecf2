"""Vouchers: what is set aside, what moves, what comes back, and who is refused."""

import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from merchants.catalogue.errors import OfferWithdrawn, OutOfStock
from merchants.models import MerchantMember, Offer, Redemption, ScanAttempt, Terms
from merchants.partners.errors import MerchantUnknown
from merchants.partners.services import partnerships as partners
from merchants.redemption import tasks
from merchants.redemption.errors import (
    CodeCancelled,
    CodeExpired,
    CodeUnknown,
    CodeUsed,
    NotYourMerchant,
    OwnVoucher,
    VoucherStatusWrong,
)
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from points.ledger.errors import InsufficientPoints
from points.models import Transfer
from volunteers.models import Volunteer
from volunteers.people.services.people import enrol

LAPSED_AT_ONCE = timedelta(0)


@pytest.fixture
def voucher(wang, tea, grant_points) -> Redemption:
    """Wang has 100 points and has taken one tea."""
    grant_points(wang, 100)
    return redemption.take(offer=tea, volunteer=wang)


@pytest.fixture
def scan(tea_house, chen):
    """Chen of the tea house scans: ``scan(voucher)``."""
    return lambda voucher: redemption.scan(
        merchant_id=tea_house.merchant.pk, clerk=chen, code=voucher.code
    )


@pytest.fixture
def clerk_of(person):
    """A clerk at that partner's: ``clerk_of(noodle_bar)``."""

    def employ(partnership, name="feng"):
        clerk = person(name)
        role = MerchantMember.Role.CLERK
        partners.employ(merchant=partnership.merchant, user=clerk, role=role)
        return clerk

    return employ


@pytest.fixture
def noodle_bar(lake):
    """面馆, another partner of the lake."""
    return partners.sign_contract(
        community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
    )


# --- what moves ---------------------------------------------------------------------------


def test_taking_sets_points_and_stock_aside(books, wang, tea, grant_points):
    grant_points(wang, 100)

    voucher = redemption.take(offer=tea, volunteer=wang, quantity=2)

    assert books(wang) == {
        "available": 40,
        "held": 60,
        "merchants": 0,
        "settled": 0,
        "stock": 3,
    }
    assert (voucher.status, voucher.quantity, voucher.price_points) == ("held", 2, 60)
    assert voucher.closed_at is None


def test_scanning_moves_the_points_to_the_merchant(books, wang, chen, voucher, scan):
    scan(voucher)

    voucher.refresh_from_db()
    assert books(wang) == {
        "available": 70,
        "held": 0,
        "merchants": 30,
        "settled": 0,
        "stock": 4,
    }
    assert (voucher.status, voucher.redeemed_by) == ("redeemed", chen)
    transfer = Transfer.objects.get(pk=voucher.transfer_id)
    assert (transfer.key, transfer.reason) == (f"redemption:{voucher.pk}", "redemption")
    assert transfer.explanation == {"offer": "TEA", "price_points": 30, "quantity": 1}


def test_cancelling_gives_both_back_once(books, wang, voucher):
    untouched = {"available": 100, "held": 0, "merchants": 0, "settled": 0, "stock": 5}

    assert redemption.cancel(redemption=voucher).status == "cancelled"
    assert books(wang) == untouched

    assert redemption.cancel(redemption=voucher).status == "cancelled"
    assert books(wang) == untouched


def test_what_was_scanned_is_not_cancelled(books, wang, voucher, scan):
    scan(voucher)
    before = books(wang)

    with pytest.raises(VoucherStatusWrong):
        redemption.cancel(redemption=voucher)

    assert books(wang) == before


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_gives_back_what_lapsed_once(books, wang, tea, voucher, settings):
    settings.VOUCHER_LIFETIME = LAPSED_AT_ONCE
    lapsed = redemption.take(offer=tea, volunteer=wang)
    only_the_other_is_held = {
        "available": 70,
        "held": 30,
        "merchants": 0,
        "settled": 0,
        "stock": 4,
    }

    tasks.sweep_expired_vouchers()

    assert books(wang) == only_the_other_is_held
    assert dict(Redemption.objects.values_list("pk", "status")) == {
        voucher.pk: "held",
        lapsed.pk: "expired",
    }
    tasks.sweep_expired_vouchers()
    tasks.release_voucher(str(lapsed.community_id), str(lapsed.pk))
    tasks.release_voucher(str(voucher.community_id), str(voucher.pk))
    assert books(wang) == only_the_other_is_held


def test_price_and_rate_are_those_of_the_moment_it_was_taken(
    books, wang, zhao, tea, tea_house, voucher, scan
):
    Offer.objects.filter(pk=tea.pk).update(price_points=99)
    partners.agree(
        partnership=tea_house,
        kind=Terms.Kind.PER_POINT,
        fen_per_point=1,
        by=zhao,
        valid_from=tea_house.community.today,
    )

    scan(voucher)

    assert books(wang)["merchants"] == 30
    voucher.refresh_from_db()
    assert (voucher.price_points, voucher.fen_per_point, voucher.amount_fen) == (30, 10, 300)


def test_a_code_may_be_typed_as_it_is_read_aloud(voucher, tea_house, chen):
    spoken = f" {voucher.code[:4]}-{voucher.code[4:8]} {voucher.code[8:]}".lower()

    redeemed = redemption.scan(merchant_id=tea_house.merchant.pk, clerk=chen, code=spoken)

    assert redeemed.id == voucher.pk


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "quantity", "refusal", "facts"),
    [
        ({}, 4, InsufficientPoints, {"available": 100, "needed": 120}),
        ({"stock": 0}, 4, InsufficientPoints, {"available": 100, "needed": 120}),
        ({"stock": 0}, 1, OutOfStock, {}),
        ({"stock": 2}, 3, OutOfStock, {}),
        ({"status": "withdrawn"}, 1, OfferWithdrawn, {}),
        ({"status": "withdrawn", "stock": 0}, 4, OfferWithdrawn, {}),
    ],
)
def test_a_refused_take_moves_nothing(
    books, wang, tea, grant_points, changed, quantity, refusal, facts
):
    grant_points(wang, 100)
    Offer.objects.filter(pk=tea.pk).update(**changed)
    tea.refresh_from_db()
    before = books(wang)

    with pytest.raises(refusal) as refused:
        redemption.take(offer=tea, volunteer=wang, quantity=quantity)

    assert refused.value.facts == facts
    assert books(wang) == before
    assert not Redemption.objects.exists()


def test_who_never_earned_anything_can_pay_nothing(li, tea):
    with pytest.raises(InsufficientPoints) as refused:
        redemption.take(offer=tea, volunteer=li)

    assert refused.value.facts == {"available": 0, "needed": 30}
    assert Offer.objects.get(pk=tea.pk).stock == 5


@pytest.fixture
def show(wang, tea, grant_points, scan, settings):
    """Wang shows a voucher in the state that the name says."""

    def voucher_that_is(state: str) -> Redemption:
        if state.startswith("lapsed"):
            settings.VOUCHER_LIFETIME = LAPSED_AT_ONCE
        grant_points(wang, 100)
        voucher = redemption.take(offer=tea, volunteer=wang)
        if state == "used":
            scan(voucher)
        elif state == "cancelled":
            redemption.cancel(redemption=voucher)
        elif state == "lapsed and swept":
            assert redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk)
        return voucher

    return voucher_that_is


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("used", CodeUsed),
        ("cancelled", CodeCancelled),
        ("lapsed and swept", CodeExpired),
    ],
)
def test_a_refused_scan_moves_nothing_and_stays_on_record(
    books, show, scan, wang, chen, tea_house, state, refusal
):
    voucher = show(state)
    before, status = books(wang), Redemption.objects.get().status

    with pytest.raises(refusal):
        scan(voucher)

    assert books(wang) == before
    assert Redemption.objects.get().status == status
    attempt = ScanAttempt.objects.latest("pk")
    assert (attempt.outcome, attempt.code) == (refusal.code, voucher.code)
    assert (attempt.merchant, attempt.clerk, attempt.redemption) == (
        tea_house.merchant,
        chen,
        voucher,
    )


def test_a_lapsed_code_is_back_in_the_wallet_when_its_scan_says_so(books, show, scan, wang):
    lapsed = show("lapsed, no sweep has run")

    with pytest.raises(CodeExpired):
        scan(lapsed)

    assert books(wang) == {"available": 100, "held": 0, "merchants": 0, "settled": 0, "stock": 5}
    assert Redemption.objects.get().status == "expired"
    assert ScanAttempt.objects.get().outcome == "code_expired"


def test_a_used_code_says_when_it_was_used(voucher, scan):
    closed_at = scan(voucher).redeemed_at

    with pytest.raises(CodeUsed) as refused:
        scan(voucher)

    assert refused.value.facts == {"redeemed_at": closed_at}


def test_who_does_not_work_there_scans_nothing(books, wang, voucher, tea_house, person):
    before = books(wang)

    with pytest.raises(MerchantUnknown):
        redemption.scan(merchant_id=tea_house.merchant.pk, clerk=person("feng"), code=voucher.code)

    assert books(wang) == before
    assert not ScanAttempt.objects.exists()


def test_nobody_scans_their_own_voucher(books, wang, voucher, tea_house, scan):
    partners.employ(merchant=tea_house.merchant, user=wang, role=MerchantMember.Role.OWNER)
    before = books(wang)

    with pytest.raises(OwnVoucher):
        redemption.scan(merchant_id=tea_house.merchant_id, clerk=wang, code=voucher.code)

    assert books(wang) == before
    assert ScanAttempt.objects.get().outcome == "own_voucher"
    scan(voucher)  # a colleague may
    with pytest.raises(OwnVoucher):
        refunds.refund(redemption=voucher, refunded_by=wang, reason="退给自己")


def test_a_voucher_of_another_merchant_is_refused(books, wang, voucher, noodle_bar, clerk_of):
    clerk = clerk_of(noodle_bar)
    before = books(wang)

    with pytest.raises(NotYourMerchant):
        redemption.scan(merchant_id=noodle_bar.merchant.pk, clerk=clerk, code=voucher.code)

    assert books(wang) == before
    assert ScanAttempt.objects.get().outcome == "not_your_merchant"


def test_another_communitys_merchants_do_not_know_the_code(books, hill, wang, voucher, clerk_of):
    apiary = partners.sign_contract(
        community=hill, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
    )
    before = books(wang)

    with pytest.raises(CodeUnknown):
        redemption.scan(merchant_id=apiary.merchant.pk, clerk=clerk_of(apiary), code=voucher.code)

    assert books(wang) == before
    attempt = ScanAttempt.objects.get()
    assert (attempt.community, attempt.redemption) == (hill, None)


@pytest.mark.parametrize("code", ["", "234567892345", "ß" * 64, "'; DROP TABLE"])
def test_an_unknown_code_stays_on_record(tea_house, chen, code):
    with pytest.raises(CodeUnknown):
        redemption.scan(merchant_id=tea_house.merchant.pk, clerk=chen, code=code)

    assert ScanAttempt.objects.get().outcome == "code_unknown"


# --- many at once -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_fifty_takes_from_a_wallet_that_can_pay_for_seven(books, wang, tea, grant_points, at_once):
    Offer.objects.filter(pk=tea.pk).update(stock=100)
    grant_points(wang, 7 * 30 + 29)

    outcomes = at_once(50, lambda _: redemption.take(offer=tea, volunteer=wang).status)

    assert Counter(outcomes) == {"held": 7, "insufficient_points": 43}
    assert books(wang) == {
        "available": 29,
        "held": 210,
        "merchants": 0,
        "settled": 0,
        "stock": 93,
    }


@pytest.mark.django_db(transaction=True)
def test_twenty_volunteers_after_the_last_item(books, lake, person, tea, grant_points, at_once):
    Offer.objects.filter(pk=tea.pk).update(stock=1)
    people = [person(f"volunteer{n}") for n in range(20)]
    for volunteer in people:
        enrol(user=volunteer, community=lake, kind=Volunteer.Kind.RIDER)
        grant_points(volunteer, 30)

    outcomes = at_once(20, lambda n: redemption.take(offer=tea, volunteer=people[n]).status)

    assert Counter(outcomes) == {"held": 1, "out_of_stock": 19}
    for volunteer, outcome in zip(people, outcomes, strict=True):
        held = 30 if outcome == "held" else 0
        assert books(volunteer) == {
            "available": 30 - held,
            "held": held,
            "merchants": 0,
            "settled": 0,
            "stock": 0,
        }
    assert Redemption.objects.get().volunteer == people[outcomes.index("held")]


@pytest.mark.django_db(transaction=True)
def test_twenty_clerks_scanning_one_voucher(books, wang, voucher, tea_house, clerk_of, at_once):
    clerks = [clerk_of(tea_house, f"clerk{n}") for n in range(20)]

    outcomes = at_once(
        20,
        lambda n: (
            redemption.scan(merchant_id=tea_house.merchant.pk, clerk=clerks[n], code=voucher.code)
            and "redeemed"
        ),
    )

    assert Counter(outcomes) == {"redeemed": 1, "code_used": 19}
    assert books(wang) == {
        "available": 70,
        "held": 0,
        "merchants": 30,
        "settled": 0,
        "stock": 4,
    }
    assert Redemption.objects.get().redeemed_by == clerks[outcomes.index("redeemed")]
    assert Counter(ScanAttempt.objects.values_list("outcome", flat=True)) == Counter(outcomes)


@pytest.mark.django_db(transaction=True)
def test_a_cancel_and_a_scan_at_the_same_moment(books, wang, tea, scan, grant_points, at_once):
    Offer.objects.filter(pk=tea.pk).update(stock=10)
    grant_points(wang, 300)
    vouchers = [redemption.take(offer=tea, volunteer=wang) for _ in range(10)]

    def cancel_or_scan(number):
        voucher = vouchers[number // 2]
        if number % 2:
            return scan(voucher) and "redeemed"
        return redemption.cancel(redemption=voucher).status

    outcomes = at_once(20, cancel_or_scan)

    for voucher, *pair in zip(vouchers, outcomes[::2], outcomes[1::2], strict=True):
        assert pair in (["cancelled", "code_cancelled"], ["voucher_status_wrong", "redeemed"])
        voucher.refresh_from_db()
        assert voucher.status in pair
    redeemed = outcomes.count("redeemed")
    assert books(wang) == {
        "available": 300 - 30 * redeemed,
        "held": 0,
        "merchants": 30 * redeemed,
        "settled": 0,
        "stock": 10 - redeemed,
    }


@pytest.mark.django_db(transaction=True)
def test_the_sweep_and_scans_at_the_instant_vouchers_lapse(
    books, wang, tea, scan, grant_points, settings, at_once
):
    """Eight vouchers, each released and scanned without a pause from before its end to after."""
    Offer.objects.filter(pk=tea.pk).update(stock=8)
    grant_points(wang, 240)
    settings.VOUCHER_LIFETIME = timedelta(seconds=1)
    vouchers = [redemption.take(offer=tea, volunteer=wang) for _ in range(8)]

    def release_or_scan(number):
        voucher = vouchers[number // 2]
        if number % 2:
            # Some come in time, some as it lapses, some late.
            ends_in = (voucher.expires_at - timezone.now()).total_seconds()
            time.sleep(max(ends_in + (number // 2 - 5) * 0.01, 0))
            return scan(voucher) and "redeemed"
        until = voucher.expires_at + timedelta(milliseconds=100)
        while timezone.now() < until:
            if redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk):
                return "released"
        return "left alone"

    outcomes = at_once(16, release_or_scan)

    for voucher, *pair in zip(vouchers, outcomes[::2], outcomes[1::2], strict=True):
        voucher.refresh_from_db()
        if voucher.status == Redemption.Status.REDEEMED:
            assert pair == ["left alone", "redeemed"]
        else:
            # The one who is refused gives it back himself if the sweep has not.
            assert voucher.status == Redemption.Status.EXPIRED
            assert pair in (["released", "code_expired"], ["left alone", "code_expired"])
    redeemed = outcomes.count("redeemed")
    assert books(wang) == {
        "available": 240 - 30 * redeemed,
        "held": 0,
        "merchants": 30 * redeemed,
        "settled": 0,
        "stock": 8 - redeemed,
    }


@pytest.mark.django_db(transaction=True)
def test_several_workers_releasing_one_voucher(books, wang, tea, grant_points, settings, at_once):
    settings.VOUCHER_LIFETIME = LAPSED_AT_ONCE
    grant_points(wang, 30)
    voucher = redemption.take(offer=tea, volunteer=wang)

    released = at_once(
        8, lambda _: redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk)
    )

    assert Counter(released) == {True: 1, False: 7}
    assert books(wang) == {
        "available": 30,
        "held": 0,
        "merchants": 0,
        "settled": 0,
        "stock": 5,
    }


# --- what the database refuses ------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM merchants_redemption",
        "UPDATE merchants_redemption SET status = 'redeemed'",
        "UPDATE merchants_redemption SET quantity = 2",
        "UPDATE merchants_redemption SET price_points = 1",
        "UPDATE merchants_redemption SET fen_per_point = 99",
        "UPDATE merchants_offer SET stock = -1",
        "UPDATE merchants_offer SET price_points = 0",
    ],
)
def test_the_database_refuses(voucher, statement):
    with (
        pytest.raises(DatabaseError, match=r"constraint|Cannot (delete|update)"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
