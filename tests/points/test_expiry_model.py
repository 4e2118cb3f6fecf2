"""Expiry follows from dates alone: played by a plain model that looks every midnight, and by the
ledger with its task run at whatever hours, late, twice or never.
"""

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

import hypothesis
import pytest
from django.db import transaction
from hypothesis import strategies as st

from backend.errors import Refusal
from backend.ids import new_id
from points.expiry import services as expiry
from points.expiry.selectors import losses_to_come
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.selectors import totals_by_kind
from points.models import Earned, ExpiryPolicy, Transfer
from tests.long import PARTS, examples
from tests.points.earning import award_hours
from tests.verified import found_in_books

pytestmark = pytest.mark.slow

SETTINGS = examples(8, parts=PARTS)
BEGIN = date(2024, 1, 1)
HOUR = timedelta(hours=1)
NEVER, END_OF_YEAR, END_OF_NEXT_YEAR, MONTHS = ExpiryPolicy.Kind


# --- the model --------------------------------------------------------------------------------
class Model:
    """docs/ledger.md, "Expiry", and nothing else; each person's points as numbers."""

    def __init__(self):
        self.today = BEGIN
        self.policies = [(END_OF_NEXT_YEAR, None, 90)]
        self.since = [date.min]
        self.free, self.owed, self.lost = Counter(), Counter(), Counter()
        self.earned = {}
        self.awards, self.holds, self.spent, self.expired = [], [], [], {}

    def pass_days(self, days):
        for _ in range(days):
            self.today += timedelta(days=1)
            for who in list(self.earned):
                self.lose(who)

    def lose(self, who):
        """Lose what could be spent until a day that is over, the earliest first."""
        earned = self.earned.setdefault(who, Counter())
        for day in sorted(day for day in earned if day < self.today):
            gone = self.free[who] - sum(n for until, n in earned.items() if until > day)
            if gone > 0:
                self.free[who] -= gone
                self.lost[who] += gone
                self.expired.setdefault(who, []).append([day, gone])

    def policy_on(self, day):
        return [p for p, since in zip(self.policies, self.since, strict=True) if since <= day][-1]

    def policy(self, kind, months, at_least_days):
        self.policies.append((kind, months, at_least_days))
        self.since.append(self.today)

    def award(self, who, hours, days_ago):
        kind, months, _ = self.policy_on(served := self.today - timedelta(days=days_ago))
        until = expiry.expires_on(kind, months, served)
        if until is not None:
            until = max(until, self.today + timedelta(days=self.policy_on(self.today)[2]))
        until, points = until or date.max, hours * 10
        self.awards.append([who, points, until])
        self.free[who] += points
        self.earned.setdefault(who, Counter())[until] += points
        self.repay(who)

    def repay(self, who):
        for award in (a for a in self.awards if a[0] == who and len(a) > 3):
            part = min(award[3], self.free[who])
            award[3] -= part
            self.owed[who] -= part
            self.free[who] -= part
            self.earned[who][award[2]] -= part

    def spend(self, who, points):
        self.lose(who)
        if self.free[who] < points:
            raise ValueError
        self.free[who] -= points
        self.spent.append([who, points])

    def hold(self, who, points):
        self.lose(who)
        if self.free[who] < points:
            raise ValueError
        self.free[who] -= points
        self.holds.append([who, points])

    def resolve(self, which, captured):
        who, points = self.holds.pop(which)
        self.lose(who)
        if captured:
            self.spent.append([who, captured])
        self.free[who] += points - captured
        self.repay(who)
        self.lose(who)

    def refund(self, which, points):
        who, left = self.spent[which]
        self.lose(who)
        self.spent[which][1] = left - points
        earned = self.earned.setdefault(who, Counter())
        kept = sum(n for day, n in earned.items() if day >= self.today)
        over = max(0, min(points, self.free[who] + points - self.owed[who] - kept))
        if over:
            earned[self.today + timedelta(days=self.policy_on(self.today)[2])] += over
        self.free[who] += points
        self.repay(who)
        self.lose(who)

    def void(self, which):
        who, points, until = award = self.awards[which][:3]
        self.lose(who)
        left = points
        for lost in sorted(self.expired.get(who, []), key=lambda lost: lost[0]):
            if until < date.max and lost[0] >= until:
                part = min(left, lost[1])
                lost[1] -= part
                left -= part
                self.free[who] += part
                self.lost[who] -= part
        part = min(points, self.free[who])
        self.free[who] -= part
        self.earned[who][until] -= part
        self.owed[who] += points - part
        self.awards[which] = [*award, points - part]


