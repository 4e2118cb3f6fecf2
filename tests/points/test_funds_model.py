"""Funds against a plain Python model of them: whatever is done to both, both answer the same."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from backend.errors import Refusal
from points.funds import errors, selectors
from points.funds import services as funds
from points.kinds import Unit
from points.ledger import services as ledger
from points.ledger.errors import AmountInvalid
from points.models import Transfer
from tests.long import PARTS, examples
from tests.verified import found_in_books

pytestmark = pytest.mark.slow

SETTINGS = examples(4, parts=PARTS)
YEARS_BACK = 4
THRESHOLD = 60
NOON = datetime(2020, 6, 1, 12, tzinfo=UTC)
OPEN = ("waiting", "reserved", "unclaimed")


# --- the model --------------------------------------------------------------------------------
@dataclass(eq=False)
class Budget:
    year: int
    budget: int = 0
    spent: int = 0
    ending: str | None = None
    ended_amount: int = 0
    into: "Budget | None" = None


@dataclass(eq=False)
class Wish:
    """A claim."""

    subject: str
    fund: Budget
    payee: str
    amount: int
    closed_at: datetime
    asked_by: str
    number: int
    approved_by: str | None = None
    status: str = "waiting"
    reservations: int = 0
    taken_back: bool = False


@dataclass
class Model:
    this_year: int
    funds: list[Budget] = field(default_factory=list)
    claims: list[Wish] = field(default_factory=list)

    def on(self, fund, *statuses):
        return [one for one in self.claims if one.fund is fund and one.status in statuses]

    def reserved(self, fund):
        return sum(one.amount for one in self.on(fund, "reserved"))

    def left(self, fund):
        return fund.budget - fund.spent - fund.ended_amount - self.reserved(fund)

    def serve(self, fund):
        taken = 0
        for one in sorted(self.on(fund, "waiting"), key=lambda one: (one.closed_at, one.number)):
            if one.amount > self.left(fund):
                break
            one.status = "reserved"
            one.reservations += 1
            taken += 1
        return taken

    def open_fund(self, year):
        found = next((fund for fund in self.funds if fund.year == year), None)
        if found is None:
            found = Budget(year)
            self.funds.append(found)
        return found.year

    def top_up(self, fund, amount):
        if fund.ending:
            raise errors.FundEnded
        if amount < 1:
            raise AmountInvalid
        fund.budget += amount
        self.serve(fund)

    def claim(self, fund, subject, payee, amount, closed_at, asked_by):
        if amount < 1:
            raise AmountInvalid
        known = next((one for one in self.claims if one.subject == subject), None)
        if known:
            if (known.payee, known.amount, known.closed_at) != (payee, amount, closed_at):
                raise errors.ClaimSubjectReused
            return known.status
        if fund.ending:
            raise errors.FundEnded
        one = Wish(subject, fund, payee, amount, closed_at, asked_by, len(self.claims))
        self.claims.append(one)
        self.serve(fund)
        return one.status

    def approve(self, one, by):
        if by in (one.asked_by, one.payee):
            raise errors.OwnClaim
        if one.amount <= THRESHOLD:
            raise errors.ClaimNeedsNoApproval
        if not one.approved_by:
            self.want(one, *OPEN)
            one.approved_by = by
        return one.approved_by

    def want(self, one, *statuses):
        if one.status not in statuses:
            raise errors.ClaimStatusWrong(current_status=one.status)

    def commit(self, one):
        if one.status != "committed":
            self.want(one, "reserved")
            if one.amount > THRESHOLD and not one.approved_by:
                raise errors.ClaimNeedsApproval
            one.status = "committed"
            one.fund.spent += one.amount
        return one.status

    def release(self, one):
        if one.status != "released":
            self.want(one, *OPEN)
            one.status = "released"
            self.serve(one.fund)
        return one.status

    def lapse(self, one, is_latest):
        if is_latest and one.status not in ("unclaimed", "waiting"):
            self.want(one, "reserved")
            one.status = "unclaimed"
            self.serve(one.fund)
        return one.status

    def ask_again(self, one):
        if one.status not in ("waiting", "reserved"):
            self.want(one, "unclaimed")
            one.status = "waiting"
            self.serve(one.fund)
        return one.status

    def take_back(self, one):
        """Reverse what was paid, in the ledger, and look who can be served."""
        one.taken_back = True
        one.fund.spent -= one.amount
        return self.serve(one.fund)

    def end(self, fund, *hindering):
        if fund.ending:
            raise errors.FundEnded
        if fund.year >= self.this_year:
            raise errors.FundYearNotOver(year=fund.year)
        counts = {status: len(self.on(fund, status)) for status in hindering}
        if counts := {status: count for status, count in counts.items() if count}:
            raise errors.FundHasClaims(**counts)

    def carry_over(self, fund):
        if fund.into:
            return fund.into.year
        self.end(fund, "reserved")
        into = next((one for one in self.funds if one.year == fund.year + 1), None)
        if into and into.ending:
            raise errors.FundEnded
        if into is None:
            self.open_fund(fund.year + 1)
            into = self.funds[-1]
        fund.ending, fund.ended_amount, fund.into = "carried_over", self.left(fund), into
        into.budget += fund.ended_amount
        for one in self.on(fund, *OPEN):
            one.fund = into
        self.serve(into)
        return into.year

    def return_rest(self, fund):
        if fund.ending != "returned":
            self.end(fund, *OPEN)
            fund.ending, fund.ended_amount = "returned", self.left(fund)
        return fund.year


# --- the same asked of the funds --------------------------------------------------------------
CLAIMS = """
    SELECT c.subject, f.year, c.amount, c.status, c.reservations
    FROM points_claim c JOIN points_fund f ON f.community_id = c.community_id AND f.id = c.fund_id
    WHERE c.community_id = %s
