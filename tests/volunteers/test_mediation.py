"""Mediation: recorded by staff, read by nobody outside, and how many disputes it settled."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.communities.errors import PersonUnknown
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.ids import new_id
from backend.privacy.services import erasure
from backend.registries import checks
from volunteers.models import Mediation, MediationSession, Report, ReportCategory
from volunteers.reports import errors, round_figures
from volunteers.reports.services import handling, mediating, submitting
from volunteers.reports.tasks import forget_old_mediations

HELD_AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
NAMES = ["刘大爷", "孙大妈"]


@pytest.fixture
def qian(lake, person):
    """钱审计, who audits the lake."""
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def quarrel(lake, wang, zhao):
    """An accepted dispute: ``quarrel(estate=…, category=…)``."""

    def report(**facts):
        told = {"category": "dispute", "text": "楼上漏水", "reporter": wang} | facts
        made = submitting.submit(community=lake, **told)
        return handling.accept(report=made, handler=zhao)

    return report


@pytest.fixture
def opened(quarrel, zhao):
    return lambda **facts: mediating.open_mediation(
        report=quarrel(**facts), opened_by=zhao, parties=NAMES
    )


@pytest.fixture
def ended(opened, zhao):
    """A mediation that ended with an outcome, after a session."""

    def one(outcome="settled"):
        mediation = mediating.hold_session(mediation=opened(), by=zhao, held_at=HELD_AT)
        return mediating.end(mediation=mediation, by=zhao, outcome=Mediation.Status(outcome))

    return one


# --- recording --------------------------------------------------------------------------------
def test_a_dispute_is_mediated_from_its_opening_to_its_outcome(opened, li, zhao):
    mediation = opened()
    mediating.hold_session(
        mediation=mediation, by=zhao, held_at=HELD_AT, note="各让一步", mediator_id=li.pk
    )
    mediating.end(mediation=mediation, by=zhao, outcome=Mediation.Status.SETTLED)

    found = Mediation.objects.get()
    session = MediationSession.objects.get()
    assert (found.status, found.opened_by, found.ended_by) == ("settled", zhao, zhao)
    assert (session.mediator, session.held_at, session.note) == (li, HELD_AT, "各让一步")
    assert found.parties == NAMES
    acts = AuditEntry.objects.filter(action__startswith="mediation.").order_by("pk")
    assert [(act.action, act.actor) for act in acts] == [
        ("mediation.open", zhao),
        ("mediation.hold_session", zhao),
        ("mediation.end", zhao),
    ]


def test_neither_names_nor_notes_stand_in_the_database_or_on_the_trail(opened, zhao):
    mediating.hold_session(mediation=opened(), by=zhao, held_at=HELD_AT, note="各让一步")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws(' ', (SELECT string_agg(m::text, '') FROM volunteers_mediation m),"
            " (SELECT string_agg(s::text, '') FROM volunteers_mediationsession s),"
            " (SELECT string_agg(a::text, '') FROM audit_auditentry a))"
        )
        (rows,) = cursor.fetchone()
    assert "mediation.hold_session" in rows
    assert not [word for word in [*NAMES, "各让一步"] if word in rows]


def test_each_step_done_again_changes_nothing(opened, quarrel, zhao):
    mediation = opened()
    again = mediating.open_mediation(report=mediation.report, opened_by=zhao, parties=["别人"])
    for _ in range(2):
        mediating.hold_session(mediation=mediation, by=zhao, held_at=HELD_AT, note="谈了")
        mediating.change_parties(mediation=mediation, by=zhao, parties=["甲"])
    for _ in range(2):
        mediating.end(mediation=mediation, by=zhao, outcome=Mediation.Status.PARTLY)

    assert again == mediation
    assert MediationSession.objects.count() == 1
    assert Mediation.objects.get().parties == ["甲"]
    assert AuditEntry.objects.filter(action__startswith="mediation.").count() == 4


@pytest.mark.django_db(transaction=True)
def test_of_two_who_open_it_at_once_one_does(lake, wang, zhao, at_once):
    made = submitting.submit(community=lake, reporter=wang, category="dispute", text="漏水")
    report = handling.accept(report=made, handler=zhao)

    found = at_once(
        2,
        lambda _: mediating.open_mediation(report=report, opened_by=zhao, parties=NAMES).pk,
    )

    assert found[0] == found[1]
    assert AuditEntry.objects.filter(action="mediation.open").count() == 1


@pytest.mark.parametrize(
    ("category", "refusal"), [("hazard", errors.NotADispute), ("assistance", errors.NotADispute)]
)
def test_only_disputes_are_mediated(opened, category, refusal):
    with pytest.raises(refusal):
        opened(category=category)


def test_a_category_below_that_of_disputes_is_one_of_disputes(lake, opened):
    ReportCategory.objects.create(
        community=lake, code="noise", name="噪音", parent="dispute", is_confidential=True
    )

    assert opened(category="noise").status == "open"


def test_a_dispute_that_is_not_accepted_or_has_ended_is_not_mediated(lake, wang, zhao, quarrel):
    new = submitting.submit(community=lake, reporter=wang, category="dispute", text="漏水")
    over = handling.reject(report=quarrel(), handler=zhao, answer="不属实")

    for report in (new, over):
        with pytest.raises(errors.ReportStatusWrong):
            mediating.open_mediation(report=report, opened_by=zhao, parties=NAMES)


def test_nobody_mediates_what_they_reported(opened, quarrel, wang, zhao):
    with pytest.raises(errors.OwnReport):
        mediating.open_mediation(report=quarrel(), opened_by=wang, parties=NAMES)
    mediation = opened()
    for act in (
        lambda: mediating.change_parties(mediation=mediation, by=wang, parties=["甲"]),
        lambda: mediating.hold_session(mediation=mediation, by=wang, held_at=HELD_AT),
        lambda: mediating.hold_session(
            mediation=mediation, by=zhao, held_at=HELD_AT, mediator_id=wang.pk
        ),
        lambda: mediating.end(mediation=mediation, by=wang, outcome=Mediation.Status.WITHDRAWN),
    ):
        with pytest.raises(errors.OwnReport):
            act()


def test_a_mediator_belongs_to_the_community(opened, zhao, person):
    with pytest.raises(PersonUnknown):
        mediating.hold_session(
            mediation=opened(), by=zhao, held_at=HELD_AT, mediator_id=person("far").pk
        )


@pytest.mark.parametrize("outcome", ["settled", "partly_settled", "not_settled"])
def test_an_outcome_of_talks_needs_a_session(opened, zhao, outcome):
    with pytest.raises(errors.MediationWithoutSession):
        mediating.end(mediation=opened(), by=zhao, outcome=Mediation.Status(outcome))


@pytest.mark.parametrize("outcome", ["withdrawn", "referred"])
def test_one_that_was_withdrawn_or_referred_needs_none(opened, zhao, outcome):
    ended = mediating.end(mediation=opened(), by=zhao, outcome=Mediation.Status(outcome))

    assert ended.status == outcome


def test_one_that_has_ended_is_final(ended, zhao):
    mediation = ended()
    for act in (
        lambda: mediating.change_parties(mediation=mediation, by=zhao, parties=["甲"]),
        lambda: mediating.hold_session(mediation=mediation, by=zhao, held_at=timezone.now()),
        lambda: mediating.end(mediation=mediation, by=zhao, outcome=Mediation.Status.REFERRED),
    ):
        with pytest.raises(errors.MediationEnded):
            act()
    for change in ({"status": "withdrawn"}, {"ended_at": timezone.now()}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Mediation.objects.filter(pk=mediation.pk).update(**change)


# --- who reads it -----------------------------------------------------------------------------
def test_it_is_read_by_staff_and_auditors_and_each_reading_is_recorded(
    opened, zhao, qian, logged_in
):
    mediation = opened()
    address = f"/api/v1/mediations/{mediation.pk}"

    for reader in (zhao, qian):
        told = logged_in(reader).get(address).json()
        assert (told["parties"], told["report_id"]) == (NAMES, str(mediation.report_id))
    (listed,) = logged_in(qian).get("/api/v1/mediations?status=open").json()["results"]

    assert listed["id"] == str(mediation.pk)
    views = AuditEntry.objects.filter(action="mediation.view").order_by("pk")
    assert [(view.actor, view.target_id) for view in views] == [
        (reader, str(mediation.pk)) for reader in (zhao, qian, qian)
    ]


def test_nobody_else_reaches_it(lake, hill, opened, wang, li, person, logged_in):
    mediation = opened(estate=places.estate_named(community=lake, name="一区"))
    elsewhere, neighbour = person("far"), person("next")
    roles.give(user=elsewhere, community=hill, role=Role.MANAGER)
    other_estate = places.estate_named(community=lake, name="二区")
    roles.give(user=neighbour, community=other_estate, role=Role.STAFF)

    for reader in (wang, li, elsewhere, neighbour):
        client = logged_in(reader)
        assert client.get(f"/api/v1/mediations/{mediation.pk}").status_code == 404
        assert client.get("/api/v1/mediations").json()["results"] == []
        for verb, body in (("sessions", {"held_at": "2026-03-01T02:00:00Z"}),
                           ("end", {"outcome": "withdrawn"})):  # fmt: skip
            answer = client.post(f"/api/v1/mediations/{mediation.pk}/{verb}", body)
            assert answer.status_code == 404
        own = f"/api/v1/reports/{mediation.report_id}/mediation"
        assert client.post(own, {"parties": ["甲"]}).status_code == 404
    assert not AuditEntry.objects.filter(action="mediation.view").exists()


def test_staff_do_not_read_the_mediation_of_what_they_reported(lake, opened, wang, logged_in):
    mediation = opened()
    roles.give(user=wang, community=lake, role=Role.STAFF)

    client = logged_in(wang)

    assert client.get(f"/api/v1/mediations/{mediation.pk}").status_code == 404
    assert client.get("/api/v1/mediations").json()["results"] == []


def test_staff_record_it_over_the_api(quarrel, zhao, li, logged_in):
    desk, report = logged_in(zhao), quarrel()

    made = desk.post(f"/api/v1/reports/{report.pk}/mediation", {"parties": NAMES})
    address = f"/api/v1/mediations/{made.json()['id']}"
    renamed = desk.patch(address, {"parties": ["甲", "乙"]})
    session = {"held_at": "2026-03-01T10:00:00+08:00", "note": "谈了", "mediator_id": str(li.pk)}
    held = desk.post(f"{address}/sessions", session)
    done = desk.post(f"{address}/end", {"outcome": "settled"})

    assert [one.status_code for one in (made, renamed, held, done)] == [201, 200, 200, 200]
    assert renamed.json()["parties"] == ["甲", "乙"]
    (told,) = held.json()["sessions"]
    assert (told["mediator"]["name"], told["note"]) == ("李阿姨", "谈了")
    assert done.json()["status"] == "settled"


# --- forgetting -------------------------------------------------------------------------------
def test_names_and_notes_go_three_years_after_the_end_and_the_outcome_stays(ended, opened, zhao):
    old, new = ended(), ended()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Mediation.objects.filter(pk=old.pk).update(
            ended_at=timezone.now() - mediating.RECORDS_KEPT_FOR - timedelta(days=1)
        )

    forget_old_mediations()

    assert [Mediation.objects.get(pk=one.pk).parties for one in (old, new)] == [[], NAMES]
    assert Mediation.objects.get(pk=old.pk).status == "settled"
    assert mediating.forget_old() == 0


def test_an_erasure_of_the_reporter_empties_it(opened, wang, zhao):
    mediating.hold_session(mediation=opened(), by=zhao, held_at=HELD_AT, note="谈了")
    erasure.ask(user=wang)
    assert erasure.erase(user_id=wang.pk, now=timezone.now() + timedelta(days=60))

    assert Mediation.objects.get().parties == []
    assert MediationSession.objects.get().note == ""


# --- the rate ---------------------------------------------------------------------------------
@pytest.fixture
def year_of(lake, zhao, wang):
    """Mediations that ended in quarters of 2024: ``year_of({1: ["settled", "referred"]})``."""

    def put(quarters):
        for quarter, outcomes in quarters.items():
            for outcome in outcomes:
                report = Report.objects.create(
                    community=lake, reporter=wang, category="dispute", is_confidential=True,
                    colour="blue",
                )  # fmt: skip
                Mediation.objects.create(
                    community=lake,
                    report=report,
                    status=outcome,
                    opened_by=zhao,
                    ended_by=zhao,
                    ended_at=datetime(2024, quarter * 3, 28, tzinfo=UTC),
                )

    return put


def test_the_rate_is_settled_of_those_ended(lake, year_of):
    year_of({1: ["settled", "settled", "not_settled"], 2: ["partly_settled", "referred"]})

    told = round_figures.of_mediations(lake, sees_names=True)

    assert [(one.quarter, one.ended, one.settled, one.settled_percent) for one in told] == [
        ("2024-Q1", 3, 2, 67),
        ("2024-Q2", 2, 0, 0),
    ]


def test_the_public_is_told_a_rate_of_five_or_more_and_no_counts(
    lake, year_of, zhao, logged_in, client
):
    year_of({1: ["settled"] * 4 + ["withdrawn"], 2: ["settled"] * 4})
    address = "/api/v1/communities/lake/round-figures"

    told = client.get(address).json()["mediations"]

    counts = ("ended", "settled", "partly_settled", "not_settled", "withdrawn", "referred")
    first = {"quarter": "2024-Q1", "settled_percent": 80}
    assert told == [first | dict.fromkeys(counts)]
    staff = logged_in(zhao).get(address).json()["mediations"]
    assert [(one["quarter"], one["ended"]) for one in staff] == [("2024-Q1", 5), ("2024-Q2", 4)]


def test_the_public_is_told_nothing_of_the_running_quarter(lake, ended):
    for _ in range(5):
        ended()

    assert round_figures.of_mediations(lake, sees_names=False) == []
    (now,) = round_figures.of_mediations(lake, sees_names=True)
    assert (now.quarter, now.ended) == (round_figures.quarter_of(lake), 5)


# --- the trail --------------------------------------------------------------------------------
def findings(lake):
    (check,) = [one for one in checks.registered() if one.name == "mediations"]
    return [finding.because for finding in check.findings(checks.Scope(lake))]


def test_an_outcome_that_the_trail_does_not_know_is_found(lake, ended, opened, li):
    mediation, _still_open = ended(), opened()
    assert findings(lake) == []

    for change in (
        {"status": "referred"},
        {"ended_by": li},
        {"opened_by": li},
        {"ended_at": HELD_AT},
        {"report_id": new_id()},
    ):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            Mediation.objects.filter(pk=mediation.pk).update(**change)
            assert len(findings(lake)) == 1, change
            transaction.set_rollback(True)
    assert User.objects.filter(pk=li.pk).exists()
