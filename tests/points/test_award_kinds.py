"""Kinds of awards that apps register: versions of inputs, units, payers; awards and voids."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, transaction

from points.awards import errors, kinds
from points.awards.kinds import Facts, Kind, Record, Version
from points.awards.selectors import explain
from points.awards.services import awards
from points.awards.services.rederiving import Recomputation
from points.awards.services.tryout import tryout
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints, TransferReversed
from points.ledger.selectors import balance
from points.models import Award, Rule, Transfer, Void
from points.rules import services as rules
from points.rules.errors import CashNotAllowedForHours, RuleMissing
from tests.verified import untriggered
from volunteers.attendance.awards import HOURS

MOMENT = datetime(2024, 3, 1, 1, tzinfo=UTC)


class Shelf:
    """Records that lie in memory, by their source."""

    def __init__(self):
        self.records = {}

    def by_source(self, community, sources):
        return {source: self.records[source] for source in sources if source in self.records}

    def earning(self, community):
        return None


def half(inputs, rule):
    return rule.reward_points // 2, {"share": "1/2"}


def third(inputs, rule):
    return rule.reward_points // 3, {"share": "1/3"}


def whose(facts, community):
    return {"category": facts.category}


def whose_and_how(facts, community):
    return whose(facts, community) | {"with_photo": facts.more["with_photo"]}


CONFIRMATION_V1, CONFIRMATION_V2 = Version(whose, half), Version(whose_and_how, third)
ASSISTANCE_V1 = Version(
    lambda facts, community: {"fen": facts.more["fen"]}, lambda inputs, rule: (inputs["fen"], {})
)


@pytest.fixture
def register(monkeypatch):
    """Registers a kind until the test is over."""
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))

    def registered(**about):
        kind = Kind(**{"records": Shelf(), **about})
        kinds.register(kind)
        return kind

    return registered


@pytest.fixture
def confirmation(register):
    """A kind that brings a confirmer half of what the report earns."""
    return register(name="confirmation", subject="report", versions=[CONFIRMATION_V1])


@pytest.fixture
def assistance(register):
    """A kind in fen, out of a fund."""
    return register(
        name="assistance", unit=Unit.FEN, payer=AccountKind.FUND, versions=[ASSISTANCE_V1]
    )


@pytest.fixture
def give(lake, wang):
    """Award a record to 王小明: ``give(confirmation, "1")``, its facts and payer as wanted."""

    def award(kind, number, payer=None, **about):
        facts = Facts(
            **{
                "counts_from": MOMENT,
                "occurred_at": MOMENT,
                "category": "hazard" if kind.subject else "",
                **about,
            }
        )
        source = f"{kind.name}:{number}"
        if isinstance(kind.records, Shelf):
            kind.records.records[source] = Record(wang.pk, "verified", facts)
        return awards.award(
            kind, community=lake, person_id=wang.pk, source=source, facts=facts, payer=payer
        )

    return award


def account_of(lake, kind, unit=Unit.FEN, holder=""):
    return ledger.account(community=lake, kind=kind, unit=unit, holder=holder)


@pytest.fixture
def cash(lake):
    """A fund of 10,000 fen, which came out of the account ``payout``."""
    fund = account_of(lake, AccountKind.FUND, holder="fund:1")
    donor = account_of(lake, AccountKind.PAYOUT, holder="donor")
    ledger.post(
        ledger.Movement(
            debit=donor,
            credit=fund,
            amount=10_000,
            key="top-up",
            reason="top_up",
            source="test:top-up",
        )
    )
    return fund


def wallet_of(lake, wang, unit=Unit.POINTS):
    return ledger.wallet(community=lake, person_id=wang.pk, unit=unit)


# --- registering ------------------------------------------------------------------------------
def test_hours_never_earn_cash(register):
    with pytest.raises(CashNotAllowedForHours):
        register(
            name="paid_hours",
            subject="hours",
            unit=Unit.FEN,
            payer=AccountKind.FUND,
            versions=HOURS.versions,
        )


def test_the_database_refuses_hours_in_cash(lake, give, assistance, cash):
    award = give(assistance, "1", cash, more={"fen": 500})

    with pytest.raises(IntegrityError, match="award_of_hours_is_never_cash"), transaction.atomic():
        Award.objects.create(
            community=lake,
            source="hours:1",
            kind="hours",
            inputs_version=1,
            account=award.account,
            local_day=award.local_day,
            unit="fen",
            amount=0,
            explanation_of_nothing={},
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": Unit.FEN},  # nobody issues money
        {"payer": AccountKind.POOL},
        {"subject": "nonsense"},
        {"versions": []},
    ],
)
def test_a_kind_that_can_not_be_is_not_registered(register, wrong):
    with pytest.raises(ValueError):  # noqa: PT011
        register(**{"name": "odd", "versions": [CONFIRMATION_V1], **wrong})


@pytest.mark.parametrize(
    "versions", [[CONFIRMATION_V2], [CONFIRMATION_V2, CONFIRMATION_V1], [Version(whose, third)]]
)
def test_a_version_that_something_was_awarded_under_stays(register, confirmation, versions):
    with pytest.raises(ValueError, match="stays"):
        register(name="confirmation", subject="report", versions=versions)

    register(name="confirmation", subject="report", versions=[CONFIRMATION_V1, CONFIRMATION_V2])


# --- versions ---------------------------------------------------------------------------------
def test_an_award_made_under_the_first_version_is_recomputed_as_that_for_ever(
    lake, wang, register, confirmation, give
):
    first = give(confirmation, "1", more={"with_photo": True})
    both = register(
        name="confirmation",
        subject="report",
        versions=[CONFIRMATION_V1, CONFIRMATION_V2],
        records=confirmation.records,
    )

    second = give(both, "2", more={"with_photo": True})

    assert (first.amount, second.amount) == (10, 6)
    assert first.explanation["kind"] == {"name": "confirmation", "inputs": 1}
    assert second.explanation["kind"] == {"name": "confirmation", "inputs": 2}
    assert second.explanation["inputs"] == {"category": "hazard", "with_photo": True}
    assert list(Recomputation(lake)) == []
    # Asked for again, it is the award that was made, under its own version.
    assert give(both, "1", more={"with_photo": False}).pk == first.pk
    assert list(Recomputation(lake)) == []
    with pytest.raises(errors.AwardSourceReused):
        give(both, "2", more={"with_photo": False})


def test_an_award_under_another_version_than_it_says_is_found(lake, register, confirmation, give):
    award = give(confirmation, "1", more={"with_photo": True})
    register(
        name="confirmation",
        subject="report",
        versions=[CONFIRMATION_V1, CONFIRMATION_V2],
        records=confirmation.records,
    )
    untriggered("UPDATE points_award SET inputs_version = 2")

    (difference,) = Recomputation(lake)

    assert difference.source == award.source
    assert difference.found["points"] == 10
    assert difference.expected["points"] == 6
    assert (difference.found["kind.inputs"], difference.expected["kind.inputs"]) == (1, 2)

    untriggered("UPDATE points_award SET inputs_version = 3")
    (difference,) = Recomputation(lake)
    assert difference.found == {"kind": "confirmation 3"}


def test_a_draft_is_tried_on_each_award_as_its_kind_and_version_reckon(
    lake, register, confirmation, give
):
    give(confirmation, "1", more={"with_photo": True})
    both = register(
        name="confirmation",
        subject="report",
        versions=[CONFIRMATION_V1, CONFIRMATION_V2],
        records=confirmation.records,
    )
    give(both, "2", more={"with_photo": True})
    give(both, "3", more={"with_photo": True}, during="hours:1")

    trial = tryout(
        community=lake,
        subject=Rule.Subject.REPORT,
        category="hazard",
        parameters={"reward_points": 60},
        since=date(2024, 3, 1),
        until=date(2024, 3, 31),
    )

    assert (trial.cost.points_before, trial.cost.points_after) == (10 + 6 + 0, 30 + 20 + 0)


# --- who pays ---------------------------------------------------------------------------------
def test_an_award_in_fen_is_paid_by_its_fund_and_never_expires(lake, wang, give, assistance, cash):
    award = give(assistance, "1", cash, more={"fen": 500})

    wallet = wallet_of(lake, wang, Unit.FEN)
    assert (award.unit, award.amount, award.account) == ("fen", 500, wallet)
    assert (award.transfer.debit_id, award.transfer.credit_id) == (cash.pk, wallet.pk)
    assert (award.transfer.reason, award.transfer.expires_on) == ("assistance", None)
    assert award.explanation == {
        "kind": {"name": "assistance", "inputs": 1},
        "inputs": {"fen": 500},
        "arithmetic": {"fen": 500},
        "payer": str(cash.pk),
    }
    assert (balance(cash), balance(wallet)) == (9_500, 500)
    assert balance(wallet_of(lake, wang)) == 0
    assert list(Recomputation(lake)) == []
    assert explain(award.transfer)["rule_version"] is None


def test_points_may_come_out_of_a_fund_as_well(lake, wang, give, register, grant_points):
    kind = register(
        name="prize",
        payer=AccountKind.FUND,
        versions=[Version(whose, lambda inputs, rule: (30, {}))],
    )
    fund = account_of(lake, AccountKind.FUND, Unit.POINTS, "fund:2")
    issuance = account_of(lake, AccountKind.ISSUANCE, Unit.POINTS)
    ledger.post(
        ledger.Movement(
            debit=issuance,
            credit=fund,
            amount=40,
            key="budget",
            reason="budget",
            source="test:budget",
        )
    )

    give(kind, "1", fund, expires_on=date(2099, 12, 31))

    assert (balance(fund), balance(wallet_of(lake, wang))) == (10, 30)
    assert Transfer.objects.get(key="prize:1").expires_on == date(2099, 12, 31)
    with pytest.raises(InsufficientPoints) as refused:
        give(kind, "2", fund)
    assert refused.value.facts == {"available": 10, "needed": 30}
    kind.records.records.pop("prize:2")
    assert list(Recomputation(lake)) == []


def test_only_a_fund_of_the_community_in_the_unit_pays(
    lake, hill, wang, give, assistance, confirmation, cash
):
    points = account_of(lake, AccountKind.FUND, Unit.POINTS, "fund:1")
    elsewhere = account_of(hill, AccountKind.FUND, holder="fund:1")
    payout = account_of(lake, AccountKind.PAYOUT)
    for payer in (None, points, elsewhere, payout):
        with pytest.raises(errors.PayerInvalid):
            give(assistance, "1", payer, more={"fen": 500})
    with pytest.raises(errors.PayerInvalid):
        give(confirmation, "1", points)

    assert not Award.objects.exists()


def test_another_payer_is_another_award(lake, give, assistance, cash):
    give(assistance, "1", cash, more={"fen": 500})
    other = account_of(lake, AccountKind.FUND, holder="fund:2")

    with pytest.raises(errors.AwardSourceReused):
        give(assistance, "1", other, more={"fen": 500})
    nothing = give(assistance, "2", cash, more={"fen": 0})
    assert give(assistance, "2", cash, more={"fen": 0}).pk == nothing.pk


def test_an_award_paid_by_another_account_than_it_says_is_found(lake, give, assistance, cash):
    give(assistance, "1", cash, more={"fen": 500})
    other = account_of(lake, AccountKind.FUND, holder="fund:2")
    untriggered(f"UPDATE points_transfer SET debit_id = '{other.pk}' WHERE key = 'assistance:1'")

    (difference,) = Recomputation(lake)

    assert difference.found == {"transfer.debit": "fund fen fund:2"}
    assert difference.expected == {"transfer.debit": "fund fen"}  # not the one that it says


def test_without_a_rule_a_kind_about_rules_earns_nothing(hill, wang, confirmation):
    facts = Facts(counts_from=MOMENT, occurred_at=MOMENT, category="hazard")
    with pytest.raises(RuleMissing):
        awards.award(
            confirmation, community=hill, person_id=wang.pk, source="confirmation:1", facts=facts
        )


def test_one_cap_is_shared_by_the_kinds_of_a_rule(lake, wang, confirmation, give):
    rules.publish(
        community=lake,
        subject=Rule.Subject.REPORT,
        category="hazard",
        parameters={"reward_points": 20, "daily_cap_points": 25},
        valid_from=date(2024, 1, 1),
    )

    given = [give(confirmation, number).amount for number in "123"]

    assert given == [10, 10, 5]


# --- voids ------------------------------------------------------------------------------------
def test_an_award_in_fen_that_was_spent_is_repaid_to_its_fund(lake, wang, give, assistance, cash):
    give(assistance, "1", cash, more={"fen": 500})
    wallet = wallet_of(lake, wang, Unit.FEN)
    payout = account_of(lake, AccountKind.PAYOUT)
    ledger.post(
        ledger.Movement(
            debit=wallet, credit=payout, amount=400, key="paid", reason="payout", source="test:paid"
        )
    )

    void = awards.void(community=lake, source="assistance:1", reason="误报")
    assistance.records.records["assistance:1"] = replace(
        assistance.records.records["assistance:1"], is_voided=True
    )

    assert (void.reversal.amount, void.reversal.recovered) == (500, 100)
    assert balance(cash) == 9_600
    give(assistance, "2", cash, more={"fen": 1_000})
    wallet.refresh_from_db()
    assert (balance(cash), wallet.available, wallet.shortfall) == (9_000, 600, 0)
    assert list(Recomputation(lake)) == []


def test_points_do_not_repay_fen(lake, wang, give, assistance, confirmation, cash):
    give(assistance, "1", cash, more={"fen": 500})
    wallet = wallet_of(lake, wang, Unit.FEN)
    payout = account_of(lake, AccountKind.PAYOUT)
    ledger.post(
        ledger.Movement(
            debit=wallet, credit=payout, amount=500, key="paid", reason="payout", source="test:paid"
        )
    )
    awards.void(community=lake, source="assistance:1", reason="误报")

    give(confirmation, "1")

    wallet.refresh_from_db()
    assert (wallet.shortfall, balance(wallet_of(lake, wang))) == (500, 10)


def test_a_void_of_what_was_partly_reversed_takes_the_rest(lake, wang, give, confirmation):
    award = give(confirmation, "1")
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=award.transfer_id,
        key="x",
        reason="x",
        source="undo:x",
        amount=4,
    )

    assert awards.void(community=lake, source="confirmation:1", reason="误报").reversal.amount == 6


def test_what_was_reversed_whole_has_nothing_to_void(lake, give, confirmation):
    award = give(confirmation, "1")
    ledger.reverse(
        community_id=lake.pk, transfer_id=award.transfer_id, key="x", reason="x", source="undo:x"
    )

    with pytest.raises(TransferReversed):
        awards.void(community=lake, source="confirmation:1", reason="误报")


def test_what_earned_nothing_can_not_be_voided(lake):
    with pytest.raises(errors.AwardUnknown):
        awards.void(community=lake, source="confirmation:1", reason="误报")


def test_a_void_stays_but_for_its_words(lake, give, confirmation):
    give(confirmation, "1")
    awards.void(community=lake, source="confirmation:1", reason="误报")

    for changes in ({"reason": "x"}, {"reversal": None}, {"voided_at": MOMENT}):
        with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
            Void.objects.update(**changes)
    with pytest.raises(Exception, match="Cannot delete"), transaction.atomic():
        Void.objects.all().delete()
    with pytest.raises(IntegrityError, match="void_once"), transaction.atomic():
        Void.objects.create(community=lake, award=Award.objects.get(), reason="x")

    assert Void.objects.update(reason="") == 1


def test_recompute_finds_a_void_without_a_voided_record_and_the_other_way(lake, give, confirmation):
    give(confirmation, "1")
    records = confirmation.records.records
    records["confirmation:1"] = replace(records["confirmation:1"], is_voided=True, state="voided")
    (difference,) = Recomputation(lake)
    assert difference.found == {"record": "voided"}

    awards.void(community=lake, source="confirmation:1", reason="误报")
    assert list(Recomputation(lake)) == []

    records["confirmation:1"] = replace(records["confirmation:1"], is_voided=False)
    assert list(Recomputation(lake)) == []  # it may be voided at this moment
    untriggered("UPDATE points_void SET voided_at = voided_at - interval '1 hour'")
    (difference,) = Recomputation(lake)
    assert (difference.found, difference.expected) == ({"voided": True}, {"voided": False})

    records["confirmation:1"] = replace(records["confirmation:1"], is_voided=True)
    untriggered("DELETE FROM points_void")
    (difference,) = Recomputation(lake)
    assert (difference.found, difference.expected) == ({"voided": False}, {"voided": True})


@pytest.mark.django_db(transaction=True)
def test_awards_and_voids_at_once_have_an_order(lake, wang, give, confirmation, at_once):
    given = [give(confirmation, f"{number}").source for number in range(4)]

    def work(number):
        if number % 2:
            return awards.void(community=lake, source=given[number // 2], reason="误报").pk
        return give(confirmation, f"more {number}").pk

    assert len(set(at_once(8, work))) == 8
    assert balance(wallet_of(lake, wang)) == 40


def test_what_earns_today_is_registered():
    assert kinds.kind_of("hours") == HOURS
    assert {kind.name for kind in kinds.registered()} == {
        "hours",
        "report",
        "opening",
        "correction",
    }
