"""Funds: who is served when, what a second person must approve, and what the year's end does."""

import csv
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from backend.audit.models import AuditEntry
from backend.sql import constraint_of
from backend.top import scenarios
from points.funds import errors, selectors, tasks
from points.funds import services as funds
from points.kinds import AccountKind, Unit
from points.ledger import errors as ledger_errors
from points.ledger import services as ledger
from points.ledger.selectors import balance
from points.models import Account, Claim, Fund, Hold, TopUp, Transfer
from tests.long import IS_LONG
from tests.verified import found_in, found_in_books, untriggered

Status = Claim.Status
WUZHUER = Path(scenarios.__file__).parent / "wuzhuer"


def closed(day, hour=0):
    """A closing time: day by day, that is the order of the queue."""
    return datetime(2024, 3, day, hour, tzinfo=UTC)


@pytest.fixture
def qian(person):
    """钱书记, who opens funds and tops them up."""
    return person("qian", "钱书记")


@pytest.fixture
def fund(lake, qian) -> Fund:
    """红包, a fund of last year in fen, with 100 yuan in it; above 50 yuan two decide."""
    made = funds.open_fund(
        community=lake,
        name="红包",
        year=lake.today.year - 1,
        unit=Unit.FEN,
        opened_by=qian,
        approval_above=5_000,
    )
    funds.top_up(fund=made, amount=10_000, reason="街道拨款", topped_up_by=qian)
    return made


@pytest.fixture
def ask(fund, zhao, wang):
    """Claims from the fund for wang: ``ask(3000, day=2)``; the subject is of the day."""

    def claim(amount, day, of=fund, **more):
        terms = {
            "subject": f"report:{day}",
            "payee": f"person:{wang.pk}",
            "closed_at": closed(day),
            "reason": "report",
            "asked_by": zhao,
        }
        return funds.claim(fund=of, amount=amount, **terms | more)

    return claim


def figures(fund):
    """Budget, reserved, spent, left; and how many claims wait for how much."""
    row = selectors.with_figures(selectors.funds_in(fund.community)).get(pk=fund.pk)
    return row.budget, row.reserved, row.spent, row.left, row.waiting_count, row.waiting_amount


def statuses(*claims):
    return [Claim.objects.get(pk=claim.pk).status for claim in claims]


def findings(community):
    return found_in_books(community)


# --- money in, money out ----------------------------------------------------------------------
def test_a_claim_is_reserved_then_paid_and_each_step_is_in_the_ledger(lake, fund, ask, wang):
    claim = ask(3_000, day=1)

    assert (claim.status, figures(fund)) == (Status.RESERVED, (10_000, 3_000, 0, 7_000, 0, 0))
    assert (claim.hold.amount, claim.hold.state, claim.hold.expires_at) == (3_000, "held", None)

    claim = funds.commit(claim=claim)

    assert (claim.status, figures(fund)) == (Status.COMMITTED, (10_000, 0, 3_000, 7_000, 0, 0))
    paid = Transfer.objects.get(key=f"fund_claim:{claim.pk}")
    assert (paid.amount, paid.reason, paid.source) == (3_000, "report", claim.source)
    payee = Account.objects.get(pk=paid.credit_id)
    assert (payee.kind, payee.unit, payee.holder) == ("payout", "fen", f"person:{wang.pk}")
    source = ledger.account(community=lake, kind=AccountKind.ISSUANCE, unit=Unit.FEN)
    assert balance(source) == -10_000
    assert findings(lake) == []


def test_points_of_a_fund_reach_the_wallet_with_their_last_day_and_why(lake, qian, zhao, wang):
    fund = funds.open_fund(community=lake, name="积分", year=2024, unit=Unit.POINTS, opened_by=qian)
    funds.top_up(fund=fund, amount=50, reason="年度预算", topped_up_by=qian)
    claim = funds.claim(
        fund=fund,
        subject="proposal:1",
        payee=f"person:{wang.pk}",
        amount=20,
        closed_at=closed(1),
        reason="proposal",
        asked_by=zhao,
        explanation={"rule": "tariff"},
    )

    funds.commit(claim=claim, expires_on=date(2099, 12, 31), at=closed(2))

    paid = Transfer.objects.get(source=claim.source)
    assert (paid.expires_on, paid.occurred_at) == (date(2099, 12, 31), closed(2))
    assert paid.explanation == {"rule": "tariff"}
    assert balance(ledger.wallet(community=lake, person_id=wang.pk)) == 20
    assert findings(lake) == []


def test_a_top_up_says_why_and_who_and_is_on_the_audit_trail(fund, qian):
    top_up = TopUp.objects.get()

    assert (top_up.amount, top_up.reason, top_up.topped_up_by) == (10_000, "街道拨款", qian)
    opened, topped_up = AuditEntry.objects.filter(target_type="fund").order_by("id")
    assert (opened.action, topped_up.action) == ("fund.open", "fund.top_up")
    assert topped_up.after == {"top_up": str(top_up.pk), "amount": 10_000}


