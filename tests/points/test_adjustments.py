"""Openings and corrections: one person proposes, another approves, and neither is the person."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from backend.audit.models import AuditEntry
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Role
from backend.communities.services import roles
from backend.notices.models import Notice
from points.awards import errors
from points.awards.services import adjustments, awards
from points.awards.services.rederiving import Recomputation
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints, ShortfallOutstanding
from points.ledger.selectors import balance
from points.models import Adjustment, Award, Transfer
from tests.verified import found_in_books
from volunteers.models import Volunteer
from volunteers.people.services import people

OPENING, CORRECTION = Adjustment.Kind.OPENING, Adjustment.Kind.CORRECTION
REASON = "纸质积分册"


@pytest.fixture
def sun(lake, person):
    """A second member of staff."""
    user = person("sun")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def propose(lake, wang, zhao):
    """Propose by 赵社工, for 王小明 unless told otherwise: ``propose(CORRECTION, -5)``."""

    def ask(kind, amount, **about):
        about = {"person": wang, "by": zhao, "reason": REASON} | about
        return adjustments.propose(community=lake, kind=kind, amount=amount, **about)

    return ask


@pytest.fixture
def approve(sun):
    def accept(adjustment, by=sun):
        return adjustments.decide(adjustment=adjustment, accept=True, by=by)

    return accept


def points_of(lake, wang):
    return balance(ledger.wallet(community=lake, person_id=wang.pk))


def is_in_order(lake):
    assert list(Recomputation(lake)) == []
    assert found_in_books(lake) == []


def test_whoever_gets_points_is_told_and_whoever_loses_some_is_not(lake, wang, propose, approve):
    approve(propose(OPENING, 120))
    approve(propose(CORRECTION, -5))

    (notice,) = Notice.objects.all()
    assert (notice.kind, notice.recipient, notice.facts["points"]) == ("points_earned", wang, 120)


def test_an_opening_brings_paper_points_along_once_approved(
    lake, wang, zhao, sun, propose, approve
):
    until = lake.today + timedelta(days=400)
    asked = propose(OPENING, 120, expires_on=until)
    assert not Transfer.objects.exists()

    approved = approve(asked)

    assert (approved.status, approved.decided_by) == ("approved", sun)
    transfer = Transfer.objects.get()
    assert (transfer.reason, transfer.source) == ("opening", f"opening:{asked.pk}")
    assert (transfer.amount, transfer.expires_on) == (120, until)
    assert (transfer.debit.kind, transfer.credit.holder) == ("issuance", f"person:{wang.pk}")
    assert transfer.explanation == {
        "kind": {"name": "opening", "inputs": 1},
        "inputs": {
            "points": 120,
            "expires_on": until.isoformat(),
            "proposed_by": str(zhao.pk),
            "approved_by": str(sun.pk),
        },
        "arithmetic": {"points": 120},
    }
    entries = AuditEntry.objects.filter(target_id=str(asked.pk)).order_by("id")
    assert [entry.actor for entry in entries] == [zhao, sun]
    is_in_order(lake)


def test_a_correction_brings_or_takes_points(lake, wang, propose, approve):
    approve(propose(CORRECTION, 50))
    down = approve(propose(CORRECTION, -20))

    assert points_of(lake, wang) == 30
    taken = Transfer.objects.get(source=f"correction:{down.pk}")
    assert (taken.debit.kind, taken.credit.kind, taken.amount) == ("wallet", "issuance", 20)
    assert Award.objects.get(transfer=taken).amount == -20
    is_in_order(lake)


def test_a_correction_takes_no_more_than_is_there(lake, wang, propose, approve):
    approve(propose(CORRECTION, 15))
    asked = propose(CORRECTION, -20)

    with pytest.raises(InsufficientPoints) as refused:
        approve(asked)

    assert refused.value.facts == {"available": 15, "needed": 20}
    asked.refresh_from_db()
    assert (asked.status, points_of(lake, wang)) == ("proposed", 15)


def test_a_correction_takes_nothing_while_points_are_owed(lake, wang, propose, approve):
    approve(propose(CORRECTION, 15))
    wallet = ledger.wallet(community=lake, person_id=wang.pk)
    shop = ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1")
    ledger.post(
        ledger.Movement(
            debit=wallet, credit=shop, amount=15, key="tea", reason="x", source="test:tea"
        )
    )
    given = Transfer.objects.get(reason="correction")
    ledger.reverse(community_id=lake.pk, transfer_id=given.pk, key="x", reason="x", source="undo:x")

    with pytest.raises(ShortfallOutstanding):
        approve(propose(CORRECTION, -20))


def test_deciding_again_changes_nothing(lake, wang, propose, approve):
    asked = propose(CORRECTION, 50)

    assert approve(asked).decided_at == approve(asked).decided_at
    assert points_of(lake, wang) == 50


def test_a_rejected_proposal_moves_nothing_and_can_be_made_anew(
    lake, wang, zhao, sun, propose, approve
):
    asked = propose(OPENING, 50)
    adjustments.decide(adjustment=asked, accept=False, by=zhao)  # taken back

    with pytest.raises(errors.AdjustmentDecided) as refused:
        approve(asked)
    approve(propose(OPENING, 60))

    assert refused.value.facts == {"current_status": "rejected"}
    assert points_of(lake, wang) == 60
    is_in_order(lake)


# --- refusals ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "amount", "more"),
    [
        (OPENING, 0, {}),
        (OPENING, -5, {}),
        (OPENING, 100_001, {}),
        (OPENING, 5, {"expires_on": date(2024, 1, 1)}),
        (CORRECTION, 0, {}),
        (CORRECTION, -100_001, {}),
        (CORRECTION, -5, {"expires_on": date(2099, 1, 1)}),
        (CORRECTION, 5, {"reason": "  "}),
    ],
)
def test_what_makes_no_sense_is_not_proposed(propose, kind, amount, more):
    with pytest.raises(errors.AdjustmentInvalid):
        propose(kind, amount, **more)

    assert not Adjustment.objects.exists()


def test_paper_points_are_brought_along_once(propose, approve):
    approve(propose(OPENING, 50))

    with pytest.raises(errors.OpeningBroughtAlready):
        propose(OPENING, 50)


def test_only_a_volunteer_has_points_to_correct(propose, sun):
    with pytest.raises(NotAVolunteerHere):
        propose(CORRECTION, 5, person=sun)


def test_who_proposes_does_not_approve(zhao, propose, approve):
    with pytest.raises(errors.OwnProposal):
        approve(propose(CORRECTION, 5), by=zhao)


def test_nobody_changes_their_own_balance(lake, zhao, sun, propose, approve):
    for own in (zhao, sun):
        people.enrol(user=own, community=lake, kind=Volunteer.Kind.RESIDENT)
    with pytest.raises(errors.OwnBalance):
        propose(CORRECTION, 5, person=zhao)
    with pytest.raises(errors.OwnBalance):
        approve(propose(CORRECTION, 5, person=sun), by=sun)


def test_what_was_adjusted_is_corrected_and_not_voided(lake, propose, approve):
    approved = approve(propose(CORRECTION, 5))

    with pytest.raises(errors.AdjustmentNotVoided):
        awards.void(community=lake, source=approved.award_source, reason=REASON)


# --- the database -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"status": "approved"}, "adjustment_decision_is_complete"),
        ({"status": "approved", "decided_by": "zhao"}, "adjustment_approved_by_another"),
        ({"status": "approved", "decided_by": "wang"}, "adjustment_of_somebody_else"),
        ({"amount": 6}, "Cannot update"),
        ({"expires_on": date(2099, 1, 1)}, "Cannot update"),
        ({"reason": "x"}, "Cannot update"),
    ],
)
def test_the_database_holds_the_second_person(lake, wang, zhao, propose, changes, refusal):
    asked = propose(CORRECTION, 5)
    if name := changes.get("decided_by"):
        somebody = {"wang": wang, "zhao": zhao}[name]
        changes = changes | {"decided_by": somebody, "decided_at": asked.proposed_at}

    with pytest.raises(Exception, match=refusal), transaction.atomic():
        Adjustment.objects.update(**changes)


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ({"kind": "opening", "amount": -5}, "adjustment_changes_something"),
        ({"kind": "correction", "amount": 0}, "adjustment_changes_something"),
        ({"kind": "correction", "amount": 5, "proposed_by": "wang"}, "adjustment_of_somebody_else"),
    ],
)
def test_the_database_refuses_what_can_not_be(lake, wang, zhao, row, refusal):
    row = {"proposed_by": zhao} | row
    if row["proposed_by"] == "wang":
        row["proposed_by"] = wang

    with pytest.raises(IntegrityError, match=refusal), transaction.atomic():
        Adjustment.objects.create(community=lake, person=wang, reason=REASON, **row)


def test_what_was_decided_stays_but_for_its_words(propose, approve):
    approve(propose(CORRECTION, 5))

    for changes in ({"status": "rejected"}, {"decided_at": None}, {"reason": "x"}):
        with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
            Adjustment.objects.update(**changes)
    with pytest.raises(Exception, match="Cannot delete"), transaction.atomic():
        Adjustment.objects.all().delete()

    assert Adjustment.objects.update(reason="") == 1


def test_only_a_correction_takes(lake, wang, propose, approve):
    approve(propose(CORRECTION, 5))
    award = Award.objects.get()

    with pytest.raises(IntegrityError, match="award_takes_by_correction_only"):
        Award.objects.create(
            community=lake,
            source="x:1",
            kind="opening",
            inputs_version=1,
            account=award.account,
            local_day=award.local_day,
            unit="points",
            amount=-5,
            transfer=award.transfer,
        )


def test_recompute_finds_an_adjustment_that_moved_nothing(lake, zhao, sun, propose):
    asked = propose(CORRECTION, 5)
    Adjustment.objects.update(status="approved", decided_by=sun, decided_at=asked.proposed_at)

    (difference,) = Recomputation(lake)

    assert str(difference) == f"correction:{asked.pk}: award is None, should be given"


@pytest.mark.django_db(transaction=True)
def test_approving_at_once_moves_the_points_once(lake, wang, propose, approve, at_once):
    asked = propose(CORRECTION, 5)

    at_once(8, lambda n: approve(asked).status)

    assert points_of(lake, wang) == 5