# --- the same asked of the ledger -------------------------------------------------------------
class Ledger:
    def __init__(self, clock, community, people, runs):
        self.clock, self.community, self.people = clock, community, people
        self.runs = list(runs)  # how often the task runs on each day of the history, in turn
        self.today = BEGIN
        self.number = 0
        self.wallets = [ledger.wallet(community=community, person_id=p.pk) for p in people]
        self.shop = ledger.account(community=community, kind=AccountKind.MERCHANT)
        self.holds, self.spent, self.awards = [], [], []
        clock.noon(BEGIN)

    def pass_days(self, days):
        """The task runs some hour after some of the midnights that pass, or is forgotten."""
        passing = self.today + timedelta(days=days)
        for run in [self.runs[n % len(self.runs)] for n in range(min(days, 3))]:
            if run and self.today < passing:
                self.today += timedelta(days=max(1, run % max(1, (passing - self.today).days)))
                self.clock.noon(self.today)
                for _ in range(run % 2 + 1):
                    expiry.expire(community=self.community)
        self.today = passing
        self.clock.noon(self.today)
        if self.runs[days % len(self.runs)]:
            expiry.expire(community=self.community)

    def movement(self, who, points):
        self.number += 1
        return ledger.Movement(
            debit=self.wallets[who],
            credit=self.shop,
            amount=points,
            key=f"k{self.number}",
            reason="test",
            source=f"test:k{self.number}",
        )

    def policy(self, kind, months, at_least_days):
        expiry.announce_policy(
            community=self.community,
            kind=kind,
            months=months,
            at_least_days=at_least_days,
            valid_from=self.today,
        )

    def award(self, who, hours, days_ago):
        self.number += 1
        served = datetime.combine(self.today - timedelta(days=days_ago), time(1), tzinfo=UTC)
        award = award_hours(
            community=self.community,
            person_id=self.people[who].pk,
            source=f"hours:{self.number}",
            category="邻里服务",
            checked_in_at=served,
            checked_out_at=served + hours * HOUR,
        )
        self.awards.append(award.transfer)

    def spend(self, who, points):
        self.spent.append(ledger.post(self.movement(who, points)).pk)

    def hold(self, who, points):
        lifetime = timedelta(days=5000)
        self.holds.append(ledger.hold(self.movement(who, points), lifetime=lifetime).pk)

    def resolve(self, which, captured):
        one = {"community_id": self.community.pk, "hold_id": self.holds.pop(which)}
        if captured:
            self.spent.append(ledger.capture(**one, amount=captured))
        else:
            ledger.void(**one)

    def refund(self, which, points):
        back = expiry.back_until(community=self.community)
        self.reverse(self.spent[which], points, back_until=back)

    def void(self, which):
        self.reverse(self.awards[which].pk, None)

    def reverse(self, transfer_id, points, **more):
        ledger.reverse(
            community_id=self.community.pk,
            transfer_id=transfer_id,
            key=f"reverse:{new_id()}",
            reason="correction",
            source=f"undo:reverse:{new_id()}",
            amount=points,
            **more,
        )


# --- histories --------------------------------------------------------------------------------
POLICIES = [
    (NEVER, None, 90),
    (END_OF_YEAR, None, 90),
    (END_OF_YEAR, None, 0),
    (MONTHS, 1, 30),
    (MONTHS, 6, 90),
]
whose = st.integers(0, 1)
some = st.integers(0, 99)
tenths = st.integers(1, 10)
STEPS = st.one_of(
    st.tuples(st.just("award"), whose, st.integers(1, 3), st.sampled_from([0, 0, 1, 40, 400])),
    st.tuples(st.just("award"), whose, st.integers(1, 3), st.sampled_from([0, 0, 1, 40, 400])),
    st.tuples(st.just("spend"), whose, tenths),
    st.tuples(st.just("hold"), whose, tenths),
    st.tuples(st.just("resolve"), some, st.integers(0, 10)),
    st.tuples(st.just("refund"), some, tenths),
    st.tuples(st.just("void"), some),
    st.tuples(st.just("policy"), st.sampled_from(POLICIES)),
)
HISTORIES = st.lists(
    st.tuples(st.sampled_from([0, 1, 1, 31, 60, 92, 200, 366]), STEPS), min_size=4, max_size=24
)
SCHEDULES = st.lists(st.integers(0, 40), min_size=1, max_size=7)