def test_a_fund_is_opened_once_on_one_set_of_terms(fund, lake, qian):
    terms = {"community": lake, "name": "红包", "year": fund.year, "opened_by": qian}
    again = funds.open_fund(**terms, unit=Unit.FEN, approval_above=5_000)

    assert again == fund
    with pytest.raises(errors.FundNameTaken):
        funds.open_fund(**terms, unit=Unit.POINTS, approval_above=5_000)
    with pytest.raises(errors.FundNameTaken):
        funds.open_fund(**terms, unit=Unit.FEN)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_is_put_in_or_claimed_by_amounts_of_nothing(fund, ask, qian, amount):
    with pytest.raises(ledger_errors.AmountInvalid):
        funds.top_up(fund=fund, amount=amount, reason="x", topped_up_by=qian)
    with pytest.raises(ledger_errors.AmountInvalid):
        ask(amount, day=1)

    assert figures(fund) == (10_000, 0, 0, 10_000, 0, 0)


# --- the queue --------------------------------------------------------------------------------
def test_a_smaller_later_claim_does_not_overtake_a_bigger_earlier_one(fund, ask, qian):
    first = ask(8_000, day=1)
    second = ask(3_000, day=2)
    third = ask(1_000, day=3)  # there is enough for it, but it is not its turn

    assert statuses(first, second, third) == ["reserved", "waiting", "waiting"]
    assert figures(fund) == (10_000, 8_000, 0, 2_000, 2, 4_000)

    funds.top_up(fund=fund, amount=999, reason="x", topped_up_by=qian)
    assert statuses(second, third) == ["waiting", "waiting"]

    funds.top_up(fund=fund, amount=1, reason="x", topped_up_by=qian)
    assert statuses(second, third) == ["reserved", "waiting"]

    funds.top_up(fund=fund, amount=1_000, reason="x", topped_up_by=qian)
    assert statuses(second, third) == ["reserved", "reserved"]


def test_the_place_is_that_of_the_closing_time_not_of_asking(fund, ask, qian):
    ask(10_000, day=1)
    late, early = ask(2_000, day=9), ask(2_000, day=5)
    funds.top_up(fund=fund, amount=2_000, reason="x", topped_up_by=qian)

    assert statuses(early, late) == ["reserved", "waiting"]


def test_of_two_closed_at_one_moment_the_first_to_ask_is_served_first(fund, ask, qian):
    ask(10_000, day=1)
    first, second = (ask(2_000, day=2, subject=f"report:{letter}") for letter in "ba")
    funds.top_up(fund=fund, amount=2_000, reason="x", topped_up_by=qian)

    assert statuses(first, second) == ["reserved", "waiting"]


def test_a_released_claim_leaves_its_money_to_whoever_waits_next(fund, ask, zhao):
    big, small, last = ask(9_000, day=1), ask(3_000, day=2), ask(8_000, day=3)

    funds.release(claim=big, released_by=zhao)
    funds.release(claim=big, released_by=zhao)

    assert statuses(big, small, last) == ["released", "reserved", "waiting"]
    assert figures(fund) == (10_000, 3_000, 0, 7_000, 1, 8_000)
    assert AuditEntry.objects.get(action="claim.release").before == {"status": "reserved"}


def test_a_waiting_claim_that_is_released_no_longer_holds_up_the_others(fund, ask, zhao):
    ask(9_000, day=1)
    big, small = ask(5_000, day=2), ask(1_000, day=3)

    funds.release(claim=big, released_by=zhao)

    assert statuses(big, small) == ["released", "reserved"]


def test_an_unclaimed_one_waits_until_its_person_asks_and_keeps_its_place(lake, fund, ask, qian):
    first, second, third = ask(6_000, day=1), ask(6_000, day=2), ask(3_000, day=3)

    funds.lapse(claim=first, hold_id=first.hold_id)
    assert statuses(first, second, third) == ["unclaimed", "reserved", "reserved"]

    assert funds.ask_again(claim=first).status == "waiting"
    fourth = ask(500, day=4)
    assert statuses(first, fourth) == ["waiting", "waiting"]

    funds.top_up(fund=fund, amount=5_000, reason="x", topped_up_by=qian)
    assert statuses(first, fourth) == ["reserved", "waiting"]
    assert findings(lake) == []


def test_a_lapse_told_twice_does_not_touch_the_next_reservation(fund, ask):
    claim = ask(6_000, day=1)
    earlier = claim.hold_id
    funds.lapse(claim=claim, hold_id=earlier)
    funds.lapse(claim=claim, hold_id=earlier)
    again = funds.ask_again(claim=claim)

    assert funds.lapse(claim=claim, hold_id=earlier).status == "reserved"
    assert again.hold_id != earlier
    assert funds.ask_again(claim=claim).hold_id == again.hold_id
    assert funds.lapse(claim=claim, hold_id=again.hold_id).status == "unclaimed"


