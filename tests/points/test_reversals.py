"""Taking back: whole or in part, once, and what a wallet owes if the points are spent already."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from points.ledger import errors, selectors
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Account, Earned, Reversal, Transfer

HOUR = timedelta(hours=1)


def reverse(transfer: Transfer, **other) -> Reversal:
    arguments = {
        "community_id": transfer.community_id,
        "transfer_id": transfer.pk,
        "key": "undo:1",
        "reason": "mistake",
        "source": "undo:1",
    }
    return ledger.reverse(**arguments | other)


def state(account: Account) -> tuple[int, int]:
    """Return the points that can be spent and those that are owed."""
    account.refresh_from_db()
    return account.available, account.shortfall


def outstanding() -> dict[str, int]:
    return {reversal.key: reversal.outstanding for reversal in Reversal.objects.order_by("id")}


def earned(account: Account) -> dict[date | None, int]:
    return dict(Earned.objects.filter(account=account).values_list("expires_on", "points"))


@pytest.fixture
def other_wallet(lake, li) -> Account:
    return ledger.wallet(community=lake, person_id=li.pk)


@pytest.fixture
def spent(earn, spend) -> Transfer:
    """The wallet's 100 points, all of which it has spent."""
    award = ledger.post(earn)
    ledger.post(replace(spend, amount=100))
    return award


# --- what a reversal is -----------------------------------------------------------------------
def test_a_reversal_is_a_transfer_the_other_way_that_names_the_first(earn, wallet, issuance):
    award = ledger.post(earn)

    reversal = reverse(award, source="complaint:7", explanation={"because": "not there"})

    back = Transfer.objects.get(reverses=award)
    assert (back.debit, back.credit, back.amount) == (wallet, issuance, 100)
    assert (back.reason, back.source) == ("mistake", "complaint:7")
    assert back.explanation == {"because": "not there"}
    assert (reversal.amount, reversal.recovered, reversal.outstanding) == (100, 100, 0)
    stored = Reversal.objects.get()
    assert (stored.pk, stored.requested_at) == (reversal.pk, reversal.requested_at)
    assert (stored.transfer, stored.account) == (award, wallet)
    assert selectors.balance(issuance) == selectors.balance(wallet) == 0


@pytest.mark.parametrize(
    ("amounts", "left", "refusal"),
    [
        ([100], 0, errors.TransferReversed()),
        ([None], 0, errors.TransferReversed()),
        ([30, 70], 0, errors.TransferReversed()),
        ([30, None], 0, errors.TransferReversed()),
        ([99], 1, errors.ReversalTooLarge(left=1)),
        ([30, 30], 40, errors.ReversalTooLarge(left=40)),
        ([], 100, errors.ReversalTooLarge(left=100)),
    ],
)
def test_reversals_never_add_up_to_more_than_the_transfer(earn, wallet, amounts, left, refusal):
    award = ledger.post(earn)
    for number, amount in enumerate(amounts):
        reverse(award, key=f"undo:{number}", amount=amount)

    with pytest.raises(type(refusal)) as refused:
        reverse(award, key="more", amount=left + 1)

    assert refused.value.facts == refusal.facts
    assert state(wallet) == (left, 0)


def test_the_same_key_reverses_once_and_answers_the_first_reversal(earn, wallet):
    award = ledger.post(earn)

    first, second = reverse(award, amount=30), reverse(award, amount=30)

    assert (first.pk, first.requested_at) == (second.pk, second.requested_at)
    assert state(wallet) == (70, 0)


def test_all_that_is_left_is_the_same_amount_again(earn, wallet):
    award = ledger.post(earn)

    assert reverse(award).pk == reverse(award).pk
    assert state(wallet) == (0, 0)


@pytest.mark.parametrize(
    "other", [{"amount": 29}, {"reason": "fraud"}, {"source": "complaint:7"}, {"transfer_id": ...}]
)
def test_the_same_key_with_other_contents_is_refused(earn, wallet, other):
    award, second = ledger.post(earn), ledger.post(replace(earn, key="hours:2"))
    reverse(award, amount=30)
    if "transfer_id" in other:
        other = {"transfer_id": second.pk}

    with pytest.raises(errors.TransferIdReused):
        reverse(award, **{"amount": 30} | other)

    assert state(wallet) == (170, 0)


