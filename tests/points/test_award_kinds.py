"""Kinds of awards that apps register: versions of inputs, units, payers; awards and voids."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from points.awards import errors, kinds
from points.awards.kinds import Facts, Kind, Record, Version
from points.awards.selectors import explain
from points.awards.services import awards
from points.awards.services.rederiving import Recomputation
from points.awards.services.tryout import tryout
from points.funds import services as funds
from points.funds.errors import FundEnded, FundMissing
from points.funds.selectors import owed_by
from points.kinds import Unit
from points.ledger import services as ledger
from points.ledger.errors import TransferReversed
from points.ledger.selectors import balance
from points.models import Account, Award, Rule, Transfer, Void
from points.rules import services as rules
from points.rules.errors import RuleMissing
from tests.verified import found_in_books, untriggered
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
    return rule.reward // 2, {"share": "1/2"}


def third(inputs, rule):
    return rule.reward // 3, {"share": "1/3"}


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
    return register(name="witness", subject="report", versions=[CONFIRMATION_V1])


@pytest.fixture
def assistance(register, cash):
    """A kind whose rule pays fen out of a fund, as much as its facts say."""
    rules.publish(
        community=cash.community,
        subject=Rule.Subject.REPORT,
        category="assistance",
        parameters={"reward_fen": 1, "fund": "红包", "daily_cap_fen": 2_000},
        valid_from=date(2024, 1, 1),
    )
    return register(name="assistance", subject="report", versions=[ASSISTANCE_V1])


@pytest.fixture
def give(lake, wang, zhao):
    """Award a record to 王小明: ``give(confirmation, "1")``, its facts as wanted."""

    def award(kind, number, **about):
        facts = Facts(
            **{
                "counts_from": MOMENT,
                "occurred_at": MOMENT,
                "category": "assistance" if kind.name == "assistance" else "hazard",
                **about,
            }
        )
        source = f"{kind.name}:{number}"
        if isinstance(kind.records, Shelf):
            kind.records.records[source] = Record(wang.pk, "verified", facts)
        return awards.award(
            kind,
            community=lake,
            person_id=wang.pk,
            source=source,
            facts=facts,
            decided_by=zhao,
        )

    return award


@pytest.fixture
def cash(lake, chen):
    """A fund of 10,000 fen; above 1,500 two decide."""
    fund = funds.open_fund(
        community=lake,
        name="红包",
        year=2024,
        unit=Unit.FEN,
        opened_by=chen,
        approval_above=1_500,
    )
    funds.top_up(fund=fund, amount=10_000, reason="拨款", topped_up_by=chen)
    return fund


def left_in(fund):
    return balance(Account.objects.get(pk=fund.account_id))


def wallet_of(lake, wang, unit=Unit.POINTS):
    return ledger.wallet(community=lake, person_id=wang.pk, unit=unit)


# --- registering ------------------------------------------------------------------------------
def test_the_database_refuses_hours_in_cash(lake, give, assistance):
    award = give(assistance, "1", more={"fen": 500})

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
        register(name="witness", subject="report", versions=versions)

    register(name="witness", subject="report", versions=[CONFIRMATION_V1, CONFIRMATION_V2])


# --- versions ---------------------------------------------------------------------------------
def test_an_award_made_under_the_first_version_is_recomputed_as_that_for_ever(
    lake, wang, register, confirmation, give
):
    first = give(confirmation, "1", more={"with_photo": True})
    both = register(
        name="witness",
        subject="report",
        versions=[CONFIRMATION_V1, CONFIRMATION_V2],
        records=confirmation.records,
    )

    second = give(both, "2", more={"with_photo": True})

    assert (first.amount, second.amount) == (10, 6)
    assert first.explanation["kind"] == {"name": "witness", "inputs": 1}
    assert second.explanation["kind"] == {"name": "witness", "inputs": 2}
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
        name="witness",
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
    assert difference.found == {"kind": "witness 3"}


def test_a_draft_is_tried_on_each_award_as_its_kind_and_version_reckon(
    lake, register, confirmation, give
):
    give(confirmation, "1", more={"with_photo": True})
    both = register(
        name="witness",
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
def test_an_award_in_fen_is_a_claim_on_the_fund_of_its_rule(lake, wang, give, assistance, cash):
    award = give(assistance, "1", more={"fen": 500})

    payee = ledger.receivers(community=lake, person_ids={wang.pk}, unit=Unit.FEN)[wang.pk]
    assert (award.unit, award.amount, award.account, award.transfer) == ("fen", 500, payee, None)
    claim = award.claim
    assert (claim.fund, claim.payee, claim.amount, claim.status) == (cash, payee, 500, "reserved")
    assert (claim.subject, claim.reason, claim.closed_at) == (award.source, "assistance", MOMENT)
    assert award.explanation == {
        "kind": {"name": "assistance", "inputs": 1},
        "rule": award.explanation["rule"],
        "inputs": {"fen": 500},
        "arithmetic": {
            "fen": 500,
            "fen_before_cap": 500,
            "daily_cap_fen": 2_000,
            "awarded_that_day": 0,
        },
        "fund": {"name": "红包", "year": 2024},
    }
    assert (left_in(cash), balance(payee)) == (10_000, 0)

    funds.commit(claim=claim)

    assert (left_in(cash), balance(payee)) == (9_500, 500)
    assert list(Recomputation(lake)) == []
    paid = Transfer.objects.get(key=claim.source)
    assert explain(paid)["award"]["amount"] == 500
    assert explain(paid)["rule_version"]["category"] == "assistance"


def test_a_fund_that_was_not_opened_or_has_ended_pays_nothing(lake, chen, give, assistance, cash):
    with pytest.raises(FundMissing) as refused:
        give(assistance, "1", counts_from=MOMENT.replace(year=2025), more={"fen": 500})
    assert refused.value.facts == {"fund": "红包", "year": 2025}
    funds.return_rest(fund=cash, ended_by=chen)
    with pytest.raises(FundEnded):
        give(assistance, "2", more={"fen": 500})
    assert give(assistance, "3", more={"fen": 0}).claim is None

    assert Award.objects.count() == 1


def test_who_waits_was_awarded_all_the_same_and_is_paid_by_whatever_fund_it_went_to(
    lake, chen, give, assistance, cash
):
    for number in range(6):  # a cap a day
        give(assistance, f"{number}", counts_from=MOMENT + timedelta(number), more={"fen": 2_000})
    waiting = Award.objects.get(source="assistance:5")
    assert waiting.claim.status == "waiting"
    for award in Award.objects.exclude(pk=waiting.pk).order_by("id"):
        funds.commit(claim=funds.approve(claim=award.claim, approved_by=chen))

    into = funds.carry_over(fund=cash, ended_by=chen)

    waiting.refresh_from_db()
    assert waiting.claim.fund == into
    assert list(Recomputation(lake)) == []
    assert found_in_books(lake) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ("amount = 400", {"claim.amount": 400}),
        ("subject = 'assistance:2'", {"claim.subject": "assistance:2"}),
        ("reason = 'gift'", {"claim.reason": "gift"}),
        ("closed_at = '2024-03-02 01:00Z'", {"claim.closed_at": "2024-03-02T01:00:00+00:00"}),
        (
            "explanation = jsonb_set(explanation, '{arithmetic,fen}', '9')",
            {"arithmetic.fen": 9},
        ),
    ],
)
def test_a_claim_that_says_other_than_its_award_is_found(lake, give, assistance, changed, found):
    give(assistance, "1", more={"fen": 500})
    untriggered(f"UPDATE points_claim SET {changed}")

    (difference,) = Recomputation(lake)

    assert difference.found == found


def test_a_claim_on_another_fund_than_the_rules_is_found(lake, chen, give, assistance):
    give(assistance, "1", more={"fen": 500})
    other = funds.open_fund(community=lake, name="别的", year=2024, unit=Unit.FEN, opened_by=chen)
    untriggered(f"UPDATE points_claim SET fund_id = '{other.pk}'")

    (difference,) = Recomputation(lake)

    assert difference.found == {"claim.fund": "别的 2024"}
    assert difference.expected == {"claim.fund": "红包 2024"}


def test_without_a_rule_a_kind_about_rules_earns_nothing(hill, wang, confirmation):
    facts = Facts(counts_from=MOMENT, occurred_at=MOMENT, category="hazard")
    with pytest.raises(RuleMissing):
        awards.award(
            confirmation, community=hill, person_id=wang.pk, source="witness:1", facts=facts
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
def voided(kind, number, lake, by):
    """Void an award and its record."""
    source = f"{kind.name}:{number}"
    void = awards.void(community=lake, source=source, reason="误报", voided_by=by)
    records = kind.records.records
    records[source] = replace(records[source], is_voided=True)
    return void


def test_the_void_of_an_award_that_was_not_paid_releases_its_claim(
    lake, zhao, give, assistance, cash
):
    award = give(assistance, "1", more={"fen": 2_000})
    assert give(assistance, "2", more={"fen": 500}).amount == 0  # the day is full

    void = voided(assistance, "1", lake, zhao)

    award.claim.refresh_from_db()
    assert (void.reversal, award.claim.status) == (None, "released")
    assert left_in(cash) == 10_000
    assert give(assistance, "3", more={"fen": 500}).amount == 500  # the cap is free again
    assert list(Recomputation(lake)) == []
    assert found_in_books(lake) == []


def test_the_void_of_an_award_that_was_paid_is_owed_and_points_do_not_repay_it(
    lake, wang, zhao, give, assistance, confirmation, cash
):
    award = give(assistance, "1", more={"fen": 500})
    funds.commit(claim=award.claim)

    voided(assistance, "1", lake, zhao)
    give(confirmation, "1")

    award.claim.refresh_from_db()
    assert (award.claim.status, award.claim.taken_back_by) == ("committed", zhao)
    assert owed_by(lake.pk, award.account_id) == 500
    assert (left_in(cash), balance(wallet_of(lake, wang))) == (9_500, 10)
    assert list(Recomputation(lake)) == []
    assert found_in_books(lake) == []


def test_a_claim_taken_back_behind_the_award_is_found(lake, zhao, give, assistance):
    award = give(assistance, "1", more={"fen": 500})

    funds.release(claim=award.claim, released_by=zhao)

    (finding,) = found_in_books(lake)
    assert (finding.check, finding.table, finding.row) == (
        "voids",
        "points_claim",
        str(award.claim_id),
    )


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

    assert awards.void(community=lake, source="witness:1", reason="误报").reversal.amount == 6


def test_what_was_reversed_whole_has_nothing_to_void(lake, give, confirmation):
    award = give(confirmation, "1")
    ledger.reverse(
        community_id=lake.pk, transfer_id=award.transfer_id, key="x", reason="x", source="undo:x"
    )

    with pytest.raises(TransferReversed):
        awards.void(community=lake, source="witness:1", reason="误报")


def test_what_earned_nothing_can_not_be_voided(lake):
    with pytest.raises(errors.AwardUnknown):
        awards.void(community=lake, source="witness:1", reason="误报")


def test_a_void_stays_but_for_its_words(lake, give, confirmation):
    give(confirmation, "1")
    awards.void(community=lake, source="witness:1", reason="误报")

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
    records["witness:1"] = replace(records["witness:1"], is_voided=True, state="voided")
    (difference,) = Recomputation(lake)
    assert difference.found == {"record": "voided"}

    awards.void(community=lake, source="witness:1", reason="误报")
    assert list(Recomputation(lake)) == []

    records["witness:1"] = replace(records["witness:1"], is_voided=False)
    assert list(Recomputation(lake)) == []  # it may be voided at this moment
    untriggered("UPDATE points_void SET voided_at = now() - interval '1 hour'")
    (difference,) = Recomputation(lake)
    assert (difference.found, difference.expected) == ({"voided": True}, {"voided": False})

    records["witness:1"] = replace(records["witness:1"], is_voided=True)
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
        "confirmation",
        "opening",
        "correction",
    }
