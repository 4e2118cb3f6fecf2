"""Posting many: all of them or none, in the same few statements however many they are."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from points.kinds import AccountKind, Unit
from points.ledger import errors, selectors
from points.ledger import services as ledger
from points.models import Account, Earned, Reversal, Transfer

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True, params=[ledger.BATCH, 2], ids=["at once", "batch by batch"])
def batch(request, monkeypatch):
    """Post as many as usual before the next are read, or two."""
    monkeypatch.setattr(ledger, "BATCH", request.param)
    return request.param


def available(account: Account) -> int:
    account.refresh_from_db()
    return account.available


@pytest.fixture
def wallets(lake) -> list[Account]:
    return [
        ledger.account(community=lake, kind=AccountKind.WALLET, holder=f"person:{number}")
        for number in range(5)
    ]


@pytest.fixture
def awards(earn, wallets):
    """Awards number ``0``, ``1``, …: of 10 points each, to one wallet after the other."""

    def make(numbers):
        for number in numbers:
            wallet = wallets[number % len(wallets)]
            yield replace(earn, credit=wallet, amount=10, key=f"hours:{number}")

    return make


def test_all_of_them_are_posted(awards, wallets, issuance):
    assert ledger.post_many(awards(range(7))) == 7

    assert [available(wallet) for wallet in wallets] == [20, 20, 10, 10, 10]
    assert selectors.balance(issuance) == -70
    keys = Transfer.objects.order_by("id").values_list("key", flat=True)
    assert list(keys) == [f"hours:{number}" for number in range(7)]


def test_nothing_at_all_is_posted_as_well(db):
    assert ledger.post_many([]) == 0


def test_keys_that_are_known_move_nothing_and_do_not_count(awards, wallets):
    for movement in awards(range(3)):
        ledger.post(movement)

    assert ledger.post_many(awards([*range(5), *range(5)])) == 2
    assert ledger.post_many(awards(range(5))) == 0

    assert [available(wallet) for wallet in wallets] == [10] * 5


@pytest.mark.parametrize("other", [{"amount": 9}, {"reason": "gift"}, {"source": "hours:2"}])
@pytest.mark.parametrize("together", [True, False])
def test_a_key_with_other_contents_refuses_all_and_is_named(awards, other, together):
    known, wrong, new = awards(range(3))
    wrong = replace(known, **other)
    if not together:
        ledger.post(known)

    with pytest.raises(errors.TransferIdReused) as refusal:
        ledger.post_many([known, wrong, new] if together else [new, wrong])

    assert refusal.value.facts == {"key": "hours:0"}
    assert Transfer.objects.count() == (0 if together else 1)


def test_a_key_that_holds_points_is_refused_until_it_is_captured(earn, spend):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)

    with pytest.raises(errors.TransferIdReused) as refusal:
        ledger.post_many([spend])
    assert refusal.value.facts == {"key": spend.key}

    ledger.capture(community_id=hold.community_id, hold_id=hold.pk)
    assert ledger.post_many([spend]) == 0


def test_what_is_wrong_with_one_refuses_all_and_names_it(awards, wallets, hill, lake):
    foreign = ledger.account(community=hill, kind=AccountKind.ISSUANCE)
    foreign_wallet = ledger.account(community=hill, kind=AccountKind.WALLET)
    cash = ledger.account(community=lake, kind=AccountKind.PAYOUT, unit=Unit.FEN)
    right, wrong = awards(range(2))
    wrongs = [
        (errors.AmountInvalid, {"amount": 0}),
        (errors.AmountInvalid, {"amount": 1.5}),
        (errors.AccountsMustDiffer, {"debit": wrong.credit}),
        (errors.AccountUnknown, {"debit": foreign}),
        (errors.AccountUnknown, {"debit": foreign, "credit": foreign_wallet}),
        (errors.UnitsDiffer, {"debit": cash}),
    ]
    for refusal, other in wrongs:
        with pytest.raises(refusal) as refused:
            ledger.post_many([right, replace(wrong, **other)])
        assert refused.value.facts == {"key": wrong.key}
    assert not Transfer.objects.exists()


def test_an_account_that_was_never_opened_refuses_all(awards, lake):
    right, wrong = awards(range(2))
    made_up = Account(community=lake, kind=AccountKind.WALLET, unit=Unit.POINTS)

    with pytest.raises(errors.AccountUnknown):
        ledger.post_many([right, replace(wrong, credit=made_up)])

    assert not Transfer.objects.exists()


def test_a_wallet_is_judged_by_what_all_of_them_leave(earn, spend, wallet):
    spending = [replace(spend, key=f"redemption:{number}", amount=50) for number in range(3)]

    with pytest.raises(errors.InsufficientPoints):
        ledger.post_many([*spending, earn])
    assert available(wallet) == 0

    assert ledger.post_many([*spending[:2], earn]) == 3
    assert available(wallet) == 0


def test_held_points_are_not_spent_by_many_either(earn, spend):
    ledger.post(earn)
    ledger.hold(spend, lifetime=HOUR)

    with pytest.raises(errors.InsufficientPoints):
        ledger.post_many([replace(spend, key=f"r:{number}", amount=36) for number in range(2)])


def test_whoever_fails_to_name_them_all_leaves_nothing(awards):
    def failing():
        yield from awards(range(3))
        raise LookupError("row 4")

    with pytest.raises(LookupError):
        ledger.post_many(failing())

    assert not Transfer.objects.exists()
    assert ledger.post_many(awards(range(3))) == 3


def test_wallets_that_owe_repay_first(earn, spend, wallet, wallets, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 2_000)  # of several batches they would repay in parts
    award = ledger.post(earn)
    ledger.post(replace(spend, amount=100))
    ledger.reverse(
        community_id=award.community_id,
        transfer_id=award.pk,
        key="undo",
        reason="x",
        source="undo:undo",
    )

    ledger.post_many(
        replace(earn, credit=credit, amount=amount, key=f"many:{number}")
        for number, (credit, amount) in enumerate([(wallet, 70), (wallets[0], 10), (wallet, 50)])
    )

    assert (available(wallet), wallet.shortfall, available(wallets[0])) == (20, 0, 10)
    assert Reversal.objects.get().outstanding == 0
    assert Transfer.objects.get(reverses=award).amount == 100


def test_what_was_earned_is_kept_by_its_last_day(awards, wallets):
    this, next_ = date(2031, 12, 31), date(2032, 12, 31)
    days = [this, next_, None, this, this]
    ledger.post_many(
        replace(movement, credit=wallets[0], expires_on=day)
        for movement, day in zip(awards(range(5)), days, strict=True)
    )

    earned = Earned.objects.filter(account=wallets[0]).values_list("expires_on", "points")
    assert dict(earned) == {this: 30, next_: 10, None: 10}


def test_as_many_statements_for_one_as_for_a_thousand(awards, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 2_000)
    counts = []
    for numbers in (range(1), range(1, 1001)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ledger.post_many(awards(numbers))
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.slow
def test_twenty_thousand(awards, wallets, batch, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", batch if batch > 2 else 7_000)
    assert ledger.post_many(awards(range(20_000))) == 20_000

    assert [available(wallet) for wallet in wallets] == [40_000] * 5
    assert ledger.post_many(awards(range(19_999, 20_001))) == 1


def test_what_is_wrong_while_others_are_inserted_refuses_all(awards, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 3)
    *many, last = awards(range(10))

    with pytest.raises(errors.AmountInvalid) as refusal:
        ledger.post_many([*many, replace(last, amount=0)])

    assert refusal.value.facts == {"key": "hours:9"}
    assert not Transfer.objects.exists()


def test_a_wallet_may_spend_first_what_reaches_it_many_batches_later(awards, spend, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 3)
    awarded = list(awards(range(20)))
    spent = [
        replace(spend, debit=award.credit, amount=10, key=f"redemption:{award.key}")
        for award in awarded
    ]

    assert ledger.post_many([*spent, *awarded]) == 40
    assert available(awarded[0].credit) == 0


@pytest.mark.django_db(transaction=True)
def test_many_and_one_after_the_other_at_once_post_each_once(at_once, awards, wallets):
    movements = list(awards(range(40)))

    def post(number):
        if number % 2:
            return ledger.post_many(movements)
        for movement in reversed(movements):
            ledger.post(movement)
        return None

    at_once(6, post)

    assert Transfer.objects.count() == 40
    assert [available(wallet) for wallet in wallets] == [80] * 5


@pytest.mark.django_db(transaction=True)
def test_many_that_touch_no_wallet_wait_for_each_others_keys_in_no_ring(at_once, earn, shop, lake):
    settled = ledger.account(community=lake, kind=AccountKind.SETTLED)
    movements = [
        replace(earn, debit=shop, credit=settled, key=f"settlement:{number}")
        for number in range(2_000)
    ]

    answers = at_once(4, lambda n: ledger.post_many(movements[:: 1 if n % 2 else -1]))

    assert sorted(answers) == [0, 0, 0, 2_000]