def test_a_subject_claims_once(fund, ask):
    claim = ask(3_000, day=1)

    assert ask(3_000, day=1) == claim
    with pytest.raises(errors.ClaimSubjectReused):
        ask(3_001, day=1)
    with pytest.raises(errors.ClaimSubjectReused):
        ask(3_000, day=2, subject="report:1")
    assert figures(fund) == (10_000, 3_000, 0, 7_000, 0, 0)


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_what_the_ledger_brings_back_is_taken_up_by_a_sweep(lake, fund, ask):
    paid = funds.commit(claim=ask(5_000, day=1))
    ask(5_000, day=2)
    waiting = ask(5_000, day=3)
    transfer = Transfer.objects.get(key=f"fund_claim:{paid.pk}")
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=transfer.pk,
        key="return:1",
        reason="return",
        source="undo:return:1",
    )

    tasks.sweep_waiting_claims()
    tasks.sweep_waiting_claims()

    assert statuses(waiting) == ["reserved"]
    assert figures(fund) == (10_000, 10_000, 0, 0, 0, 0)
    assert findings(lake) == []


# --- which verb when --------------------------------------------------------------------------
VERBS = {
    "commit": lambda claim, zhao: funds.commit(claim=claim),
    "release": lambda claim, zhao: funds.release(claim=claim, released_by=zhao),
    "lapse": lambda claim, zhao: funds.lapse(claim=claim, hold_id=claim.hold_id),
    "ask_again": lambda claim, zhao: funds.ask_again(claim=claim),
}


@pytest.mark.parametrize(
    ("status", "verb"),
    [
        ("waiting", "commit"),
        ("unclaimed", "commit"),
        ("released", "commit"),
        ("committed", "release"),
        ("committed", "lapse"),
        ("released", "lapse"),
        ("committed", "ask_again"),
        ("released", "ask_again"),
    ],
)
def test_a_verb_at_the_wrong_time_is_refused_and_moves_nothing(fund, ask, zhao, status, verb):
    claim = ask(4_000 if status != "waiting" else 10_001, day=1)
    before = {"unclaimed": "lapse", "released": "release", "committed": "commit"}
    if status in before:
        claim = VERBS[before[status]](claim, zhao)
    shown = figures(fund)

    with pytest.raises(errors.ClaimStatusWrong) as refusal:
        VERBS[verb](claim, zhao)

    assert refusal.value.facts == {"current_status": status}
    assert (statuses(claim), figures(fund)) == ([status], shown)


@pytest.mark.parametrize("verb", ["commit", "release", "lapse"])
def test_a_verb_sent_twice_changes_nothing_more(fund, ask, zhao, verb):
    claim = ask(4_000, day=1)
    first = VERBS[verb](claim, zhao)
    shown = figures(fund)

    assert VERBS[verb](claim, zhao).status == first.status
    assert figures(fund) == shown


# --- approval ---------------------------------------------------------------------------------
def test_a_claim_above_the_threshold_is_paid_once_a_second_person_approves_it(fund, ask, qian):
    claim = ask(5_001, day=1)

    assert (claim.status, claim.needs_approval) == ("reserved", True)
    with pytest.raises(errors.ClaimNeedsApproval):
        funds.commit(claim=claim)

    approved = funds.approve(claim=claim, approved_by=qian)
    assert funds.approve(claim=claim, approved_by=qian).approved_at == approved.approved_at
    assert funds.commit(claim=claim).status == "committed"
    assert AuditEntry.objects.get(action="claim.approve").actor == qian


def test_a_claim_at_the_threshold_needs_nobody(fund, ask, qian):
    claim = ask(5_000, day=1)

    with pytest.raises(errors.ClaimNeedsNoApproval):
        funds.approve(claim=claim, approved_by=qian)
    assert funds.commit(claim=claim).status == "committed"


def test_nobody_approves_what_they_asked_for_or_what_pays_them(fund, ask, zhao, wang):
    claim = ask(6_000, day=1)

    for own in (zhao, wang):
        with pytest.raises(errors.OwnClaim):
            funds.approve(claim=claim, approved_by=own)
    assert statuses(claim) == ["reserved"]


def test_a_claim_that_was_given_up_is_not_approved(fund, ask, zhao, qian):
    claim = funds.release(claim=ask(6_000, day=1), released_by=zhao)

    with pytest.raises(errors.ClaimStatusWrong):
        funds.approve(claim=claim, approved_by=qian)


