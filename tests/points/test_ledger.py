"""Posting, holding, capturing, releasing: what the ledger does and what it refuses."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from points.kinds import AccountKind, Unit
from points.ledger import errors, selectors
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Account, Hold, Transfer

HOUR = timedelta(hours=1)


def totals(account: Account) -> tuple[int, int, int]:
    account.refresh_from_db()
    return account.credits, account.debits, account.held


def test_a_transfer_moves_its_amount_from_one_account_to_the_other(earn, wallet, issuance):
    transfer = ledger.post(earn)

    assert totals(wallet) == (100, 0, 0)
    assert selectors.balance(wallet) == 100
    assert selectors.balance(issuance) == -100
    stored = Transfer.objects.get()
    assert (stored.pk, stored.posted_at) == (transfer.pk, transfer.posted_at)
    assert (stored.debit, stored.credit, stored.amount) == (issuance, wallet, 100)


def test_accounts_without_a_floor_keep_no_totals_and_may_go_below_zero(earn, issuance):
    ledger.post(earn)

    assert totals(issuance) == (0, 0, 0)
    assert selectors.balance(issuance) == -100


def test_the_same_id_moves_points_once_and_answers_the_first_transfer(earn, wallet):
    first, second = ledger.post(earn), ledger.post(earn)

    assert first.pk == second.pk
    assert first.posted_at == second.posted_at
    assert totals(wallet) == (100, 0, 0)


@pytest.mark.parametrize(
    "other",
    [{"amount": 99}, {"reason": "gift"}, {"source": "hours:2"}],
    ids=["amount", "reason", "source"],
)
def test_the_same_id_with_other_contents_is_refused(earn, wallet, other):
    ledger.post(earn)

    with pytest.raises(errors.TransferIdReused):
        ledger.post(replace(earn, **other))

    assert totals(wallet) == (100, 0, 0)


def test_a_spent_wallet_still_answers_the_transfer_that_emptied_it(earn, spend, wallet):
    ledger.post(replace(earn, amount=30))
    first = ledger.post(spend)

    assert ledger.post(spend).pk == first.pk
    assert totals(wallet) == (30, 30, 0)


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, 2**63])
def test_an_amount_is_a_positive_whole_number(earn, amount):
    with pytest.raises(errors.AmountInvalid):
        ledger.post(replace(earn, amount=amount))

    assert not Transfer.objects.exists()


def test_a_wallet_never_goes_below_zero(earn, spend, wallet):
    ledger.post(replace(earn, amount=29))

    with pytest.raises(errors.InsufficientPoints) as refusal:
        ledger.post(spend)

    assert refusal.value.facts == {"available": 29, "needed": 30}
    assert totals(wallet) == (29, 0, 0)


def test_refusals_come_in_one_order(earn, spend, wallet, shop, hill):
    """Movements are wrong in every way that is still to come, and right in those before."""
    foreign = ledger.account(community=hill, kind=AccountKind.MERCHANT)
    fen = ledger.account(community=wallet.community, kind=AccountKind.PAYOUT, unit=Unit.FEN)
    ledger.post(earn)
    wrongs = [
        (errors.AmountInvalid, replace(earn, debit=wallet, credit=wallet, amount=0)),
        (errors.AccountsMustDiffer, replace(earn, debit=wallet, credit=wallet, amount=500)),
        (errors.TransferIdReused, replace(earn, debit=wallet, credit=foreign, amount=500)),
        (errors.AccountUnknown, replace(spend, credit=foreign, amount=500)),
        (errors.UnitsDiffer, replace(spend, credit=fen, amount=500)),
        (errors.InsufficientPoints, replace(spend, amount=500)),
    ]
    for refusal, movement in wrongs:
        with pytest.raises(refusal):
            ledger.post(movement)
    assert Transfer.objects.count() == 1


def test_each_movement_is_one_round_trip(earn, spend, django_assert_num_queries):
    with django_assert_num_queries(1):
        ledger.post(earn)
    with django_assert_num_queries(1):
        ledger.post(spend)
    with django_assert_num_queries(1):
        hold = ledger.hold(replace(spend, key="redemption:2"), lifetime=HOUR)
    with django_assert_num_queries(1):
        ledger.capture(community_id=hold.community_id, hold_id=hold.pk)
    hold = ledger.hold(replace(spend, key="redemption:3"), lifetime=HOUR)
    with django_assert_num_queries(1):
        ledger.void(community_id=hold.community_id, hold_id=hold.pk)


def test_held_points_can_not_be_spent_and_are_still_the_holders(earn, spend, wallet):
    ledger.post(earn)

    ledger.hold(replace(spend, amount=80), lifetime=HOUR)

    assert totals(wallet) == (100, 0, 80)
    assert wallet.available == 20
    assert selectors.balance(wallet) == 100
    with pytest.raises(errors.InsufficientPoints):
        ledger.post(replace(spend, key="other"))


def test_capturing_a_hold_makes_its_transfer(earn, spend, wallet, shop):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)

    transfer_id = ledger.capture(community_id=hold.community_id, hold_id=hold.pk)

    transfer = Transfer.objects.get(pk=transfer_id)
    assert (transfer.key, transfer.amount, transfer.reason) == ("redemption:1", 30, "redemption")
    assert totals(wallet) == (100, 30, 0)
    assert selectors.balance(shop) == 30


def test_a_part_is_captured_and_the_rest_is_free_again(earn, spend, wallet):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)

    ledger.capture(community_id=hold.community_id, hold_id=hold.pk, amount=10)

    assert totals(wallet) == (100, 10, 0)


def test_a_voided_hold_gives_everything_back(earn, spend, wallet):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)

    for _ in range(2):
        ledger.void(community_id=hold.community_id, hold_id=hold.pk)

    assert totals(wallet) == (100, 0, 0)
    assert not Transfer.objects.filter(key="redemption:1").exists()


def test_a_hold_is_resolved_once(earn, spend, wallet):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)
    one = {"community_id": hold.community_id, "hold_id": hold.pk}
    first = ledger.capture(**one)

    assert ledger.capture(**one) == first
    with pytest.raises(errors.HoldResolved):
        ledger.capture(**one, amount=10)
    with pytest.raises(errors.HoldResolved):
        ledger.void(**one)
    assert totals(wallet) == (100, 30, 0)


def test_an_expired_hold_can_not_be_captured_though_nothing_has_voided_it(earn, spend, wallet):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=timedelta(0))

    with pytest.raises(errors.HoldExpired):
        ledger.capture(community_id=hold.community_id, hold_id=hold.pk)

    assert totals(wallet) == (100, 0, 30)
    ledger.void(community_id=hold.community_id, hold_id=hold.pk)
    assert totals(wallet) == (100, 0, 0)


def test_holds_refuse_what_they_can_not_do(earn, spend, wallet, issuance, hill):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)
    one = {"community_id": hold.community_id, "hold_id": hold.pk}

    with pytest.raises(errors.CaptureTooLarge):
        ledger.capture(**one, amount=31)
    with pytest.raises(errors.AmountInvalid):
        ledger.capture(**one, amount=0)
    with pytest.raises(errors.HoldUnknown):
        ledger.capture(community_id=hill.pk, hold_id=hold.pk)
    with pytest.raises(errors.AccountHasNoFloor):
        ledger.hold(replace(spend, debit=issuance, credit=wallet, key="x"), lifetime=HOUR)
    with pytest.raises(errors.TransferIdReused):
        ledger.hold(replace(spend, amount=31), lifetime=HOUR)
    with pytest.raises(errors.InsufficientPoints):
        ledger.hold(replace(spend, key="y", amount=71), lifetime=HOUR)
    assert ledger.hold(spend, lifetime=HOUR).pk == hold.pk
    assert totals(wallet) == (100, 0, 30)


@pytest.mark.parametrize("earned", [30, 60])
def test_a_key_that_holds_points_posts_none_whether_or_not_they_are_there(
    earn, spend, wallet, earned
):
    ledger.post(replace(earn, amount=earned))
    hold = ledger.hold(spend, lifetime=HOUR)

    for _ in ("held", "voided"):
        with pytest.raises(errors.TransferIdReused):
            ledger.post(spend)
        ledger.void(community_id=hold.community_id, hold_id=hold.pk)

    assert totals(wallet) == (earned, 0, 0)


@pytest.mark.parametrize("earned", [30, 60])
def test_a_key_that_posted_points_holds_none_whether_or_not_they_are_there(
    earn, spend, wallet, earned
):
    ledger.post(replace(earn, amount=earned))
    ledger.post(spend)

    with pytest.raises(errors.TransferIdReused):
        ledger.hold(spend, lifetime=HOUR)

    assert totals(wallet) == (earned, 30, 0)


def test_a_captured_hold_answers_whoever_posts_or_holds_the_same_again(earn, spend, wallet):
    ledger.post(earn)
    hold = ledger.hold(spend, lifetime=HOUR)
    transfer_id = ledger.capture(community_id=hold.community_id, hold_id=hold.pk)

    assert ledger.post(spend).pk == transfer_id
    assert ledger.hold(spend, lifetime=HOUR).pk == hold.pk
    assert totals(wallet) == (100, 30, 0)


def test_the_refusals_of_a_hold_come_in_one_order(earn, spend, wallet, shop, hill):
    """Movements are wrong in every way that is still to come, and right in those before."""
    foreign = ledger.account(community=hill, kind=AccountKind.MERCHANT)
    fen = ledger.account(community=wallet.community, kind=AccountKind.PAYOUT, unit=Unit.FEN)
    ledger.post(earn)
    held = ledger.hold(replace(spend, amount=90), lifetime=HOUR)
    wrongs = [
        (errors.AmountInvalid, replace(spend, debit=shop, credit=shop, amount=0)),
        (errors.AccountsMustDiffer, replace(spend, debit=shop, credit=shop, amount=500)),
        (errors.TransferIdReused, replace(spend, debit=shop, credit=foreign, amount=500)),
        (errors.AccountUnknown, replace(spend, debit=shop, credit=foreign, key="x", amount=500)),
        (errors.UnitsDiffer, replace(spend, debit=shop, credit=fen, key="x", amount=500)),
        (errors.AccountHasNoFloor, replace(spend, debit=shop, credit=wallet, key="x", amount=500)),
        (errors.InsufficientPoints, replace(spend, key="x", amount=11)),
    ]
    for refusal, movement in wrongs:
        with pytest.raises(refusal):
            ledger.hold(movement, lifetime=HOUR)
    assert list(Hold.objects.values_list("pk", flat=True)) == [held.pk]


def test_a_balance_is_known_at_every_past_moment(earn, spend, wallet):
    """posted_at is the statement's time, so moments between statements tell them apart."""
    before = timezone.now()
    first = ledger.post(earn)
    second = ledger.post(spend)

    assert selectors.balance(wallet, at=before) == 0
    assert selectors.balance(wallet, at=first.posted_at) == 100
    assert selectors.balance(wallet, at=second.posted_at) == 70
    assert [t.pk for t in selectors.transfers_of(wallet)] == [second.pk, first.pk]