def test_refusals_come_in_one_order(earn, fund, issuance, hill):
    """Reversals are wrong in every way that is still to come, and right in those before."""
    award, other = ledger.post(earn), ledger.post(replace(earn, key="hours:2"))
    reverse(award)
    back = Transfer.objects.get(reverses=award)
    budget = ledger.post(
        Movement(
            debit=issuance,
            credit=fund,
            amount=100,
            key="budget",
            reason="budget",
            source="test:budget",
        )
    )
    ledger.post(replace(earn, debit=fund, amount=60, key="report:1"))
    wrongs = [
        (errors.AmountInvalid, back, {"community_id": hill.pk, "amount": 0}),
        (errors.TransferUnknown, back, {"community_id": hill.pk, "amount": 500}),
        (errors.TransferIdReused, back, {"amount": 500}),
        (errors.ReversalOfReversal, back, {"key": "new", "amount": 500}),
        (errors.TransferReversed, award, {"key": "new", "amount": 500}),
        (errors.ReversalTooLarge, budget, {"key": "new", "amount": 500}),
        (errors.InsufficientPoints, budget, {"key": "new", "amount": 100}),
    ]
    for refusal, transfer, arguments in wrongs:
        with pytest.raises(refusal):
            reverse(transfer, **arguments)

    with pytest.raises(errors.TransferUnknown):
        reverse(other, transfer_id=other.community_id)
    assert list(outstanding()) == ["undo:1"]


@pytest.mark.parametrize("amount", [41, None])
def test_a_fund_has_to_have_what_is_taken_back(earn, fund, amount):
    budget = ledger.post(replace(earn, credit=fund, key="budget"))
    ledger.post(replace(earn, debit=fund, amount=60))

    with pytest.raises(errors.InsufficientPoints) as refusal:
        reverse(budget, amount=amount)

    assert refusal.value.facts == {"available": 40, "needed": amount or 100}
    assert not Reversal.objects.exists()
    reverse(budget, amount=40)
    assert state(fund) == (0, 0)


def test_a_wallet_has_to_have_what_another_wallet_gave_it(earn, spend, wallet, other_wallet):
    ledger.post(earn)
    gift = ledger.post(replace(earn, debit=wallet, credit=other_wallet, key="gift"))
    ledger.post(replace(spend, debit=other_wallet))

    with pytest.raises(errors.InsufficientPoints):
        reverse(gift)

    reverse(gift, amount=70)
    assert (state(wallet), state(other_wallet)) == ((70, 0), (0, 0))


def test_a_refunded_redemption_can_be_spent_again(earn, spend, wallet, shop):
    ledger.post(replace(earn, amount=30))
    redemption = ledger.post(spend)

    reverse(redemption, amount=20)

    assert state(wallet) == (20, 0)
    assert selectors.balance(shop) == 10
    assert earned(wallet) == {None: 30}, "A refund is not earned."


def test_a_captured_hold_is_reversed_like_any_transfer(earn, spend, wallet):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)
    captured = ledger.capture(community_id=hold.community_id, hold_id=hold.pk)

    reverse(Transfer.objects.get(pk=captured))

    assert state(wallet) == (100, 0)


def test_a_reversal_is_one_round_trip(earn, django_assert_num_queries):
    award = ledger.post(earn)

    with django_assert_num_queries(1):
        reverse(award)


# --- what is owed -----------------------------------------------------------------------------
def test_what_is_spent_already_is_owed_and_the_wallet_stays_above_zero(earn, spend, wallet):
    award = ledger.post(earn)
    ledger.post(spend)

    reversal = reverse(award)

    assert (reversal.amount, reversal.recovered, reversal.outstanding) == (100, 70, 30)
    assert state(wallet) == (0, 30)
    assert Transfer.objects.get(reverses=award).amount == 70


def test_who_owes_can_neither_spend_nor_reserve(spent, spend, wallet):
    reverse(spent)

    for refused in (
        lambda: ledger.post(replace(spend, key="other")),
        lambda: ledger.hold(replace(spend, key="other"), lifetime=HOUR),
    ):
        with pytest.raises(errors.ShortfallOutstanding) as refusal:
            refused()
        assert refusal.value.facts == {"shortfall": 100}
    assert ledger.post(replace(spend, amount=100)), "What was posted is still answered."


def test_the_next_award_repays_first(spent, earn, spend, wallet, issuance):
    reversal = reverse(spent, amount=40)

    ledger.post(replace(earn, key="hours:2", amount=15))
    assert state(wallet) == (0, 25)
    ledger.post(replace(earn, key="hours:3", amount=30))

    assert state(wallet) == (5, 0)
    again = reverse(spent, amount=40)
    assert (again.pk, again.recovered) == (reversal.pk, 40)
    back = Transfer.objects.filter(reverses=spent).order_by("id").values_list("amount", "reason")
    assert list(back) == [(15, "mistake"), (25, "mistake")]
    assert selectors.balance(issuance) == -105
    ledger.post(replace(spend, key="other", amount=5))


def test_the_oldest_reversal_is_repaid_first(earn, spend, wallet):
    awards = [ledger.post(replace(earn, key=f"hours:{n}", amount=20)) for n in range(3)]
    ledger.post(replace(spend, amount=60))
    for number, award in enumerate(reversed(awards)):
        reverse(award, key=f"undo:{number}")
    assert state(wallet) == (0, 60)

    ledger.post(replace(earn, key="next", amount=25))

    assert outstanding() == {"undo:0": 0, "undo:1": 15, "undo:2": 20}
    ledger.post(replace(earn, key="last", amount=40))
    assert outstanding() == {"undo:0": 0, "undo:1": 0, "undo:2": 0}
    assert state(wallet) == (5, 0)