# --- the end of the year ----------------------------------------------------------------------
def test_what_is_left_and_who_waits_go_to_the_next_year(lake, fund, ask, qian):
    funds.commit(claim=ask(4_000, day=1))
    unclaimed = ask(2_000, day=2)
    funds.lapse(claim=unclaimed, hold_id=unclaimed.hold_id)
    waiting = ask(6_001, day=3)

    into = funds.carry_over(fund=fund, ended_by=qian)

    assert funds.carry_over(fund=fund, ended_by=qian) == into
    assert (into.year, into.name, into.approval_above) == (fund.year + 1, "红包", 5_000)
    assert figures(fund) == (10_000, 0, 4_000, 0, 0, 0)
    assert figures(into) == (6_000, 0, 0, 6_000, 1, 6_001)
    carried = Transfer.objects.get(key=f"fund_carried_over:{fund.pk}")
    assert (carried.amount, carried.credit_id) == (6_000, into.account_id)
    funds.top_up(fund=into, amount=1, reason="x", topped_up_by=qian)
    assert statuses(unclaimed, waiting) == ["unclaimed", "reserved"]
    funds.ask_again(claim=unclaimed)
    funds.top_up(fund=into, amount=2_000, reason="x", topped_up_by=qian)
    assert statuses(unclaimed) == ["reserved"]
    ended = AuditEntry.objects.get(action="fund.end")
    assert ended.after == {
        "ending": "carried_over",
        "amount": 6_000,
        "carried_into": str(into.pk),
    }
    assert findings(lake) == []


def test_who_waits_is_served_in_the_next_year_before_those_who_came_later(fund, ask, qian):
    ask(10_000, day=1)
    old = ask(2_000, day=2)
    funds.release(claim=Claim.objects.earliest("id"), released_by=qian)
    funds.commit(claim=old)
    old = ask(9_000, day=3)
    into = funds.open_fund(
        community=fund.community,
        name="红包",
        year=fund.year + 1,
        unit=Unit.FEN,
        opened_by=qian,
    )
    new = ask(1_500, day=4, of=into)
    assert statuses(old, new) == ["waiting", "waiting"]

    funds.carry_over(fund=fund, ended_by=qian)  # 80 yuan: less than the old one asks
    assert statuses(old, new) == ["waiting", "waiting"]

    funds.top_up(fund=into, amount=1_000, reason="x", topped_up_by=qian)
    assert statuses(old, new) == ["reserved", "waiting"]


def test_the_rest_goes_back_to_where_it_came_from(lake, fund, ask, qian):
    funds.commit(claim=ask(4_000, day=1))

    funds.return_rest(fund=fund, ended_by=qian)
    funds.return_rest(fund=fund, ended_by=qian)

    assert figures(fund) == (10_000, 0, 4_000, 0, 0, 0)
    source = ledger.account(community=lake, kind=AccountKind.ISSUANCE, unit=Unit.FEN)
    assert balance(source) == -4_000
    assert findings(lake) == []


def test_a_fund_with_nothing_left_ends_without_a_transfer(lake, fund, ask, qian):
    for day in (1, 2):
        funds.commit(claim=ask(5_000, day=day))

    funds.return_rest(fund=fund, ended_by=qian)

    assert not Transfer.objects.filter(key__startswith="fund_returned").exists()
    assert findings(lake) == []


@pytest.mark.parametrize("verb", [funds.carry_over, funds.return_rest])
def test_a_fund_does_not_end_before_its_year_is_over(lake, qian, verb):
    fund = funds.open_fund(
        community=lake, name="今年", year=lake.today.year, unit=Unit.FEN, opened_by=qian
    )

    with pytest.raises(errors.FundYearNotOver):
        verb(fund=fund, ended_by=qian)


@pytest.mark.parametrize(
    ("verb", "hindered"),
    [
        (funds.carry_over, {"reserved": 1}),
        (funds.return_rest, {"reserved": 1, "unclaimed": 1, "waiting": 1}),
    ],
)
def test_open_claims_hinder_the_end(fund, ask, qian, verb, hindered):
    unclaimed = ask(1_000, day=1)
    funds.lapse(claim=unclaimed, hold_id=unclaimed.hold_id)
    ask(1_000, day=2)
    ask(10_000, day=3)

    with pytest.raises(errors.FundHasClaims) as refusal:
        verb(fund=fund, ended_by=qian)

    assert refusal.value.facts == hindered


def test_an_ended_fund_takes_and_gives_nothing(fund, ask, qian):
    funds.return_rest(fund=fund, ended_by=qian)

    with pytest.raises(errors.FundEnded):
        funds.top_up(fund=fund, amount=1, reason="x", topped_up_by=qian)
    with pytest.raises(errors.FundEnded):
        ask(1, day=1)
    with pytest.raises(errors.FundEnded):
        funds.carry_over(fund=fund, ended_by=qian)


def test_who_was_unclaimed_when_the_fund_was_carried_over_is_overtaken_by_nobody(
    lake, fund, ask, qian
):
    unclaimed = ask(2_000, day=1)
    funds.lapse(claim=unclaimed, hold_id=unclaimed.hold_id)
    into = funds.carry_over(fund=fund, ended_by=qian)

    later = ask(1_000, day=2, of=into)
    funds.release(claim=unclaimed, released_by=qian)

    assert statuses(later) == ["reserved"]
    assert found_in_books(lake) == []


