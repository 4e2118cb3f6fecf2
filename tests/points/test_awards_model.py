"""Awards and voids of points against a plain model, with a cap.

Histories of awards, voids, spending, holds, reversals and expiry. After each step wallets hold what
the model's do, after each history all rows; then recomputing and verifying find nothing.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule
from hypothesis.stateful import run_state_machine_as_test as run

from backend.registries import events
from points.awards import errors, kinds
from points.awards.kinds import Facts, Kind, Record, Version
from points.awards.services import awards
from points.awards.services.rederiving import Recomputation
from points.ledger import services as ledger
from points.ledger.errors import TransferReversed
from points.ledger.services import Movement
from points.models import Award, Void
from tests.long import PARTS
from tests.points.test_ledger_model import (
    SETTINGS,
    WALLETS,
    Books,
    Ledger,
    Model,
    amounts,
    days,
    goals,
    numbers,
    places,
    some,
    spenders,
    tenths,
)
from tests.verified import found_in_books
from volunteers.attendance.awards import HOURS

pytestmark = pytest.mark.slow

CAP = 80  # of the lake's rule, which brings 10 points an hour
SERVED = [datetime(2024, 3, day, 1, tzinfo=UTC) for day in (1, 2)]


def plain(facts, community):
    return {"amount": facts.more["amount"]}


def as_it_is(inputs, rule_):
    return inputs["amount"], {}


class Shelf:
    """Records that lie in memory, by their source."""

    def __init__(self):
        self.records = {}

    def by_source(self, community, sources):
        return {source: self.records[source] for source in sources if source in self.records}

    def earning(self, community):
        return None


def kind(name, **about):
    return Kind(name=name, records=Shelf(), versions=[Version(plain, as_it_is)], **about)


@pytest.fixture
def registered(monkeypatch):
    """The kinds of the histories: who gets what is a matter of ``records``."""
    made = {
        "gift": kind("gift"),
        "hours": replace(HOURS, records=Shelf()),
    }
    monkeypatch.setattr(kinds, "_kinds", {})
    monkeypatch.setattr(events, "_kinds", dict(events._kinds))
    for one in made.values():
        kinds.register(one)
    return made


@dataclass(eq=False)
class Awarded:
    wallet: object
    inputs: tuple
    amount: int
    day: object
    key: str
    is_voided: bool = False


class AwardsModel(Model):
    """The model of the ledger, and of what is awarded and voided in it."""

    def __init__(self, accounts, last_day):
        super().__init__(accounts)
        self.awards, self.last_day = {}, last_day

    def net(self, award):
        t = self.posts.get((award.wallet.community_id, award.key))
        return self.left(t) if t else 0

    def award(self, name, who, source, amount, day):
        wallet = self.accounts[who]
        served = day if name == "hours" else None
        inputs = (name, wallet, amount, served)
        if known := self.awards.get(source):
            if known.inputs != inputs:
                raise errors.AwardSourceReused
            return source, known.amount
        until = day
        if name == "hours":
            before = sum(
                self.net(one)
                for one in self.awards.values()
                if one.inputs[0] == "hours" and (one.wallet, one.day) == (wallet, day)
            )
            amount, until = min(amount * 10 // 60, max(0, CAP - before)), self.last_day
        if amount:
            self.post(
                Movement(
                    debit=self.accounts["issuance"],
                    credit=wallet,
                    amount=amount,
                    key=source,
                    reason="x",
                    source=f"test:{source}",
                    expires_on=until,
                )
            )
        self.awards[source] = Awarded(wallet, inputs, amount, served, source)
        return source, amount

    def void(self, source):
        award = self.awards.get(source)
        if award is None:
            raise errors.AwardUnknown
        community_id = award.wallet.community_id
        if not award.is_voided and award.amount:
            t = self.posts[community_id, source]
            if not self.left(t):  # what was over stays where it is: a refused void undoes itself
                raise TransferReversed
            self.reverse(community_id, t, f"void:{source}", None)
        award.is_voided = True
        r = self.reversals.get((community_id, f"void:{source}"))
        return source, r.amount if r else 0


class AwardsLedger(Ledger):
    def __init__(self, lake, accounts, people, registered):
        super().__init__()
        self.lake, self.accounts, self.people, self.kinds = lake, accounts, people, registered

    def award(self, name, who, source, amount, day):
        if name == "hours":
            facts = Facts(
                category="邻里服务", counts_from=day, occurred_at=day + timedelta(minutes=amount)
            )
        else:
            facts = Facts(
                counts_from=SERVED[0],
                occurred_at=SERVED[0],
                expires_on=day,
                more={"amount": amount},
            )
        award = awards.award(
            self.kinds[name],
            community=self.lake,
            person_id=self.people[who],
            source=source,
            facts=facts,
        )
        record = Record(self.people[who], "verified", facts)
        self.kinds[name].records.records.setdefault(source, record)
        return award.source, award.amount

    def void(self, source):
        void = awards.void(community=self.lake, source=source, reason="误报")
        records = self.kinds[source.partition(":")[0]].records.records
        records[source] = replace(records[source], is_voided=True)
        return source, void.reversal.amount if void.reversal else 0


whose = st.sampled_from(WALLETS)
given = st.integers(0, 60)
STEPS = st.one_of(
    st.tuples(st.just("give"), whose, given, days, numbers),
    st.tuples(st.just("give"), whose, given, days, numbers),
    st.tuples(st.just("serve"), whose, st.integers(0, 600), st.sampled_from(SERVED), numbers),
    st.tuples(st.just("serve"), whose, st.integers(0, 600), st.sampled_from(SERVED), numbers),
    st.tuples(st.just("void"), some),
    st.tuples(st.just("void"), some),
    st.tuples(st.just("spend_and_void"), some, tenths),
    st.tuples(st.just("spend"), spenders, goals, tenths, numbers),
    st.tuples(st.just("hold"), spenders, goals, tenths, numbers, st.sampled_from([60] * 5 + [0])),
    st.tuples(st.just("resolve"), some, places, st.none() | st.integers(-1, 11)),
    st.tuples(st.just("reverse"), some, places, numbers, st.none() | amounts),
    st.tuples(st.just("expire"), places),
    st.tuples(st.just("again"), some),
)


class Awards(Books):
    """A machine of the ledger's steps, awards and voids."""

    def __init__(self, accounts, communities, people, registered):
        for one in registered.values():
            one.records.records.clear()
        super().__init__(accounts, communities)
        lake = communities["lake"]
        self.ledger = AwardsLedger(lake, accounts, people, registered)
        # As docs/ledger.md says of service in 2024 that is verified now.
        last_day = max(datetime(2025, 12, 31, tzinfo=UTC).date(), lake.today + timedelta(days=90))
        model = AwardsModel(accounts, last_day)
        vars(model).update(vars(self.model))
        self.model = model

    def both_hold_the_same_rows(self):
        super().both_hold_the_same_rows()
        self.both_know_the_same_awards()
        lake = self.communities["lake"]
        assert list(Recomputation(lake)) == []
        assert found_in_books(lake) == []

    @rule(step=STEPS)
    def step(self, step):
        name, *arguments = step
        getattr(self, name)(*arguments)

    def source(self, name, number):
        return f"{name}:{len(self.asked) if number is None else number}"

    def give(self, who, amount, day, number):
        self.ask("award", "gift", who, self.source("gift", number), amount, day)

    def serve(self, who, minutes, day, number):
        self.ask("award", "hours", who, self.source("hours", number), minutes, day)

    def void(self, which):
        sources = [*self.model.awards, "hours:unknown"]
        self.ask("void", sources[which % len(sources)])

    def spend_and_void(self, which, share):
        if sources := [*self.model.awards]:
            source = sources[which % len(sources)]
            wallet = self.model.awards[source].wallet
            name = next(name for name, one in self.accounts.items() if one == wallet)
            self.spend(name, "shop", min(share, 10), None)
            self.ask("void", source)

    def both_know_the_same_awards(self):
        known = Award.objects.values_list("source", "account_id", "amount", "unit")
        assert {source: about for source, *about in known} == {
            source: [award.wallet.pk, award.amount, award.wallet.unit]
            for source, award in self.model.awards.items()
        }
        assert set(Void.objects.values_list("award__source", flat=True)) == {
            source for source, award in self.model.awards.items() if award.is_voided
        }


@pytest.mark.parametrize("part", PARTS)
def test_awards_and_voids_do_what_the_model_does(part, lake, hill, person, registered):
    people = {name: person(name).pk for name in WALLETS}
    holders = {name: f"person:{people[name]}" for name in WALLETS}
    accounts = {
        name: ledger.account(community=community, kind=about, holder=holders.get(name, holder))
        for name, community, about, holder in [
            ("wallet", lake, "wallet", ""),
            ("other", lake, "wallet", ""),
            ("fund", lake, "fund", "fund:1"),
            ("issuance", lake, "issuance", ""),
            ("shop", lake, "merchant", "merchant:1"),
            ("pool", lake, "pool", ""),
            ("expired lake", lake, "expired", ""),
            ("expired hill", hill, "expired", ""),
        ]
    }
    places_ = {"lake": lake, "hill": hill}
    run(lambda: Awards(accounts, places_, people, registered), settings=SETTINGS)