def test_a_refund_repays_too(spent, spend, wallet):
    reverse(spent)

    reverse(Transfer.objects.get(key=spend.key), key="refund", amount=60)

    assert state(wallet) == (0, 40)


def test_what_came_from_a_fund_goes_back_to_it(earn, spend, wallet, fund):
    ledger.post(replace(earn, credit=fund, key="budget"))
    award = ledger.post(replace(earn, debit=fund))
    ledger.post(replace(spend, amount=100))
    reverse(award)

    ledger.post(replace(earn, key="hours:2", amount=60))

    assert (state(wallet), state(fund)) == ((0, 40), (60, 0))


@pytest.mark.parametrize(
    ("captured", "after"),
    [(0, (0, 70)), (10, (0, 80)), (30, (0, 100))],
    ids=["voided", "captured in part", "captured"],
)
def test_held_points_stay_held_and_repay_when_they_are_free(
    earn, spend, wallet, shop, captured, after
):
    award = ledger.post(earn)
    ledger.post(replace(spend, key="other", amount=70))
    hold = ledger.hold(spend, lifetime=HOUR)
    one = {"community_id": hold.community_id, "hold_id": hold.pk}

    reverse(award)
    assert state(wallet) == (0, 100)

    if captured:
        ledger.capture(**one, amount=captured)
    else:
        ledger.void(**one)
    assert state(wallet) == after
    assert selectors.balance(shop) == 70 + captured


def test_what_is_reversed_leaves_what_was_earned_until_that_day(earn, spend, wallet):
    this, next_ = date(2031, 12, 31), date(2032, 12, 31)
    award = ledger.post(replace(earn, expires_on=this))
    ledger.post(spend)
    ledger.post(replace(earn, key="hours:2", expires_on=next_))
    reverse(award, amount=60)
    assert earned(wallet) == {this: 40, next_: 100}

    ledger.post(replace(spend, key="other", amount=110))
    reverse(award, key="undo:2")
    assert earned(wallet) == {this: 40, next_: 100}, "What is owed was not taken back yet."
    ledger.post(replace(earn, key="hours:3", amount=45))

    assert earned(wallet) == {this: 0, next_: 100, None: 45}
    assert state(wallet) == (5, 0)


# --- at once ----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["wallet", "fund", "merchant"])
def test_twenty_threads_that_reverse_one_transfer_never_reverse_more(at_once, earn, lake, kind):
    account = ledger.account(community=lake, kind=kind, holder="x")
    transfer = ledger.post(replace(earn, credit=account))

    answers = at_once(20, lambda n: reverse(transfer, key=f"undo:{n}", amount=30).amount)

    assert sorted(answers, key=str) == [30] * 3 + ["reversal_too_large"] * 17
    assert selectors.balance(account) == 10


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_by_twenty_threads_reverses_once(at_once, spent, wallet):
    answers = at_once(20, lambda n: reverse(spent, amount=30).pk)

    assert len(set(answers)) == 1
    assert state(wallet) == (0, 30)


@pytest.mark.django_db(transaction=True)
def test_one_key_for_two_transfers_at_once_reverses_one(at_once, earn, wallet, other_wallet):
    awards = [
        ledger.post(replace(earn, key=f"{n}:{account.holder}", credit=account))
        for n in range(10)
        for account in (wallet, other_wallet)
    ]

    answers = at_once(20, lambda n: reverse(awards[n], key=f"undo:{n // 2}").amount)

    assert sorted(answers, key=str) == [100] * 10 + ["transfer_id_reused"] * 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kinds", [("fund", "wallet"), ("wallet", "fund")])
def test_repaying_a_fund_while_it_pays_is_no_ring(at_once, kinds, earn, spend, lake):
    """The fund is locked after the wallet, whichever was opened first."""
    opened = {kind: ledger.account(community=lake, kind=kind, holder="x") for kind in kinds}
    fund, wallet = opened["fund"], opened["wallet"]
    ledger.post(replace(earn, credit=fund, key="budget", amount=10_000))
    awards = [
        ledger.post(replace(earn, debit=fund, credit=wallet, key=f"report:{n}")) for n in range(20)
    ]
    ledger.post(replace(spend, debit=wallet, amount=2000))
    for award in awards:
        reverse(award, key=f"undo:{award.key}")

    def work(number):
        for turn in range(10):
            source = fund if number % 2 else earn.debit
            ledger.post(
                replace(earn, debit=source, credit=wallet, amount=25, key=f"{number}:{turn}")
            )

    at_once(8, work)

    assert state(wallet) == (0, 0)
    assert state(fund) == (10_000 - 40 * 25, 0)