def test_who_waited_before_the_carry_over_was_overtaken_by_nobody_in_the_other_fund(
    lake, fund, ask, qian
):
    terms = {"community": lake, "name": "红包", "unit": Unit.FEN, "opened_by": qian}
    into = funds.open_fund(year=fund.year + 1, **terms)
    funds.top_up(fund=into, amount=1_000, reason="x", topped_up_by=qian)
    waits = ask(12_000, day=1)
    other = ask(1_000, day=2, of=into)  # reserved while the earlier one waits for the old fund
    funds.top_up(fund=fund, amount=2_000, reason="x", topped_up_by=qian)
    waits.refresh_from_db()
    funds.lapse(claim=waits, hold_id=waits.hold_id)

    funds.carry_over(fund=fund, ended_by=qian)

    assert statuses(waits, other) == ["unclaimed", "reserved"]
    assert found_in_books(lake) == []
    funds.release(claim=waits, released_by=qian)
    assert found_in_books(lake) == []


def test_a_fund_is_not_carried_into_one_of_another_unit_or_one_that_ended(lake, qian):
    terms = {"community": lake, "name": "预算", "opened_by": qian}
    first, second = (
        funds.open_fund(**terms, year=2020 + n, unit=unit)
        for n, unit in enumerate([Unit.FEN, Unit.POINTS])
    )
    with pytest.raises(errors.FundNameTaken):
        funds.carry_over(fund=first, ended_by=qian)

    before = funds.open_fund(**terms | {"name": "预算二"}, year=2019, unit=Unit.FEN)
    into = funds.carry_over(fund=before, ended_by=qian)
    with pytest.raises(errors.FundEnded):
        funds.return_rest(fund=before, ended_by=qian)
    last = funds.open_fund(**terms | {"name": "预算二"}, year=2021, unit=Unit.FEN)
    funds.return_rest(fund=last, ended_by=qian)
    with pytest.raises(errors.FundEnded):
        funds.carry_over(fund=into, ended_by=qian)
    assert second.account.unit == "points"


# --- the database is the judge ----------------------------------------------------------------
@pytest.fixture
def queue(fund, ask, qian):
    """By name, claims of every status."""
    claims = {"committed": funds.commit(claim=ask(1_000, day=1))}
    claims["released"] = funds.release(claim=ask(1_000, day=2), released_by=qian)
    claims["reserved"] = ask(6_000, day=3)
    claims["first"], claims["second"] = ask(9_000, day=4), ask(100, day=5)
    return claims


@pytest.mark.parametrize(
    ("name", "changes", "refused_by"),
    [
        ("second", "status = 'reserved', reserved_at = now()", "claim_follows_the_ledger"),
        ("second", "status = 'unclaimed'", "claim_goes_its_way"),
        (
            "reserved",
            "status = 'committed', resolved_at = now(), set_off = 0",
            "claim_follows_the_ledger",
        ),
        ("reserved", "status = 'released', resolved_at = now()", "claim_follows_the_ledger"),
        ("reserved", "status = 'unclaimed'", "claim_follows_the_ledger"),
        ("reserved", "amount = 1", "claim_keeps_its_terms"),
        ("reserved", "needs_approval = false", "claim_keeps_its_terms"),
        ("first", "closed_at = '2000-01-01'", "claim_keeps_its_terms"),
        ("committed", "status = 'waiting', resolved_at = NULL", "claim_ends_once"),
        ("released", "resolved_at = now()", "claim_ends_once"),
        (
            "reserved",
            "fund_id = '00000000-0000-7000-8000-000000000000'",
            "claim_moves_while_nothing_is_reserved",
        ),
    ],
)
def test_the_database_refuses_what_a_claim_may_not_become(queue, name, changes, refused_by):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(f"UPDATE points_claim SET {changes} WHERE id = %s", queue[name].pk)
    assert refused_by in str(constraint_of(refusal.value)) + str(
        refusal.value.__cause__.diag.context
    )


def test_the_database_lets_nobody_overtake(queue, fund, qian):
    claim = queue["second"]
    hold = Hold.objects.create(
        community=fund.community,
        key="queue-jumper",
        debit=fund.account,
        credit=claim.payee,
        amount=claim.amount,
        reason="x",
        source=claim.source,
        occurred_at=closed(1),
        expires_at=None,
    )
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(
            "UPDATE points_claim SET status = 'reserved', hold_id = %s, reserved_at = now(),"
            " reservations = 1 WHERE id = %s",
            hold.pk,
            claim.pk,
        )
    assert constraint_of(refusal.value) == "claim_overtakes_nobody"


@pytest.mark.parametrize(
    ("approver", "refused_by"),
    [("zhao", "claim_approved_by_another"), ("wang", "claim_not_approved_by_its_payee")],
)
def test_the_database_wants_a_second_person(queue, request, approver, refused_by):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(
            "UPDATE points_claim SET approved_at = now(), approved_by_id = %s WHERE id = %s",
            request.getfixturevalue(approver).pk,
            queue["first"].pk,
        )
    assert constraint_of(refusal.value) == refused_by


