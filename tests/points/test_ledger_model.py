"""The ledger against a plain Python model of it: whatever is done to both, both answer the same."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from backend.errors import Refusal
from backend.ids import new_id
from points.expiry import services as expiry
from points.ledger import errors
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Account, Hold, Reversal, Transfer
from tests.long import PARTS, examples

pytestmark = pytest.mark.slow

OVER = [date(2024, 6, 30), date(2024, 12, 31)]
DAYS = [*OVER, date(2100, 12, 31)]
SETTINGS = examples(8, parts=PARTS)


# --- the model --------------------------------------------------------------------------------
@dataclass(eq=False)
class Moved:
    debit: Account
    credit: Account
    amount: int
    key: str | None = None
    reverses: "Moved | None" = None
    expires_on: date | None = None


@dataclass(eq=False)
class Held:
    movement: Movement
    has_lapsed: bool
    is_resolved: bool = False
    captured: int | None = None


@dataclass(eq=False)
class Reversed:
    key: str | None
    moved: Moved
    amount: int
    recovered: int


class Model:
    """A model of docs/ledger.md. Communities and keys are looked up as pairs."""

    def __init__(self, accounts):
        self.accounts = accounts
        self.credits, self.debits, self.held, self.earned = (Counter() for _ in range(4))
        self.moved, self.reversed = [], []
        self.posts, self.holds, self.reversals = {}, {}, {}

    def available(self, account):
        return self.credits[account] - self.debits[account] - self.held[account]

    def owed(self, account):
        return sum(r.amount - r.recovered for r in self.reversed if r.moved.credit == account)

    def left(self, moved):
        return moved.amount - sum(r.amount for r in self.reversed if r.moved is moved)

    def move(self, moved):
        self.moved.append(moved)
        self.debits[moved.debit] += moved.amount
        self.credits[moved.credit] += moved.amount
        if moved.reverses and moved.debit.kind == "wallet":
            self.earned[moved.debit, moved.expires_on] -= moved.amount
        if not moved.reverses and moved.credit.kind == "wallet":
            self.earned[moved.credit, moved.expires_on] += moved.amount
        self.repay(moved.credit)

    def take_back(self, t, amount):
        self.move(Moved(t.credit, t.debit, amount, None, t, t.expires_on))

    def repay(self, account):
        for r in self.reversed:  # the oldest first
            part = min(r.amount - r.recovered, self.available(account))
            if r.moved.credit == account and part > 0:
                r.recovered += part
                self.take_back(r.moved, part)

    def lose(self, wallet):
        """Lose the wallet's points that are over, the earliest first; by day."""
        lost = {}
        if (wallet.kind, wallet.unit) != ("wallet", "points"):
            return lost
        for day in OVER:
            kept = sum(
                points
                for (earner, until), points in self.earned.items()
                if earner == wallet and (until is None or until > day)
            )
            points = self.available(wallet) - kept
            if self.earned[wallet, day] and points > 0:
                key = f"expire:{wallet.pk}:{day}"
                taken = sum(bool(t.key and t.key.startswith(key)) for t in self.moved)
                expired = self.accounts[f"expired {wallet.community.code}"]
                key += f":{taken + 1}" if taken else ""
                self.move(Moved(wallet, expired, points, key))
                lost[day] = points
        return lost

    def check(self, m, known, taken, floor_needed=False):
        """Refuse ``m``, or tell whether it was done before."""
        if m.amount < 1:
            raise errors.AmountInvalid
        if m.debit == m.credit:
            raise errors.AccountsMustDiffer
        if (m.debit.community_id, m.debit.unit) == (m.credit.community_id, m.credit.unit):
            self.lose(m.debit)
        if known or taken:
            if known == (m.debit, m.credit, m.amount):
                return True
            raise errors.TransferIdReused
        if m.debit.community_id != m.credit.community_id:
            raise errors.AccountUnknown
        if m.debit.unit != m.credit.unit:
            raise errors.UnitsDiffer
        if floor_needed and not m.debit.has_floor:
            raise errors.AccountHasNoFloor
        if m.debit.has_floor and self.available(m.debit) < m.amount:
            if owed := self.owed(m.debit):
                raise errors.ShortfallOutstanding(shortfall=owed)
            raise errors.InsufficientPoints(available=self.available(m.debit), needed=m.amount)
        return False

    def post(self, m):
        at = m.debit.community_id, m.key
        t = self.posts.get(at)
        if not self.check(m, t and (t.debit, t.credit, t.amount), at in self.holds):
            self.posts[at] = Moved(m.debit, m.credit, m.amount, m.key, None, m.expires_on)
            self.move(self.posts[at])
        return m.key

    def hold(self, m, lifetime):
        at = m.debit.community_id, m.key
        h = self.holds[at].movement if at in self.holds else None
        if not self.check(m, h and (h.debit, h.credit, h.amount), at in self.posts, True):
            self.holds[at] = Held(m, has_lapsed=not lifetime)
            self.held[m.debit] += m.amount
        return m.key

    def resolve(self, community_id, key, amount):
        """Capture ``amount``, or void with 0; ``None`` captures all of it."""
        if amount is not None and amount < 0:
            raise errors.AmountInvalid
        h = self.holds.get((community_id, key))
        if not h:
            raise errors.HoldUnknown
        m = h.movement
        amount = m.amount if amount is None else amount
        if h.is_resolved:
            if h.captured != amount:
                raise errors.HoldResolved
            return key if amount else None
        if amount > m.amount:
            raise errors.CaptureTooLarge
        self.lose(m.debit)
        if amount and h.has_lapsed:
            raise errors.HoldExpired
        h.is_resolved, h.captured = True, amount
        self.held[m.debit] -= m.amount
        if amount:
            self.posts[community_id, key] = Moved(m.debit, m.credit, amount, key)
            self.move(self.posts[community_id, key])
        self.repay(m.debit)
        return key if amount else None

    def reverse(self, community_id, t, key, amount):
        if amount is not None and amount < 1:
            raise errors.AmountInvalid
        if not t or t.debit.community_id != community_id:
            raise errors.TransferUnknown
        self.lose(t.debit)
        self.lose(t.credit)
        if r := self.reversals.get((community_id, key)):
            if (r.moved, r.amount) != (t, amount or r.amount):
                raise errors.TransferIdReused
            return r.key, r.amount, r.recovered
        if t.reverses:
            raise errors.ReversalOfReversal
        left = self.left(t)
        if not left:
            raise errors.TransferReversed
        amount = amount or left
        if amount > left:
            raise errors.ReversalTooLarge(left=left)
        there = self.available(t.credit)
        must_be_there = t.credit.kind == "fund" or t.credit.kind == t.debit.kind == "wallet"
        if must_be_there and there < amount:
            raise errors.InsufficientPoints(available=there, needed=amount)
        if t.credit.kind == "wallet" and t.expires_on:
            self.unexpire(t, amount)
        recovered = min(amount, self.available(t.credit)) if t.credit.has_floor else amount
        r = self.reversals[community_id, key] = Reversed(key, t, amount, recovered)
        self.reversed.append(r)
        if recovered:
            self.take_back(t, recovered)
        return key, amount, recovered

    def unexpire(self, t, amount):
        later = self.moved[self.moved.index(t) :]
        for day in (day for day in OVER if day >= t.expires_on):
            key = f"expire:{t.credit.pk}:{day}"
            for e in (e for e in later if e.key and e.key.startswith(key)):
                if part := min(amount, self.left(e)):
                    self.reversed.append(Reversed(None, e, part, part))
                    self.take_back(e, part)
                    amount -= part

    def expire(self, community):
        by_day = {}
        for account in self.accounts.values():
            if account.community == community:
                for day, points in self.lose(account).items():
                    by_day.setdefault(day, []).append(points)
        return [(day, len(lost), sum(lost)) for day, lost in sorted(by_day.items())]