def play(history, model, *others):
    """The history, its shares of what is there made numbers by the model; what was refused."""
    books = (model, *others)
    for days, (verb, *said) in history:
        for one in books:
            one.pass_days(days)
        steps = []
        match verb, said:
            case (("spend" | "hold"), (who, tenths)):
                points = (model.free[who] + 3) * tenths // 8
                steps = [(verb, who, points)] if points else []
            case "resolve", (which, tenths) if model.holds:
                which %= len(model.holds)
                steps = [(verb, which, model.holds[which][1] * tenths // 10)]
            case "refund", (which, tenths) if any(left for _, left in model.spent):
                left = [n for n, (_, left) in enumerate(model.spent) if left]
                which = left[which % len(left)]
                steps = [(verb, which, model.spent[which][1] * tenths // 10 or 1)]
            case "void", (which,) if any(len(one) == 3 for one in model.awards):
                standing = [n for n, one in enumerate(model.awards) if len(one) == 3]
                steps = [(verb, standing[which % len(standing)])]
            case "policy", (terms,):
                steps = [(verb, *terms)]
            case "award", arguments:
                steps = [(verb, *arguments)]
        for step in steps:
            answers = set()
            for one in books:
                try:
                    getattr(one, step[0])(*step[1:])
                    answers.add(True)
                except (Refusal, ValueError):
                    answers.add(False)
            assert len(answers) == 1, step
    for one in books:
        one.pass_days(1)


def moved(books, who=None):
    """Everything that was posted, but for ids and when; of one person where asked."""
    names = {wallet.pk: n for n, wallet in enumerate(books.wallets)}
    return Counter(
        (
            names.get(t.debit_id),
            names.get(t.credit_id),
            t.amount,
            t.reason,
            t.expires_on,
            t.explanation.get("expires_on"),
            t.occurred_at if t.reason == "expiry" else None,
        )
        for t in Transfer.objects.filter(community=books.community)
        if who is None or who in (names.get(t.debit_id), names.get(t.credit_id))
    )


@contextmanager
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_there_and_gone_is_the_models_whenever_the_task_ran(part, clock, lake, wang, li):
    @SETTINGS
    @hypothesis.given(HISTORIES, SCHEDULES)
    def examples(history, runs):
        with undone():
            model, books = Model(), Ledger(clock, lake, [wang, li], runs)
            play(history, model, books)
            losses = losses_to_come(books.wallets)
            for who, wallet in enumerate(books.wallets):
                wallet.refresh_from_db()
                over = sum(n for day, n in losses[wallet.pk] if day < books.today)
                assert wallet.available - over == model.free[who]
                assert wallet.shortfall == model.owed[who]
                earned = Earned.objects.filter(account=wallet, points__gt=0)
                assert {
                    day or date.max: n for day, n in earned.values_list("expires_on", "points")
                } == +model.earned.get(who, Counter())
            expiry.expire(community=lake)
            assert totals_by_kind(lake)[AccountKind.EXPIRED] == model.lost.total()
            found = found_in_books(lake)
            assert [str(f) for f in found if "its id was made at" not in f.because] == []

    examples()


@pytest.mark.parametrize("part", PARTS)
def test_any_two_schedules_leave_the_same_transfers(part, clock, lake, wang, li):
    @SETTINGS
    @hypothesis.given(HISTORIES, SCHEDULES)
    def examples(history, runs):
        left = []
        for schedule in ([1], [0], runs):  # every time, never, now and then
            with undone():
                books = Ledger(clock, lake, [wang, li], schedule)
                play(history, Model(), books)
                expiry.expire(community=lake)
                left.append(moved(books))
        assert left[0] == left[1] == left[2]

    examples()


@pytest.mark.parametrize("part", PARTS)
def test_what_happens_to_a_neighbour_changes_nothing_of_mine(part, clock, lake, wang, li):
    mine = ("award", "spend", "hold")

    @SETTINGS
    @hypothesis.given(HISTORIES, SCHEDULES)
    def examples(history, runs):
        # By whose they are: the others are told by their place among all, so they are left out.
        history = [(days, step) for days, step in history if step[0] in (*mine, "policy")]
        alone = [
            (days, step if step[0] == "policy" or step[1] == 0 else ("none",))
            for days, step in history
        ]
        left = []
        for one in (history, alone):
            with undone():
                books = Ledger(clock, lake, [wang, li], runs)
                play(one, Model(), books)
                expiry.expire(community=lake)
                left.append(moved(books, who=0))
        assert left[0] == left[1]

    examples()