def test_the_database_pays_nothing_above_the_threshold_without_approval(queue, fund):
    claim = queue["reserved"]
    ledger.void(community_id=fund.community_id, hold_id=claim.hold_id)
    movement = ledger.Movement(
        debit=fund.account,
        credit=claim.payee,
        amount=claim.amount,
        key=f"fund_claim:{claim.pk}",
        reason="x",
        source=f"test:fund_claim:{claim.pk}",
    )
    ledger.post(movement)
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(
            "UPDATE points_claim SET status = 'committed', resolved_at = now(), set_off = 0"
            " WHERE id = %s",
            claim.pk,
        )
    assert constraint_of(refusal.value) == "claim_committed_is_approved"


@pytest.mark.parametrize(
    ("changes", "refused_by"),
    [
        ({"status": "reserved"}, "claim_begins_waiting"),
        ({"needs_approval": False}, "claim_begins_waiting"),
        ({"payee": "wallet"}, "claim_begins_waiting"),
        ({"amount": 0, "needs_approval": False}, "claim_claims_something"),
        ({"subject": "report:1"}, "claim_once"),
    ],
)
def test_the_database_refuses_a_claim_that_begins_wrongly(
    queue, fund, lake, zhao, wang, changes, refused_by
):
    fields = {"subject": "new", "amount": 5_001, "needs_approval": True} | changes
    if "payee" in changes:
        fields["payee"] = ledger.wallet(community=lake, person_id=wang.pk)
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        Claim.objects.create(
            **{"payee": queue["first"].payee} | fields,
            community=lake,
            fund=fund,
            closed_at=closed(1),
            reason="report",
            asked_by=zhao,
        )
    assert constraint_of(refusal.value) == refused_by


@pytest.mark.parametrize(
    ("statement", "refused_by"),
    [
        ("UPDATE points_fund SET approval_above = NULL", "fund_keeps_its_terms"),
        ("UPDATE points_fund SET ending = 'returned'", "fund_ending_is_complete"),
        ("DELETE FROM points_fund", "fund_stays"),
        ("TRUNCATE points_fund CASCADE", "is_not_emptied"),
        ("UPDATE points_topup SET reason = 'other'", "top_up_is_final"),
        ("DELETE FROM points_topup", "top_up_is_final"),
        ("DELETE FROM points_claim", "claim_stays"),
    ],
)
def test_funds_top_ups_and_claims_stay(queue, statement, refused_by):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        execute(statement)
    assert refused_by in str(constraint_of(refusal.value)) + str(
        refusal.value.__cause__.diag.context
    )


def test_a_fund_has_an_account_of_its_own(fund, lake, qian):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        Fund.objects.create(
            community=lake, account=fund.account, year=2024, name="x", opened_by=qian
        )
    assert constraint_of(refusal.value) == "fund_has_its_own_account"