# --- the same asked of the ledger -------------------------------------------------------------
TOTALS = """
    SELECT id, credits, debits, held, shortfall FROM points_account WHERE community_id = ANY(%s)
"""
EARNED = """
    SELECT account_id, expires_on, points FROM points_earned
    WHERE community_id = ANY(%s) AND points > 0
"""
MOVED = "SELECT id FROM points_transfer WHERE community_id = %s AND key = %s"
GIVEN_BACK = """
    SELECT id FROM points_transfer
    WHERE community_id = %s AND reverses_id IS NOT NULL AND debit_id = %s AND credit_id = %s
"""


def rows(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


class Ledger:
    """Answers as the model does, by key, and knows which id stood for each."""

    def __init__(self):
        self.ids = {Transfer: {}, Hold: {}, Reversal: {}}

    def known(self, table, community_id, key, pk):
        assert self.ids[table].setdefault((community_id, key), pk) == pk
        return key

    def post(self, m):
        t = ledger.post(m)
        return self.known(Transfer, t.community_id, t.key, t.pk)

    def hold(self, m, lifetime):
        h = ledger.hold(m, lifetime=lifetime)
        return self.known(Hold, h.community_id, h.key, h.pk)

    def resolve(self, community_id, key, amount):
        hold_id = self.ids[Hold].get((community_id, key)) or new_id()
        if amount == 0:
            return ledger.void(community_id=community_id, hold_id=hold_id)
        pk = ledger.capture(community_id=community_id, hold_id=hold_id, amount=amount)
        return self.known(Transfer, community_id, key, pk)

    def reverse(self, community_id, t, key, amount):
        transfer_id = new_id()
        if t:
            of = t.debit.community_id
            # Any reversal between the same two: it is refused, but first both lose what is over.
            between = t.debit.pk, t.credit.pk
            found = rows(GIVEN_BACK, of, *between) if t.reverses else rows(MOVED, of, t.key)
            ((transfer_id,), *_) = found
        answer = ledger.reverse(
            community_id=community_id,
            transfer_id=transfer_id,
            key=key,
            amount=amount,
            reason="x",
            source=f"undo:{key}",
        )
        self.known(Reversal, community_id, answer.key, answer.pk)
        return answer.key, answer.amount, answer.recovered

    def expire(self, community):
        return expiry.expire(community=community)


# --- both at once -----------------------------------------------------------------------------
WALLETS = ["wallet", "other"]
NEVER = [("wallet", "abroad"), ("elsewhere", "wallet"), ("fund", "cash"), ("shop", "payout")]
UNUSUAL = [("payout", "cash"), ("cash", "payout"), ("elsewhere", "abroad"), ("shop", "settled")]

sources = st.sampled_from(["issuance", "issuance", "fund"])
wallets = st.sampled_from(WALLETS)
spenders = st.sampled_from([*WALLETS, *WALLETS, "fund"])
goals = st.sampled_from(["shop", "shop", "pool", "fund", *WALLETS])
amounts = st.integers(-1, 60)
tenths = st.integers(1, 11)  # of what is there, or one; 11 is too much
numbers = st.none() | st.none() | st.none() | st.integers(0, 40)  # of a new key, or a known one
days = st.sampled_from([None, *DAYS])
some = st.integers(0, 10**6)
places = st.sampled_from(["lake"] * 9 + ["hill"])

STEPS = st.one_of(
    st.tuples(st.just("award"), sources, wallets, amounts, days),
    st.tuples(st.just("overspend"), sources, wallets, amounts, days, amounts),
    st.tuples(st.just("spend"), spenders, goals, tenths, numbers),
    st.tuples(st.just("hold"), spenders, goals, tenths, numbers, st.sampled_from([60] * 5 + [0])),
    st.tuples(st.just("move"), st.sampled_from(NEVER + UNUSUAL), amounts, numbers, st.booleans()),
    st.tuples(st.just("resolve"), some, places, st.none() | st.integers(-1, 11)),
    st.tuples(st.just("resolve"), some, places, st.none() | st.integers(-1, 11)),
    st.tuples(st.just("reverse"), some, places, numbers, st.none() | amounts),
    st.tuples(st.just("expire"), places),
    st.tuples(st.just("again"), some),
)


class Books(RuleBasedStateMachine):
    """A machine that asks each step of the ledger and of the model, then compares what changed.

    Rows that no step can change are compared at a history's end.
    """

    def __init__(self, accounts, communities):
        super().__init__()
        self.accounts, self.communities = accounts, communities
        self.ledger, self.model, self.asked = Ledger(), Model(accounts), []
        self.by_id = {account.pk: account for account in accounts.values()}
        self.floored = [account for account in accounts.values() if account.has_floor]
        self.places = [community.pk for community in communities.values()]
        self.block = transaction.atomic()
        self.block.__enter__()
        for to in ("fund", *WALLETS):
            self.award("issuance", to, 100, None)

    def teardown(self):
        try:
            self.both_hold_the_same_rows()
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    def ask(self, verb, *arguments):
        self.asked.append((verb, arguments))
        answers = []
        for books in (self.ledger, self.model):
            try:
                answers.append(getattr(books, verb)(*arguments))
            except Refusal as refusal:
                answers.append((refusal.code, refusal.facts))
        assert answers[0] == answers[1], (verb, arguments)

    def key(self, number):
        return f"k{len(self.asked) if number is None else number}"

    def movement(self, debit, credit, amount, number, expires_on=None):
        return Movement(
            debit=self.accounts[debit],
            credit=self.accounts[credit],
            amount=amount,
            key=self.key(number),
            reason="x",
            source=f"test:{self.key(number)}",
            expires_on=expires_on,
        )

    # One rule: hypothesis leaves out rules at random, and few steps would be left to try.
    @rule(step=STEPS)
    def step(self, step):
        name, *arguments = step
        getattr(self, name)(*arguments)

    def award(self, source, to, amount, day):
        self.ask("post", self.movement(source, to, amount, None, day))

    def overspend(self, source, to, amount, day, reversed_):
        award = self.movement(source, to, amount, None, day)
        self.ask("post", award)
        self.spend(to, "shop", 10, None)
        if t := self.model.posts.get((award.debit.community_id, award.key)):
            self.ask("reverse", t.debit.community_id, t, self.key(None), reversed_)

    def spend(self, source, to, share, number):
        amount = self.model.available(self.accounts[source]) * share // 10 or 1
        self.ask("post", self.movement(source, to, amount, number))

    def hold(self, source, to, share, number, minutes):
        amount = self.model.available(self.accounts[source]) * share // 10 or 1
        movement = self.movement(source, to, amount, number)
        self.ask("hold", movement, timedelta(minutes=minutes))

    def move(self, pair, amount, number, is_hold):
        movement = self.movement(*pair, amount, number)
        self.ask(*(("hold", movement, timedelta(hours=1)) if is_hold else ("post", movement)))

    def resolve(self, which, place, share):
        if held := list(self.model.holds.values()):
            m = held[which % len(held)].movement
            amount = None if share is None else m.amount * share // 10
            self.ask("resolve", self.communities[place].pk, m.key, amount)

    def reverse(self, which, place, number, amount):
        t = self.model.moved[which % len(self.model.moved)]
        if t.reverses and which % 5:  # a reversal itself, now and then
            t = t.reverses
        self.ask("reverse", self.communities[place].pk, t, self.key(number), amount)

    def expire(self, place):
        self.ask("expire", self.communities[place])

    def again(self, which):
        verb, arguments = self.asked[which % len(self.asked)]
        self.ask(verb, *arguments)

    @invariant()
    def both_hold_the_same(self):
        model = self.model
        totals = {pk: totals for pk, *totals in rows(TOTALS, self.places)}
        for account in self.floored:
            owed = model.owed(account)
            came_and_went = [model.credits[account], model.debits[account], model.held[account]]
            assert totals.pop(account.pk) == [*came_and_went, owed]
            assert not owed or not model.available(account)
        assert not any(any(others) for others in totals.values())
        earned = {(self.by_id[pk], day): points for pk, day, points in rows(EARNED, self.places)}
        assert earned == +model.earned

    def both_hold_the_same_rows(self):
        model, by_id = self.model, self.by_id
        moved = Transfer.objects.values_list(
            "key", "debit_id", "credit_id", "amount", "reverses__key", "expires_on"
        )
        assert Counter(
            (None if reverses else key, by_id[debit], by_id[credit], amount, reverses, day)
            for key, debit, credit, amount, reverses, day in moved
        ) == Counter(
            (t.key, t.debit, t.credit, t.amount, t.reverses and t.reverses.key, t.expires_on)
            for t in model.moved
        )
        paid, got, books = Counter(), Counter(), Counter()
        for _, debit, credit, amount, *_ in moved:
            paid[by_id[debit]] += amount
            got[by_id[credit]] += amount
            books[by_id[debit].community_id, by_id[debit].unit] -= amount
            books[by_id[credit].community_id, by_id[credit].unit] += amount
        assert not any(books.values()), "The sum of each book is zero."
        assert (paid, got) == (+model.debits, +model.credits)

        holds = Hold.objects.values_list("community_id", "key", "state", "captured_amount")
        assert {(place, key): (state, part) for place, key, state, part in holds} == {
            at: (
                ("captured" if h.captured else "voided") if h.is_resolved else "held",
                h.captured or None,
            )
            for at, h in model.holds.items()
        }
        reversals = Reversal.objects.values_list("key", "transfer__key", "amount", "recovered")
        assert Counter(
            (None if key.startswith("reversal:") else key, of, amount, recovered)
            for key, of, amount, recovered in reversals
        ) == Counter((r.key, r.moved.key, r.amount, r.recovered) for r in model.reversed)
        for table, ids in self.ledger.ids.items():
            there = table.objects.values_list("community_id", "key", "id")
            assert ids.items() <= {((place, key), pk) for place, key, pk in there}


@pytest.mark.parametrize("part", PARTS)
def test_the_ledger_does_what_the_model_does(part, lake, hill):
    accounts = {
        name: ledger.account(community=community, kind=kind, holder=name, unit=unit)
        for community, kind, unit, names in [
            (lake, "wallet", "points", ["wallet", "other"]),
            (lake, "fund", "points", ["fund"]),
            (lake, "issuance", "points", ["issuance"]),
            (lake, "merchant", "points", ["shop"]),
            (lake, "settled", "points", ["settled"]),
            (lake, "pool", "points", ["pool"]),
            (lake, "fund", "fen", ["cash"]),
            (lake, "payout", "fen", ["payout"]),
            (hill, "issuance", "points", ["elsewhere"]),
            (hill, "wallet", "points", ["abroad"]),
        ]
        for name in names
    }
    for place in (lake, hill):
        accounts[f"expired {place.code}"] = ledger.account(community=place, kind="expired")
    run(lambda: Books(accounts, {"lake": lake, "hill": hill}), settings=SETTINGS)