def test_the_books_balance(earn, spend, lake):
    ledger.post(earn)
    ledger.post(spend)

    kinds = selectors.totals_by_kind(lake)

    assert sum(kinds.values()) == 0
    assert (kinds["issuance"], kinds["wallet"], kinds["merchant"]) == (-100, 70, 30)


@pytest.mark.django_db(transaction=True)
def test_fifty_threads_on_a_wallet_that_can_pay_for_seven(at_once, earn, spend, wallet):
    ledger.post(replace(earn, amount=7 * 30 + 29))

    answers = at_once(50, lambda n: ledger.post(replace(spend, key=f"redemption:{n}")) and "moved")

    assert sorted(answers) == ["insufficient_points"] * 43 + ["moved"] * 7
    assert totals(wallet) == (239, 210, 0)


@pytest.mark.django_db(transaction=True)
def test_one_id_sent_by_twenty_threads_moves_points_once(at_once, earn, spend, wallet):
    ledger.post(replace(earn, amount=30))

    answers = at_once(20, lambda n: ledger.post(spend).pk)

    assert len(set(answers)) == 1
    assert totals(wallet) == (30, 30, 0)


@pytest.mark.django_db(transaction=True)
def test_wallets_that_pay_each_other_do_not_wait_for_each_other_in_a_ring(
    at_once, earn, lake, wang, li
):
    one, other = (ledger.wallet(community=lake, person_id=who.pk) for who in (wang, li))
    for number, wallet in enumerate((one, other)):
        ledger.post(replace(earn, credit=wallet, key=f"gift:{number}"))

    def swap(number):
        pair = (one, other) if number % 2 else (other, one)
        for turn in range(5):
            ledger.post(
                Movement(
                    debit=pair[0],
                    credit=pair[1],
                    amount=1,
                    key=f"swap:{number}:{turn}",
                    reason="gift",
                    source=f"test:swap:{number}:{turn}",
                )
            )

    at_once(10, swap)

    assert [totals(w)[0] - totals(w)[1] for w in (one, other)] == [100, 100]