def execute(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if the fixtures had committed
        cursor.execute(statement, values)


# --- what is found ----------------------------------------------------------------------------
# What a superuser does with the triggers off, and all that is then found of funds and events.
TAMPERING = {
    "a top-up without its transfer": (
        "DELETE FROM points_transfer WHERE key LIKE 'fund_top_up:%'",
        ["topup: it should have moved 10000, and nothing has the key"],
    ),
    "a transfer without its top-up": (
        "DELETE FROM points_topup",
        ["transfer: its source fund_top_up:… opens nothing"],
    ),
    "a top-up that says more": (
        "UPDATE points_topup SET amount = amount + 1",
        ["transfer: it is of 10000, fund_top_up:… of 10001"],
    ),
    "a payment to somebody else": (
        "UPDATE points_transfer t SET credit_id = p.id FROM points_account p"
        " WHERE p.community_id = t.community_id AND p.holder = 'person:another'"
        " AND t.key LIKE 'fund_claim:%'",
        ["transfer: it brings to payout person:another, fund_claim:… to payout"],
    ),
    "a payment that nobody claimed": (
        "UPDATE points_claim SET status = 'released', set_off = NULL WHERE subject = 'report:1'",
        [
            "claim: it is released, and there is its transfer",
            "transfer: fund_claim:… is there, and has moved nothing",
        ],
    ),
    "a claim that says more than it holds": (
        "UPDATE points_claim SET amount = amount + 1 WHERE subject = 'report:3'",
        [
            "claim: hold … is not of it, or is gone",
            "fund: its claims reserve 6001, its account holds 6000",
            "hold: it is of 6000, fund_claim:… of 6001",
        ],
    ),
    "a reservation that nothing holds": (
        "UPDATE points_hold SET state = 'voided', resolved_at = now()"
        " WHERE id = (SELECT hold_id FROM points_claim WHERE subject = 'report:3')",
        ["claim: it is reserved, and its hold is voided"],
    ),
    "a hold that no claim reserves": (
        "UPDATE points_claim SET status = 'unclaimed' WHERE subject = 'report:3'",
        [
            "claim: it is unclaimed, and its hold is held",
            "fund: its claims reserve 0, its account holds 6000",
        ],
    ),
    "a payment that nobody approved": (
        "ALTER TABLE points_claim DROP CONSTRAINT claim_committed_is_approved;"
        " UPDATE points_claim SET needs_approval = true WHERE subject = 'report:1'",
        ["claim: it was paid, and nobody approved it"],
    ),
    "an approval that is not needed any more": (
        "UPDATE points_claim SET needs_approval = false WHERE subject = 'report:3'",
        ["claim: whether it needs an approval is not what its fund says"],
    ),
    "an approval of one's own": (
        "UPDATE points_claim c SET approved_at = now(), approved_by_id ="
        " substr(p.holder, 8)::uuid FROM points_account p WHERE p.community_id = c.community_id"
        " AND p.id = c.payee_id AND subject = 'report:3'",
        ["claim: it was approved by who asked for it or is paid by it"],
    ),
    "a place in front of one that waited": (
        "UPDATE points_claim SET closed_at = now() - interval '10 years',"
        " claimed_at = now() - interval '10 years', waiting_since = now() - interval '10 years'"
        " WHERE subject = 'report:5'",
        ["claim: it overtook claim … (report:5)"] * 2,
    ),
    "an account of another": (
        "UPDATE points_account SET holder = 'fund:1' WHERE kind = 'fund'",
        [
            "fund: its account is another's",
            "hold: it takes from fund fund:1, fund_claim:… from fund",
            "transfer: it brings to fund fund:1, fund_top_up:… to fund",
            "transfer: it takes from fund fund:1, fund_claim:… from fund",
        ],
    ),
    "a fund that ended with claims": (
        "UPDATE points_fund SET ending = 'returned', ended_amount = 0, ended_at = now(),"
        " ended_by_id = opened_by_id",
        ["fund: it has ended, and claims on it are open"],
    ),
}


def test_what_was_changed_behind_the_back_is_named(queue, fund, lake, subtests):
    ledger.account(community=lake, kind=AccountKind.PAYOUT, unit=Unit.FEN, holder="person:another")
    assert findings(lake) == []
    for name, (statement, expected) in TAMPERING.items():
        with subtests.test(name), transaction.atomic():
            untriggered(statement)
            found = found_in(lake, only={"funds", "sources", "events"})
            transaction.set_rollback(True)
            told = [tidied(one) for one in found]
            assert len(told) == len(expected), told
            for one, beginning in zip(sorted(told), sorted(expected), strict=True):
                assert one.startswith(beginning)


def tidied(finding):
    """Name the row by what it is, and leave out ids."""
    text = f"{finding.table.removeprefix('points_')}: {finding.because}"
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "…", text)


# --- all at once ------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_two_claims_at_once_on_the_last_yuan_one_waits(fund, ask, at_once):
    ask(9_900, day=1)

    at_once(2, lambda number: ask(100, day=2 + number).pk)

    assert sorted(statuses(*Claim.objects.order_by("-id")[:2])) == ["reserved", "waiting"]
    assert figures(fund) == (10_000, 10_000, 0, 0, 1, 100)


@pytest.mark.django_db(transaction=True)
def test_one_subject_claimed_by_many_at_once_is_one_claim(fund, ask, at_once):
    made = at_once(6, lambda _: ask(4_000, day=1).pk)

    assert len(set(made)) == 1
    assert figures(fund) == (10_000, 4_000, 0, 6_000, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_top_ups_while_others_claim_serve_all_that_there_is_money_for(
    lake, fund, ask, qian, at_once
):
    ask(10_000, day=1)

    def work(number):
        if number % 2:
            return funds.top_up(fund=fund, amount=300, reason="x", topped_up_by=qian).pk
        return ask(500, day=2 + number).pk

    at_once(10, work)  # five claims of 500, five top-ups of 300

    assert figures(fund) == (11_500, 11_500, 0, 0, 2, 1_000)
    assert findings(lake) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["release", "commit", "lapse"])
def test_a_verb_by_many_at_once_is_done_once(lake, fund, ask, zhao, at_once, verb):
    claim = ask(4_000, day=1)

    done = at_once(6, lambda _: VERBS[verb](claim, zhao).status)

    assert len(set(done)) == 1
    spent = 4_000 if verb == "commit" else 0
    assert figures(fund) == (10_000, 0, spent, 10_000 - spent, 0, 0)
    assert findings(lake) == []


@pytest.mark.django_db(transaction=True)
def test_of_a_commit_and_a_release_at_once_one_is_refused(lake, fund, ask, zhao, at_once):
    verbs = ["commit", "release", "lapse"] * 2
    for day in range(1, 5):
        claim = ask(1_000, day=day)
        at_once(6, lambda number, claim=claim: VERBS[verbs[number]](claim, zhao).status)

    paid = Claim.objects.filter(status="committed").count()
    assert Claim.objects.exclude(status="reserved").count() == 4
    assert figures(fund) == (10_000, 0, 1_000 * paid, 10_000 - 1_000 * paid, 0, 0)
    assert findings(lake) == []