"""
FUNDS = """
    SELECT f.year, f.ending, a.held, a.credits - a.debits - a.held
    FROM points_fund f
    JOIN points_account a ON a.community_id = f.community_id AND a.id = f.account_id
    WHERE f.community_id = %s
"""


class Real:
    """Takes the model's funds and claims, and answers as the model does.

    It gives the services each row as it was when it was made, which is all that they may rely on.
    """

    def __init__(self, lake, people):
        self.lake, self.people = lake, people
        self.by = people["manager"]
        self.funds, self.claims = {}, {}

    def rows(self, statement):
        with connection.cursor() as cursor:
            cursor.execute(statement, [self.lake.pk])
            return set(cursor.fetchall())

    def open_fund(self, year):
        fund = funds.open_fund(
            community=self.lake,
            name="红包",
            year=year,
            unit=Unit.FEN,
            opened_by=self.by,
            approval_above=THRESHOLD,
        )
        return self.funds.setdefault(year, fund).year

    def top_up(self, fund, amount):
        fund = self.funds[fund.year]
        funds.top_up(fund=fund, amount=amount, reason="x", topped_up_by=self.by)

    def claim(self, fund, subject, payee, amount, closed_at, asked_by):
        claim = funds.claim(
            fund=self.funds[fund.year],
            subject=subject,
            payee=f"person:{self.people[payee].pk}",
            amount=amount,
            closed_at=closed_at,
            reason="report",
            asked_by=self.people[asked_by],
        )
        self.claims.setdefault(subject, claim)
        return claim.status

    def approve(self, wish, by):
        approved = funds.approve(claim=self.claims[wish.subject], approved_by=self.people[by])
        return next(name for name, one in self.people.items() if one.pk == approved.approved_by_id)

    def commit(self, wish):
        return funds.commit(claim=self.claims[wish.subject]).status

    def release(self, wish):
        return funds.release(claim=self.claims[wish.subject], released_by=self.by).status

    def lapse(self, wish, is_latest):
        claim = self.claims[wish.subject]
        hold_id = claim.payee_id  # no hold's
        if is_latest:
            claim.refresh_from_db(fields=["hold_id"])
            hold_id = claim.hold_id
        return funds.lapse(claim=claim, hold_id=hold_id).status

    def ask_again(self, wish):
        return funds.ask_again(claim=self.claims[wish.subject]).status

    def take_back(self, wish):
        key = self.claims[wish.subject].source
        ledger.reverse(
            community_id=self.lake.pk,
            transfer_id=Transfer.objects.get(community=self.lake, key=key).pk,
            key=f"undo:{key}",
            reason="undo",
            source=f"undo:{key}",
        )
        return funds.take_up(fund=self.funds[wish.fund.year])

    def carry_over(self, fund):
        into = funds.carry_over(fund=self.funds[fund.year], ended_by=self.by)
        return self.funds.setdefault(into.year, into).year

    def return_rest(self, fund):
        return funds.return_rest(fund=self.funds[fund.year], ended_by=self.by).year


# --- both at once -----------------------------------------------------------------------------
some = st.integers(0, 10**6)
amounts = st.sampled_from([*range(10, 101, 10)] * 2 + [0])
moments = st.integers(0, 12)  # few, so that some are closed at one moment
payees = st.sampled_from(["wang", "li"])
staff = st.sampled_from(["zhao", "manager"])
STEPS = st.one_of(
    st.tuples(st.just("claim"), some, amounts, moments, payees, staff, st.none()),
    st.tuples(st.just("claim"), some, amounts, moments, payees, staff, st.none()),
    st.tuples(st.just("claim"), some, amounts, moments, payees, staff, st.none() | some),
    st.tuples(st.just("top_up"), some, amounts),
    st.tuples(st.just("top_up"), some, amounts),
    st.tuples(st.just("verb"), st.just("commit"), some),
    st.tuples(st.just("verb"), st.sampled_from(["commit", "ask_again"]), some),
    st.tuples(st.just("take_back"), some),
    st.tuples(st.just("verb"), st.sampled_from(["release", "ask_again"]), some),
    st.tuples(st.just("approve"), some, st.sampled_from(["zhao", "manager", "wang", "li"])),
    st.tuples(st.just("lapse"), some, st.sampled_from([True, True, False])),
    st.tuples(
        st.just("end"), st.sampled_from(["carry_over"] * 3 + ["return_rest"]), some, st.booleans()
    ),
    st.tuples(st.just("settle"), some),
    st.tuples(st.just("open_year"), st.integers(0, YEARS_BACK)),
    st.tuples(st.just("again"), some),
)


class Histories(RuleBasedStateMachine):
    """A machine that asks each step of the funds and of the model, then compares their rows.

    What staff are told, and what the checks find, are compared at a history's end.
    """

    def __init__(self, lake, people):
        super().__init__()
        self.lake = lake
        self.real, self.model, self.asked = Real(lake, people), Model(lake.today.year), []
        self.block = transaction.atomic()
        self.block.__enter__()
        self.ask("open_fund", lake.today.year - YEARS_BACK)

    def teardown(self):
        try:
            self.both_tell_the_same()
            assert found_in_books(self.lake) == []
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    def ask(self, verb, *arguments):
        self.asked.append((verb, arguments))
        answers = []
        for one in (self.real, self.model):
            try:
                answers.append(getattr(one, verb)(*arguments))
            except Refusal as refusal:
                answers.append((refusal.code, refusal.facts))
        assert answers[0] == answers[1], (verb, arguments)

    def a_fund(self, which):
        """One of those in use, or any, now and then."""
        in_use = [fund for fund in self.model.funds if not fund.ending]
        among = in_use if in_use and which % 7 else self.model.funds
        return among[which % len(among)]

    def a_claim(self, which):
        among = [one for one in self.model.claims if one.status in OPEN]
        among = among if among and which % 5 else self.model.claims
        return among[which % len(among)] if among else None

    # One rule: hypothesis leaves out rules at random, and few steps would be left to try.
    @rule(step=STEPS)
    def step(self, step):
        name, *arguments = step
        getattr(self, name)(*arguments)

    def open_year(self, later):
        self.ask("open_fund", self.lake.today.year - YEARS_BACK + later)

    def top_up(self, which, amount):
        self.ask("top_up", self.a_fund(which), amount)

    def claim(self, which, amount, moment, payee, asked_by, known):
        number = len(self.model.claims)
        subject = f"report:{number if known is None else known % (number + 1)}"
        closed_at = NOON + timedelta(hours=moment)
        self.ask("claim", self.a_fund(which), subject, payee, amount, closed_at, asked_by)

    def verb(self, verb, which):
        if one := self.a_claim(which):
            self.ask(verb, one)

    def take_back(self, which):
        paid = self.model.on(self.a_fund(which), "committed")
        if paid := [one for one in paid if not one.taken_back and not one.fund.ending]:
            self.ask("take_back", paid[which % len(paid)])

    def approve(self, which, by):
        if one := self.a_claim(which):
            self.ask("approve", one, by)

    def lapse(self, which, is_latest):
        if one := self.a_claim(which):
            self.ask("lapse", one, is_latest)

    def end(self, verb, which, settles):
        fund = self.a_fund(which)
        if settles:
            self.settle_all(fund, which)
        self.ask(verb, fund)

    def settle(self, which):
        self.settle_all(self.a_fund(which), which)

    def settle_all(self, fund, which):
        """Pay, give up or let lapse all that is reserved, which hinders the end of the year."""
        while reserved := self.model.on(fund, "reserved"):
            one, which = reserved[0], which + 1
            if which % 2:
                self.ask("lapse", one, True)
                continue
            self.ask("approve", one, "manager")
            self.ask("commit", one)
            if one.status == "reserved":
                self.ask("release", one)

    def again(self, which):
        verb, arguments = self.asked[which % len(self.asked)]
        if verb not in ("top_up", "take_back"):
            self.ask(verb, *arguments)

    @invariant()
    def both_hold_the_same(self):
        model = self.model
        assert self.real.rows(CLAIMS) == {
            (one.subject, one.fund.year, one.amount, one.status, one.reservations)
            for one in model.claims
        }
        assert self.real.rows(FUNDS) == {
            (fund.year, fund.ending, model.reserved(fund), model.left(fund)) for fund in model.funds
        }
        assert all(min(model.left(fund), fund.spent) >= 0 for fund in model.funds)

    def both_tell_the_same(self):
        rows = selectors.with_figures(selectors.funds_in(self.lake))
        assert {
            (
                *(row.year, row.ending, row.budget, row.reserved, row.spent, row.left),
                *(row.waiting_count, row.waiting_amount, row.unclaimed_count, row.unclaimed_amount),
            )
            for row in rows
        } == {
            (
                *(fund.year, fund.ending, fund.budget, self.model.reserved(fund), fund.spent),
                self.model.left(fund),
                *self.counted(fund, "waiting"),
                *self.counted(fund, "unclaimed"),
            )
            for fund in self.model.funds
        }

    def counted(self, fund, status):
        found = self.model.on(fund, status)
        return len(found), sum(one.amount for one in found)


@pytest.mark.parametrize("part", PARTS)
def test_funds_do_what_the_model_does(part, lake, wang, li, zhao, person):
    people = {"wang": wang, "li": li, "zhao": zhao, "manager": person("qian")}
    run(lambda: Histories(lake, people), settings=SETTINGS)