@pytest.mark.django_db(transaction=True)
def test_a_hold_captured_and_voided_at_once_is_resolved_one_way(at_once, earn, spend, wallet):
    ledger.post(replace(earn, amount=300))
    holds = [ledger.hold(replace(spend, key=f"r:{n}"), lifetime=HOUR) for n in range(10)]

    def resolve(number):
        hold = holds[number // 2]
        one = {"community_id": hold.community_id, "hold_id": hold.pk}
        return ledger.capture(**one) if number % 2 else ledger.void(**one)

    at_once(20, resolve)

    captured = Hold.objects.filter(state=Hold.State.CAPTURED).count()
    assert Hold.objects.filter(state=Hold.State.VOIDED).count() == 10 - captured
    assert Transfer.objects.filter(reason="redemption").count() == captured
    assert totals(wallet) == (300, 30 * captured, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kinds", [("fund", "wallet"), ("wallet", "fund")])
def test_holds_captured_for_whoever_pays_at_that_moment_are_no_ring(at_once, kinds, earn, lake):
    """The accounts are both locked before the hold is captured, whichever was opened first."""
    opened = {kind: ledger.account(community=lake, kind=kind, holder="x") for kind in kinds}
    fund, wallet = opened["fund"], opened["wallet"]
    for number, account in enumerate((fund, wallet)):
        ledger.post(replace(earn, credit=account, key=f"budget:{number}"))
    back = Movement(
        debit=wallet, credit=fund, amount=1, key="back", reason="gift", source="test:back"
    )
    holds = [ledger.hold(replace(back, key=f"back:{n}"), lifetime=HOUR) for n in range(40)]

    def work(number):
        for hold in holds[number::4]:
            if number % 2:
                ledger.capture(community_id=hold.community_id, hold_id=hold.pk)
            else:
                ledger.post(replace(back, debit=fund, credit=wallet, key=f"{hold.key}:paid"))

    at_once(4, work)

    assert (totals(fund), totals(wallet)) == ((120, 20, 0), (120, 20, 20))


def test_nothing_of_the_session_is_needed_between_transactions(earn):
    """A pooler in transaction mode may hand each transaction to another connection."""
    ledger.post(earn)
    with connection.cursor() as cursor:
        cursor.execute("DISCARD TEMP")
    assert ledger.post(earn).pk


@pytest.mark.plain
@pytest.mark.parametrize("known", [False, True], ids=["new community", "analyzed"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM points_account WHERE community_id = $1 AND id = $2 FOR NO KEY UPDATE",
        "UPDATE points_account SET credits = credits + 1 WHERE community_id = $1 AND id = $2",
        "SELECT FROM points_account d, points_account c WHERE d.community_id = $1 AND d.id = $2"
        " AND c.community_id = $1 AND c.id = $3 AND d.unit = c.unit",
    ],
    ids=["lock", "move", "kinds"],
)
def test_an_account_is_found_by_its_primary_key_whatever_is_known_of_the_table(
    lake, statement, known
):
    """Without statistics the planner may choose to read all wallets of the community."""
    with connection.cursor() as cursor:
        # As new: what was rolled back before leaves a table that is known to be empty.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("TRUNCATE points_account CASCADE")
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute(
            """
            INSERT INTO points_account (id, community_id, kind, unit, holder, credits, debits, held,
                shortfall)
            SELECT gen_random_uuid(), %s, 'wallet', 'points', 'person:' || number, 0, 0, 0, 0
            FROM generate_series(1, 2000) AS number
            """,
            [lake.pk],
        )
        if known:
            cursor.execute("ANALYZE points_account")
        cursor.execute(f"EXPLAIN (GENERIC_PLAN) {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert plan.count("points_account_pkey") == statement.count("points_account")