@pytest.mark.django_db(transaction=True)
def test_a_fund_opened_or_ended_by_many_at_once_is_opened_or_ended_once(lake, fund, qian, at_once):
    carried = at_once(4, lambda _: funds.carry_over(fund=fund, ended_by=qian).pk)

    assert len(set(carried)) == 1
    assert Fund.objects.count() == 2
    assert Account.objects.filter(kind="fund").count() == 2
    assert findings(lake) == []


@pytest.mark.django_db(transaction=True)
def test_claims_on_a_fund_that_is_carried_over_meanwhile_are_on_one_of_the_two(
    lake, fund, ask, qian, at_once
):
    held = ask(10_000, day=1)
    waiting = [ask(1_000, day=day) for day in range(2, 6)]
    funds.lapse(claim=held, hold_id=held.hold_id)
    for claim in waiting:
        funds.commit(claim=claim)

    def work(number):
        if number == 0:
            return funds.carry_over(fund=fund, ended_by=qian).pk
        if number == 1:
            return funds.ask_again(claim=held).status
        return funds.release(claim=held, released_by=qian).status

    at_once(4, work)

    assert statuses(held) == ["released"]
    assert findings(lake) == []


@pytest.mark.django_db(transaction=True)
def test_those_who_have_a_wallet_locked_may_claim_while_others_are_paid(
    lake, qian, zhao, person, at_once
):
    """Awarding locks a wallet, then a claim; paying locks the claim, then the wallet."""
    fund = funds.open_fund(community=lake, name="积分", year=2024, unit=Unit.POINTS, opened_by=qian)
    people = [person(f"p{n}") for n in range(3)]
    wallets = [ledger.wallet(community=lake, person_id=one.pk) for one in people]

    def ask(number, who):
        return funds.claim(
            fund=fund,
            subject=f"report:{number}",
            payee=f"person:{people[who].pk}",
            amount=1,
            closed_at=closed(1),
            reason="report",
            asked_by=zhao,
        )

    def work(number):
        for turn in range(8):
            who = (number + turn) % 3
            with transaction.atomic():
                wallets[who].locked()
                claim = ask(10 * number + turn, who)
                funds.top_up(fund=fund, amount=1, reason="x", topped_up_by=qian)
            if turn % 2:
                funds.release(claim=claim, released_by=zhao)
            else:
                funds.commit(claim=claim)
        return "done"

    assert at_once(6, work) == ["done"] * 6
    assert figures(fund) == (48, 0, 24, 24, 0, 0)
    assert findings(lake) == []


# --- a year of 乌珠尔 -------------------------------------------------------------------------
@pytest.mark.parametrize("pieces", [1, 5] if IS_LONG else [5])
def test_the_year_of_wuzhuer_comes_out_to_the_fen(lake, qian, zhao, person, pieces):
    """Red packets by the tariff, out of 200,000 yuan; in pieces, the first pays the least."""
    rules, expected = (
        json.loads((WUZHUER / f"{name}.json").read_text()) for name in ("rules", "expected")
    )
    tariff, whole = rules["report_rewards_fen"], rules["fund_fen"]
    fund = funds.open_fund(
        community=lake, name="网格红包", year=2024, unit=Unit.FEN, opened_by=qian
    )
    parts = [whole] if pieces == 1 else [200_000, 100_000, 62_000, 14_000, whole - 376_000]
    assert sum(parts) == whole
    funds.top_up(fund=fund, amount=parts.pop(0), reason="财政拨款", topped_up_by=qian)

    made, order, most_waiting = [], [], 0
    with (WUZHUER / "reports.csv").open(encoding="utf-8") as file:
        reports = [row for row in csv.DictReader(file) if row["办理结果"] == "属实已办结"]
    for number, row in enumerate(reports, 1):
        made.append(
            funds.claim(
                fund=fund,
                subject=f"report:{row['编号']}",
                payee=f"phone:{row['手机号']}",
                amount=tariff[row["类别"]],
                closed_at=datetime.fromisoformat(row["时间"]).replace(tzinfo=UTC),
                reason="report",
                asked_by=zhao,
            )
        )
        if parts and number % 25 == 0:
            funds.top_up(fund=fund, amount=parts.pop(0), reason="追加", topped_up_by=qian)
        most_waiting = max(most_waiting, figures(fund)[4])
        for claim in Claim.objects.filter(status="reserved").order_by("reserved_at", "id"):
            funds.commit(claim=claim)
            order.append(claim.pk)

    assert bool(most_waiting) == (pieces > 1)
    assert order == [claim.pk for claim in made]  # nobody overtook
    assert {
        category: sum(row["类别"] == category for row in reports) for category in tariff
    } == expected["rewarded"]
    assert figures(fund) == (
        whole,
        0,
        expected["paid_fen"],
        expected["fund_left_fen"],
        0,
        0,
    )
    assert {
        account.holder.removeprefix("phone:"): balance(account)
        for account in Account.objects.filter(community=lake, kind="payout")
    } == expected["cash_by_phone"]
    assert findings(lake) == []
