"""Giving back: points, stock, and what the statement takes off."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import roles
from backend.registries.checks import Kind
from merchants.models import Offer, Redemption, Refund, Statement
from merchants.redemption import errors
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from tests.verified import found_in, untriggered
from volunteers.models import Volunteer
from volunteers.people.services import people

CLOCK = ZoneInfo("Asia/Shanghai")
MARCH = {"period_start": date(2024, 3, 1), "period_end": date(2024, 4, 1)}
APRIL = {"period_start": date(2024, 4, 1), "period_end": date(2024, 5, 1)}


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=CLOCK)


def give_back(redeemed, by, moment="2024-03-05 18:00", **options):
    return refunds.refund(
        redemption=redeemed, refunded_by=by, reason="茶凉了", now=at(moment), **options
    )


def figures(statement):
    return (
        statement.redemptions_count,
        statement.refunds_count,
        statement.points,
        statement.amount_fen,
    )


@pytest.fixture
def three(redeemed) -> Redemption:
    """Three teas on 5 March, 90 points, 900 fen."""
    return redeemed("2024-03-05 10:00", quantity=3)


@pytest.mark.parametrize("stock", [2**31 - 1, 2**31 - 2, 2**40])
@pytest.mark.parametrize("how", ["refund", "part", "cancel", "lapse", "leave"])
def test_giving_back_never_fails_however_much_there_is(
    books, wang, chen, shop, tea, grant_points, stock, how
):
    grant_points(wang, 90)
    voucher = redemption.take(offer=tea, volunteer=wang, quantity=3)
    Offer.objects.filter(pk=tea.pk).update(stock=stock)

    if how == "refund":
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
        refunds.refund(redemption=voucher, refunded_by=chen, reason="茶凉了")
    elif how == "part":
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code, quantity=1)
    elif how == "cancel":
        redemption.cancel(redemption=voucher)
    elif how == "lapse":
        Redemption.objects.update(expires_at=timezone.now())
        assert redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk)
    else:
        people.leave(volunteer=Volunteer.objects.get(user=wang))

    handed_out = 1 if how == "part" else 0
    after = books(wang)
    assert (after["stock"], after["held"]) == (stock + 3 - handed_out, 0)
    assert after["available"] == 90 - 30 * handed_out


def test_a_refund_returns_points_and_stock_and_stays_on_record(books, three, wang, chen):
    before = books(wang)

    given_back = give_back(three, chen, quantity=2)

    after = books(wang)
    assert after == before | {
        "available": before["available"] + 60,
        "merchants": before["merchants"] - 60,
        "stock": before["stock"] + 2,
    }
    assert (given_back.points, given_back.amount_fen, given_back.reason) == (60, 600, "茶凉了")
    three.refresh_from_db()
    assert (three.status, three.refunded_quantity, three.refunded_points) == ("redeemed", 2, 60)


def test_what_is_left_can_be_given_back_and_no_more(three, chen):
    give_back(three, chen, quantity=1)
    with pytest.raises(errors.RefundTooLarge) as refused:
        give_back(three, chen, quantity=3)
    assert refused.value.facts == {"left": 2}

    assert give_back(three, chen).quantity == 2
    with pytest.raises(errors.RefundTooLarge):
        give_back(three, chen)

    assert Refund.objects.count() == 2


def test_parts_of_an_amount_that_does_not_divide_come_to_all_of_it(three, chen):
    untriggered("UPDATE merchants_redemption SET amount_fen = 100")

    given_back = [give_back(three, chen, quantity=1).amount_fen for _ in range(3)]

    assert given_back == [33, 33, 34]


@pytest.mark.parametrize(
    ("moment", "is_late", "refusal"),
    [
        ("2024-03-05 23:59", False, None),
        ("2024-03-06 00:00", False, errors.RefundTooLate),
        ("2024-03-06 00:00", True, None),
    ],
)
def test_a_merchant_refunds_until_midnight_and_staff_afterwards(
    three, chen, zhao, moment, is_late, refusal
):
    if refusal is None:
        by = zhao if is_late else chen
        assert give_back(three, by, moment, is_late=is_late).quantity == 3
    else:
        with pytest.raises(refusal):
            give_back(three, chen, moment, is_late=is_late)
        assert not Refund.objects.exists()


def test_only_what_was_redeemed_is_refunded(lake, wang, tea, chen, grant_points):
    grant_points(wang, 30)
    voucher = redemption.take(offer=tea, volunteer=wang)

    with pytest.raises(errors.VoucherStatusWrong):
        refunds.refund(redemption=voucher, refunded_by=chen, reason="?")


@pytest.mark.parametrize(
    "attempt",
    [
        "DELETE FROM merchants_refund",
        "UPDATE merchants_refund SET points = 1",
        "UPDATE merchants_refund SET reason = 'x'",
        "UPDATE merchants_redemption SET refunded_quantity = 0",
    ],
)
def test_the_database_refuses_to_change_a_refund(three, chen, attempt):
    give_back(three, chen)

    refused = "pgtrigger: Cannot|counted by refunds alone"
    with pytest.raises(DatabaseError, match=refused), transaction.atomic():
        _execute(attempt)


def test_the_database_refuses_more_than_was_redeemed(three, chen):
    refund = give_back(three, chen)
    refund.pk, refund._state.adding = UUID(int=1), True

    with pytest.raises(DatabaseError, match="refunded_at_most"), transaction.atomic():
        refund.save(force_insert=True)


# --- in statements ------------------------------------------------------------------------


def test_a_refund_on_the_day_is_netted_in_the_same_statement(lake, three, chen):
    give_back(three, chen, quantity=1)

    (march,) = settlement.draft(community=lake, **MARCH)

    assert figures(march) == (1, 1, 60, 600)


def test_a_late_refund_is_a_negative_line_of_the_next_statement_and_carried(
    lake, three, redeemed, wang, zhao, person, books
):
    qian = person("qian", "钱书记")
    roles.give(user=qian, community=lake, role=Role.MANAGER)
    (march,) = settlement.draft(community=lake, **MARCH)
    _pay(march, qian, zhao)
    give_back(three, zhao, "2024-04-10 09:00", is_late=True)

    (april,) = settlement.draft(community=lake, **APRIL)
    assert figures(april) == (0, 1, -90, -900)
    assert (april.carried_fen, april.due_fen) == (0, 0)
    _pay(april, qian, zhao)
    assert (books(wang)["merchants"], books(wang)["settled"]) == (0, 0)

    redeemed("2024-05-02 10:00", quantity=4)
    (may,) = settlement.draft(
        community=lake, period_start=date(2024, 5, 1), period_end=date(2024, 6, 1)
    )
    assert figures(may) == (1, 0, 120, 1200)
    assert (may.carried_fen, may.due_fen) == (-900, 300)
    _pay(may, qian, zhao)

    assert found_in(lake) == []


@pytest.mark.django_db(transaction=True)
def test_refunds_while_their_period_is_drafted(lake, three, chen, at_once):
    def refund_or_draft(number):
        if number < 3:
            give_back(three, chen, quantity=1)
        else:
            settlement.draft(community=lake, **(APRIL if number % 2 else MARCH))

    assert set(at_once(8, refund_or_draft)) == {None}  # nothing was refused
    settlement.draft(community=lake, period_start=date(2024, 5, 1), period_end=date(2024, 6, 1))

    assert not Refund.objects.filter(statement=None).exists()
    assert sum(statement.points for statement in Statement.objects.all()) == 0
    assert found_in(lake) == []


@pytest.mark.django_db(transaction=True)
def test_the_same_pieces_are_given_back_once_by_several_clerks(three, chen, at_once):
    def refund(_):
        try:
            return give_back(three, chen, quantity=2).quantity
        except errors.RefundTooLarge as refusal:
            return refusal.code

    assert sorted(map(str, at_once(6, refund))) == ["2", *["refund_too_large"] * 5]


def _pay(statement, approver, payer):
    settlement.approve(statement=statement, approver=approver)
    settlement.mark_paid(statement=statement, payer=payer)


# --- the proof ----------------------------------------------------------------------------


ALTERED = {
    "merchants_statement SET points = points + 1": "points says",
    "merchants_statement SET amount_fen = 1": "amount_fen says",
    "merchants_statement SET carried_fen = -5": "carried_fen says",
    "merchants_redemption SET price_points = 91": "its hold set 90 aside",
    "merchants_redemption SET refunded_quantity = 2": "other pieces",
    "merchants_refund SET points = 29": "points is 29, should be 30",
    "merchants_statement SET number_in_year = 3": "a number is missing",
    "merchants_redemption SET quantity = 4": "digest",
}


def test_what_was_altered_behind_our_back_is_found(lake, three, chen, zhao, subtests):
    give_back(three, chen, quantity=1)
    (march,) = settlement.draft(community=lake, **MARCH)
    settlement.approve(statement=march, approver=zhao)
    assert found_in(lake) == []
    long_ago, tomorrow = datetime(2024, 1, 1, tzinfo=UTC), timezone.now() + timedelta(days=1)
    for change, found in ALTERED.items():
        with subtests.test(change), transaction.atomic():
            untriggered(f"UPDATE {change}")
            everything, since_long_ago, rest = (
                found_in(lake, Kind.SETTLEMENTS, since=since)
                for since in (None, long_ago, tomorrow)
            )
            transaction.set_rollback(True)
            assert any(found in one.because for one in everything)
            assert since_long_ago == everything
            # What was read before is not read again, but for the numbers, which are few.
            assert {one.because for one in rest} == {
                one.because for one in everything if "a number is missing" in one.because
            }


def _execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
