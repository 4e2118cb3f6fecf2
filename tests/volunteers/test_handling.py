"""Handling of reports: every move, who makes it, what the database refuses, and who is told."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone, translation

from backend.audit.models import AuditEntry
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.notices.words import words
from backend.privacy import held
from backend.registries import checks
from points.ledger.selectors import wallet_of
from points.models import Award
from tests.volunteers.test_reports import SIGHT
from volunteers.attendance.errors import OwnVerification
from volunteers.models import (
    CellMember,
    Confirmation,
    FormerWords,
    Report,
    ReportComment,
    ReportPolicy,
)
from volunteers.people.errors import CellMemberAlready, CellPlaceTaken
from volunteers.people.models import Volunteer
from volunteers.people.services import cells, people
from volunteers.reports import errors, selectors, tasks, timeline
from volunteers.reports.checks import REPORTS
from volunteers.reports.models import moves
from volunteers.reports.services import (
    deadlines,
    handling,
    routing,
    submitting,
    wording,
)

FRIDAY = datetime.fromisoformat("2026-03-06T17:50+08:00")


@pytest.fixture
def submitted(lake, wang):
    """A report of Wang's: ``submitted(category=…)``."""

    def submit(reporter=wang, **facts):
        return submitting.submit(community=lake, reporter=reporter, **SIGHT | facts)

    return submit


@pytest.fixture
def street(lake):
    above = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    lake.parent = above
    lake.save(update_fields=["parent"])
    return above


@pytest.fixture
def estate(lake):
    return places.estate_named(community=lake, name="一区")


@pytest.fixture
def volunteer(lake, person):
    """A volunteer of the lake: ``volunteer("sun")``."""

    def enrol(name):
        user = person(name, name)
        people.enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
        return user

    return enrol


@pytest.fixture
def staff(lake, person):
    """More of the lake's staff: ``staff("sun")``."""

    def give(name, place=lake, role=Role.STAFF):
        user = person(name, name)
        roles.give(user=user, community=place, role=role)
        return user

    return give


@pytest.fixture
def worker(lake, estate, volunteer):
    user = volunteer("worker")
    named(lake, estate, user, "worker")
    return user


def named(lake, estate, user, function):
    return cells.name_member(
        community=lake, estate=estate, user_id=user.pk, function=function, named_by=None
    )


def told(user):
    return list(Notice.objects.filter(recipient=user).order_by("id").values_list("kind", flat=True))


def points_of(user, lake):
    wallet = wallet_of(lake.pk, user.pk)
    return wallet.available if wallet else 0


def anew(report):
    return Report.objects.get(pk=report.pk)


def act(name, report, handler, original=None, now=None):
    facts = {"report": report, "handler": handler, "now": now}
    if name == "void":
        del facts["handler"]
        return handling.void(**facts, voider=handler, reason="误报")
    if name == "reopen":
        del facts["handler"]
        return handling.reopen(**facts, reopener=handler, reason="又坏了")
    if name == "mark_duplicate":
        facts["original"] = original
    done = getattr(handling, name)(**facts, answer="已处理")
    return done[0] if isinstance(done, tuple) else done


ACTS = ["accept", "make_safe", "fix", "close", "reject", "mark_duplicate", "mark_not_ours"]


# --- moves --------------------------------------------------------------------------------
def come_to(status, report, zhao, original):
    """Bring a report to a status by the shortest way."""
    if status == "withdrawn":
        Report.objects.filter(pk=report.pk).update(
            status="withdrawn", closed_at=timezone.now(), closed_by=report.reporter_id
        )
        return anew(report)
    before = "closed" if status == "voided" else "submitted"
    if before == "closed":
        act("close", report, zhao)
    for move in moves.MOVES:
        if move.to == status and before in move.of and move.act != "reopen":
            handler = zhao if before == "submitted" else roles_second(report)
            return act(move.act, report, handler, original)
    return report


def roles_second(report):
    from backend.accounts.models import User

    return User.objects.create(username=f"second-{report.pk}", name="第二人")


@pytest.mark.parametrize("status", Report.Status.values)
def test_every_move_is_possible_from_its_statuses_alone(submitted, lake, li, zhao, person, status):
    second, original = person("second"), submitted(li)
    come = come_to(status, submitted(), zhao, original)
    assert come.status == status
    for move in moves.MOVES:
        if move.act == "withdraw":
            continue
        with transaction.atomic():
            report = anew(come)
            if status == move.to and move.act != "reopen":
                assert act(move.act, report, second, original).status == status  # nothing happens
                assert anew(report).closed_by_id == come.closed_by_id
            elif status in move.of:
                assert act(move.act, report, second, original).status == move.to
            else:
                with pytest.raises(errors.ReportStatusWrong) as refused:
                    act(move.act, report, second, original)
                assert refused.value.facts == {"current_status": status}
                assert anew(report).status == status
            transaction.set_rollback(True)


@pytest.mark.parametrize("status", Report.Status.values)
def test_the_database_lets_no_report_go_another_way(submitted, li, zhao, status):
    original = submitted(li)
    report = come_to(status, submitted(), zhao, original)
    ways = {to for of, to in moves.TRANSITIONS if of == status}

    for to in set(Report.Status.values) - ways - {status}:
        with pytest.raises(DatabaseError), transaction.atomic():
            Report.objects.filter(pk=report.pk).update(status=to)

    assert anew(report).status == status


def test_a_step_that_was_skipped_happened_with_the_next(submitted, zhao):
    at = timezone.now()
    report = handling.make_safe(report=submitted(), handler=zhao, now=at)
    later = at + timedelta(hours=1)

    closed, _ = handling.close(report=report, handler=zhao, now=later)

    assert (closed.accepted_at, closed.made_safe_at) == (at, at)
    assert (closed.fixed_at, closed.closed_at, closed.earned_at) == (later, later, later)
    rejected = handling.reject(report=submitted(), handler=zhao, answer="不属实")
    assert (rejected.accepted_at, rejected.fixed_at, rejected.earned_at) == (None, None, None)


@pytest.mark.parametrize("name", [*ACTS, "void"])
def test_nobody_handles_a_report_of_their_own(submitted, wang, li, zhao, name):
    report = submitted()
    if name == "void":
        handling.close(report=report, handler=zhao)

    with pytest.raises(errors.OwnReport):
        act(name, report, wang, submitted(li))


def test_each_decision_is_on_the_trail_with_its_moment(submitted, zhao):
    report = submitted()
    for name in ("accept", "make_safe", "fix", "close"):
        act(name, report, zhao)

    acts = AuditEntry.objects.filter(target_type="report", target_id=str(report.pk)).order_by("id")
    assert [(one.action, one.before["status"], one.after["status"]) for one in acts] == [
        ("report.accept", "submitted", "accepted"),
        ("report.make_safe", "accepted", "made_safe"),
        ("report.fix", "made_safe", "fixed"),
        ("report.close", "fixed", "closed"),
    ]
    report = anew(report)
    assert datetime.fromisoformat(acts.last().after["at"]) == report.closed_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["accept", "close", "reject"])
def test_of_ten_who_decide_at_once_one_is_told_of(submitted, wang, zhao, lake, at_once, name):
    report = submitted()

    at_once(10, lambda _: act(name, report, zhao).status)

    assert AuditEntry.objects.filter(action=f"report.{name}").count() == 1
    earned = ["points_earned"] if name == "close" else []
    assert told(wang) == [moves.BY_ACT[name].tells, *earned]


# --- duplicates ---------------------------------------------------------------------------
def test_the_reporter_of_a_duplicate_confirms_its_original_since_they_reported(
    submitted, wang, li, zhao
):
    original, report = submitted(li), submitted()

    handling.mark_duplicate(report=report, original=original, handler=zhao)
    handling.mark_duplicate(report=report, original=original, handler=zhao)

    confirmed = Confirmation.objects.get()
    assert (confirmed.report, confirmed.confirmer) == (original, wang)
    assert confirmed.confirmed_at == report.submitted_at
    handling.close(report=original, handler=zhao)
    assert told(wang) == ["report_duplicate", "report_confirmed_closed"]


def test_a_duplicate_of_ones_own_or_of_a_closed_or_confidential_report_confirms_nothing(
    submitted, li, zhao
):
    closed = submitted(li)
    handling.close(report=closed, handler=zhao)
    for original, category in (
        (submitted(), "hazard"),
        (closed, "hazard"),
        (submitted(li, category="dispute"), "dispute"),
    ):
        report = submitted(category=category)
        done = handling.mark_duplicate(report=report, original=original, handler=zhao)
        assert done.duplicate_of_id == original.pk

    assert not Confirmation.objects.exists()


def test_a_duplicate_of_a_duplicate_is_one_of_its_original(submitted, zhao):
    first, second, third = (submitted() for _ in range(3))
    handling.mark_duplicate(report=second, original=first, handler=zhao)

    handling.mark_duplicate(report=third, original=second, handler=zhao)

    assert anew(third).duplicate_of_id == first.pk


def test_duplicates_follow_a_report_that_becomes_one(submitted, zhao):
    first, second, third = (submitted() for _ in range(3))
    handling.mark_duplicate(report=third, original=second, handler=zhao)

    handling.mark_duplicate(report=second, original=first, handler=zhao)

    assert {anew(one).duplicate_of_id for one in (second, third)} == {first.pk}


def test_no_report_is_a_duplicate_of_itself_of_its_own_or_of_another_communitys(
    submitted, zhao, hill, person
):
    report, own = submitted(), submitted()
    handling.mark_duplicate(report=own, original=report, handler=zhao)
    people.enrol(user=person("guest"), community=hill, kind=Volunteer.Kind.RIDER)
    guest = Volunteer.objects.get(community=hill, user__username="guest").user
    there = submitting.submit(community=hill, reporter=guest, **SIGHT)

    for original in (report, own, there):
        with pytest.raises(errors.OriginalUnknown):
            handling.mark_duplicate(report=report, original=original, handler=zhao)


def test_a_public_report_is_no_duplicate_of_a_confidential_one(submitted, zhao):
    for one, other in (("hazard", "dispute"), ("dispute", "hazard")):
        with pytest.raises(errors.ConfidentialityDiffers):
            handling.mark_duplicate(
                report=submitted(category=one), original=submitted(category=other), handler=zhao
            )


def test_the_database_refuses_chains_of_duplicates(submitted, zhao):
    first, second, third = (submitted() for _ in range(3))
    handling.mark_duplicate(report=second, original=first, handler=zhao)
    ended = {"closed_at": timezone.now(), "closed_by": zhao, "status": "duplicate"}

    for report, original in ((third, second), (first, third), (third, third)):
        with (
            pytest.raises(IntegrityError, match=r"no original|another"),
            transaction.atomic(),
        ):
            Report.objects.filter(pk=report.pk).update(duplicate_of=original, **ended)


@pytest.mark.django_db(transaction=True)
def test_of_two_reports_marked_as_each_others_duplicates_at_once_one_is(
    submitted, zhao, lake, at_once
):
    pair = [submitted(), submitted()]

    def mark(number):
        try:
            handling.mark_duplicate(report=pair[number], original=pair[1 - number], handler=zhao)
        except errors.OriginalUnknown:
            return "refused"
        return "marked"

    assert sorted(at_once(2, mark)) == ["marked", "refused"]
    assert Report.objects.filter(status="duplicate").count() == 1


# --- reopening ----------------------------------------------------------------------------
@pytest.mark.parametrize("end", ["close", "reject"])
@pytest.mark.parametrize("by_reporter", [True, False])
def test_a_report_is_opened_again_with_a_reason(submitted, wang, zhao, end, by_reporter):
    report = act(end, submitted(), zhao)
    at = timezone.now()

    done = handling.reopen(
        report=report, reopener=wang if by_reporter else zhao, reason="又坏了", now=at
    )

    assert (done.status, done.closed_at, done.closed_by_id, done.answer) == (
        "accepted",
        None,
        None,
        "",
    )
    assert (done.reopened_at, done.made_safe_at, done.fixed_at) == (at, None, None)
    assert (done.earned_at is None) == (end == "reject")
    assert ReportComment.objects.get().text == "又坏了"
    assert FormerWords.objects.get().words == "已处理"
    assert ("report_reopened" in told(wang)) is not by_reporter
    again = handling.reopen(report=report, reopener=wang, reason="别的")
    assert (again.reopened_at, ReportComment.objects.count()) == (at, 1)


def test_a_second_closing_earns_nothing_more(submitted, wang, li, zhao, lake):
    report = submitted()
    closed, award = handling.close(report=report, handler=zhao)
    handling.reopen(report=report, reopener=wang, reason="又坏了")

    again, same = handling.close(report=report, handler=li)

    assert (again.earned_at, again.closed_by) == (closed.earned_at, li)
    assert again.closed_at > closed.closed_at
    assert same == award == Award.objects.get()
    assert points_of(wang, lake) == 20


def test_another_end_than_closing_takes_back_what_a_reopened_report_earned(
    submitted, wang, li, zhao, lake
):
    report = submitted()
    handling.close(report=report, handler=zhao)
    handling.reopen(report=report, reopener=wang, reason="又坏了")
    with pytest.raises(OwnVerification):
        handling.reject(report=report, handler=zhao, answer="不属实")

    handling.reject(report=report, handler=li, answer="不属实")

    assert points_of(wang, lake) == 0
    with pytest.raises(errors.ReportStatusWrong):
        handling.reopen(report=report, reopener=wang, reason="再看看")


def test_a_reopened_report_that_turns_out_a_duplicate_gives_its_reward_back(
    submitted, wang, li, zhao, person, lake
):
    report, second = submitted(), person("second")
    handling.close(report=report, handler=zhao)
    handling.reopen(report=report, reopener=wang, reason="又坏了")

    handling.mark_duplicate(report=report, original=submitted(li), handler=second)

    assert points_of(wang, lake) == 0


def test_who_ever_closed_a_report_does_not_void_it(submitted, wang, li, zhao, person):
    report = submitted()
    handling.close(report=report, handler=zhao)
    handling.reopen(report=report, reopener=wang, reason="又坏了")
    handling.close(report=report, handler=li)

    for closer in (zhao, li):
        with pytest.raises(OwnVerification):
            handling.void(report=report, voider=closer, reason="误报")
    assert handling.void(report=report, voider=person("third"), reason="误报").status == "voided"


def test_a_report_is_opened_again_within_the_communitys_days(submitted, wang, zhao, lake):
    report, _ = handling.close(report=submitted(), handler=zhao)
    ReportPolicy.objects.create(community=lake, reopen_days=2)
    end = report.closed_at + timedelta(days=2)

    with pytest.raises(errors.ReopeningTooLate) as refused:
        handling.reopen(
            report=report, reopener=wang, reason="又坏了", now=end + timedelta(seconds=1)
        )
    assert refused.value.facts == {"until": end.isoformat()}
    assert handling.reopen(report=report, reopener=wang, reason="又坏了", now=end).reopened_at


@pytest.mark.parametrize(
    "change",
    [
        {"text": "别的"},
        {"category": "facility"},
        {"earned_at": None},
        {"earned_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"reopened_at": None},
        {"closed_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"fixed_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"submitted_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
)
def test_reopening_changes_nothing_else(submitted, zhao, change):
    report, _ = handling.close(report=submitted(), handler=zhao)
    reopened = {
        "status": "accepted",
        "reopened_at": timezone.now(),
        **dict.fromkeys(("closed_at", "closed_by", "made_safe_at", "fixed_at")),
    }

    with pytest.raises(DatabaseError), transaction.atomic():
        Report.objects.filter(pk=report.pk).update(**reopened | change)
    Report.objects.filter(pk=report.pk).update(**reopened)
    assert anew(report).status == "accepted"


# --- routing ------------------------------------------------------------------------------
def test_a_report_of_an_estate_goes_to_its_cells_worker(submitted, estate, worker, wang):
    report = submitted(estate=estate)

    assert anew(report).assigned_to == worker
    assert told(worker) == ["report_assigned"]
    assert anew(submitted(estate=estate, category="dispute")).assigned_to is None
    assert anew(submitted(worker, estate=estate)).assigned_to is None
    assert anew(submitted()).assigned_to is None


def test_an_accepted_report_goes_to_a_worker_named_meanwhile_or_else_the_leader(
    submitted, lake, estate, volunteer, zhao
):
    report, leader = submitted(estate=estate), volunteer("leader")
    named(lake, estate, leader, "leader")

    assert handling.accept(report=report, handler=zhao).assigned_to == leader
    assert told(leader) == ["report_assigned"]


def test_a_cells_leader_and_worker_reach_its_reports_but_no_confidential_ones(
    submitted, lake, estate, worker, volunteer, zhao
):
    leader, helper = volunteer("leader"), volunteer("helper")
    named(lake, estate, leader, "leader")
    named(lake, estate, helper, "volunteer")
    other = places.estate_named(community=lake, name="二区")
    seen = submitted(estate=estate)
    dispute = submitted(estate=estate, category="dispute")
    hidden = submitted(estate=estate)
    Report.objects.filter(pk=hidden.pk).update(is_screened=False)
    submitted(estate=other)
    submitted()

    for user in (worker, leader):
        for selector in (
            selectors.reports_worked_on_by,
            selectors.reports_watched_by,
            selectors.reports_seen_by,
        ):
            found = {one.pk for one in selector(user)}
            assert found - ({hidden.pk} if user == worker else set()) == {seen.pk}
        assert not selectors.reports_handled_by(user).exists()
    assert not selectors.reports_seen_by(helper).exists()
    routing.assign(report=dispute, handler=zhao, assignee=worker)
    assert dispute in selectors.reports_worked_on_by(worker)
    assert dispute not in selectors.reports_seen_by(leader)


def test_whose_function_has_ended_reaches_nothing_more(submitted, lake, estate, worker, zhao):
    dispute = submitted(estate=estate, category="dispute")
    routing.assign(report=dispute, handler=zhao, assignee=worker)
    submitted(estate=estate)

    cells.end_member(member=CellMember.objects.get(user=worker), ended_by=zhao)

    assert not selectors.reports_seen_by(worker).exists()


def test_who_leaves_the_community_has_no_function_in_its_cells(submitted, lake, estate, worker):
    submitted(estate=estate)

    people.leave(volunteer=Volunteer.objects.get(user=worker))

    assert CellMember.objects.get().ended_at is not None
    assert not selectors.reports_seen_by(worker).exists()


def test_a_cell_has_one_leader_one_worker_and_any_number_of_volunteers(
    lake, estate, worker, volunteer, zhao, person
):
    second, third = volunteer("second"), volunteer("third")
    assert named(lake, estate, worker, "worker") == CellMember.objects.get()
    with pytest.raises(CellPlaceTaken):
        named(lake, estate, second, "worker")
    with pytest.raises(CellMemberAlready):
        named(lake, estate, worker, "leader")
    with pytest.raises(NotAVolunteerHere):
        named(lake, estate, person("nobody"), "volunteer")
    for helper in (second, third):
        named(lake, estate, helper, "volunteer")
    cells.end_member(member=CellMember.objects.get(user=worker), ended_by=zhao)
    cells.end_member(member=CellMember.objects.get(user=second), ended_by=zhao)
    assert named(lake, estate, second, "worker").function == "worker"


@pytest.mark.django_db(transaction=True)
def test_of_two_named_as_worker_at_once_one_is(lake, estate, volunteer, at_once):
    pair = [volunteer("one"), volunteer("two")]

    def name(number):
        try:
            return named(lake, estate, pair[number], "worker").user.username
        except CellPlaceTaken:
            return "refused"

    assert "refused" in at_once(2, name)
    assert CellMember.objects.count() == 1


def test_a_report_is_given_to_staff_or_a_cell_alone(
    submitted, lake, estate, worker, wang, li, zhao, staff
):
    report, other = submitted(estate=estate), staff("other")

    assert routing.assign(report=report, handler=zhao, assignee=other).assigned_to == other
    assert told(other) == ["report_assigned"]
    assert routing.assign(report=report, handler=zhao, assignee=None).assigned_to is None
    with pytest.raises(errors.AssigneeUnfit):
        routing.assign(report=report, handler=zhao, assignee=li)
    with pytest.raises(errors.OwnReport):
        routing.assign(report=report, handler=zhao, assignee=wang)
    handling.close(report=report, handler=zhao)
    with pytest.raises(errors.ReportStatusWrong):
        routing.assign(report=report, handler=zhao, assignee=worker)


def test_a_report_is_passed_on_up_and_to_several_parties(submitted, street, staff, zhao):
    report, above = submitted(), staff("above", place=street)

    up = routing.forward(report=report, handler=zhao, note="请街道协调")
    power, water = (
        routing.forward(report=report, handler=zhao, party=party) for party in ("电力", "水务")
    )
    assert routing.forward(report=report, handler=zhao, party="电力") == power

    assert (up.is_up, up.party, power.is_up) == (True, "湖畔街道", False)
    assert told(above) == ["report_forwarded"]
    assert (anew(report).status, report.referrals.count()) == ("submitted", 3)
    routing.note_answer(referral=water, handler=zhao, answer="明天来")
    assert routing.note_answer(referral=water, handler=zhao, answer="明天来").answer == "明天来"
    with pytest.raises(errors.ReferralAnswered):
        routing.note_answer(referral=water, handler=zhao, answer="不来了")
    assert routing.forward(report=report, handler=zhao, party="水务") != water


def test_without_a_street_nothing_is_passed_up(submitted, zhao):
    with pytest.raises(errors.NoStreet):
        routing.forward(report=submitted(), handler=zhao)


# --- clocks -------------------------------------------------------------------------------
def submitted_at(report, moment):
    """The report as if it had been submitted then."""
    Report.objects.filter(pk=report.pk).update(submitted_at=moment)
    with transaction.atomic():
        report = anew(report).locked("community")
        report.save_with(**deadlines.reckoned(report))
    return report


def climbed(report):
    acts = AuditEntry.objects.filter(action="report.escalate", target_id=str(report.pk))
    return [(one.after["of"], one.after["level"]) for one in acts.order_by("id")]


def sweep(lake, at):
    while deadlines.escalate(community_id=lake.pk, now=at):
        pass


def test_red_at_ten_to_six_on_a_friday_climbs_once_per_step(
    submitted, lake, street, staff, zhao, wang
):
    above = staff("above", place=street)
    report = submitted_at(submitted(), FRIDAY)
    minute = timedelta(minutes=1)
    assert (report.colour, report.due_at) == ("red", FRIDAY + 30 * minute)

    for minutes, levels in (
        (29, []),
        (30, ["community"]),
        (59, ["community"]),
        (60, ["community", "street"]),
        (6_000, ["community", "street"]),
    ):
        sweep(lake, FRIDAY + minutes * minute)
        assert climbed(report) == [("submitted", level) for level in levels]
    assert [told(user) for user in (zhao, above)] == [["report_escalated"]] * 2

    report = handling.accept(report=report, handler=zhao, now=FRIDAY + 90 * minute)
    assert (report.due_at, report.escalated_to) == (FRIDAY + 120 * minute, None)
    sweep(lake, FRIDAY + 130 * minute)
    report = handling.make_safe(report=report, handler=zhao, now=FRIDAY + 140 * minute)
    sweep(lake, FRIDAY + 1_439 * minute)
    # Made safe: that clock runs no more, that of the fix does.
    assert climbed(report)[2:] == [("accepted", "community")]
    assert anew(report).due_at == FRIDAY + 1_440 * minute
    sweep(lake, FRIDAY + 1_440 * minute)
    sweep(lake, FRIDAY + 1_440 * minute)
    assert climbed(report)[3:] == [("made_safe", "community")]
    report = handling.fix(report=report, handler=zhao)
    assert (report.due_at, report.escalates_at) == (None, None)
    sweep(lake, FRIDAY + 100_000 * minute)
    assert len(climbed(report)) == 4


def test_yellow_and_blue_wait_for_the_office_to_open(submitted):
    yellow = submitted_at(submitted(category="facility"), FRIDAY)
    blue = submitted_at(submitted(category="environment"), FRIDAY)

    assert yellow.due_at == datetime.fromisoformat("2026-03-09T12:50+08:00")
    assert blue.due_at == datetime.fromisoformat("2026-03-09T16:50+08:00")


def test_without_a_street_a_step_climbs_to_the_community_alone(submitted, lake):
    report = submitted_at(submitted(), FRIDAY)

    sweep(lake, FRIDAY + timedelta(days=9))

    assert climbed(report) == [("submitted", "community")]
    assert anew(report).escalates_at is None


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_let_a_step_climb_once(submitted, lake, zhao, at_once):
    report = submitted_at(submitted(), FRIDAY)

    at_once(4, lambda _: deadlines.escalate(community_id=lake.pk, now=timezone.now()))

    assert climbed(report) == [("submitted", "community")]
    assert told(zhao) == ["report_escalated"]


def test_the_sweep_finds_overdue_reports_alone(submitted, lake, zhao):
    report = submitted_at(submitted(), FRIDAY)
    submitted()
    submitted_at(handling.fix(report=submitted(), handler=zhao), FRIDAY)

    tasks.sweep_overdue_reports()
    tasks.escalate_reports(str(lake.pk))

    acts = AuditEntry.objects.filter(action="report.escalate")
    assert [one.target_id for one in acts] == [str(report.pk)]


def test_a_pause_stops_the_clock_and_its_end_lets_it_run_on(submitted, zhao, lake):
    report = submitted_at(submitted(), FRIDAY)
    ten = timedelta(minutes=10)

    paused = deadlines.pause(report=report, handler=zhao, reason="等配件", now=FRIDAY + ten)
    assert (paused.due_at, paused.escalates_at) == (None, None)
    sweep(lake, FRIDAY + timedelta(days=3))
    assert climbed(report) == []
    with pytest.raises(errors.ClockStatusWrong):
        deadlines.pause(report=report, handler=zhao, reason="等配件")
    resumed = deadlines.resume(report=report, handler=zhao, now=FRIDAY + 7 * ten)
    assert resumed.due_at == FRIDAY + timedelta(minutes=90)
    with pytest.raises(errors.ClockStatusWrong):
        deadlines.resume(report=report, handler=zhao)
    handling.close(report=report, handler=zhao)
    for change in (deadlines.pause, deadlines.resume):
        reason = {"reason": "等"} if change is deadlines.pause else {}
        with pytest.raises(errors.ReportStatusWrong):
            change(report=report, handler=zhao, **reason)


def test_another_colour_sets_the_clocks_anew(submitted, wang, li, zhao):
    report = submitted_at(submitted(), FRIDAY)

    changed = deadlines.change_colour(report=report, handler=zhao, colour="yellow", reason="已围挡")

    assert changed.due_at == datetime.fromisoformat("2026-03-09T12:50+08:00")
    assert (ReportComment.objects.get().text, ReportComment.objects.get().is_internal) == (
        "已围挡",
        True,
    )
    deadlines.change_colour(report=report, handler=zhao, colour="yellow", reason="再说")
    assert ReportComment.objects.count() == 1
    handling.close(report=report, handler=zhao)
    handling.reopen(report=report, reopener=wang, reason="又坏了")
    with pytest.raises(errors.AlreadyEarned):
        deadlines.change_colour(report=report, handler=zhao, colour="red", reason="急")


def test_a_reopened_report_has_its_clocks_run_anew(submitted, wang, zhao):
    report = submitted_at(submitted(), FRIDAY)
    handling.close(report=report, handler=zhao, now=FRIDAY)
    at = FRIDAY + timedelta(days=1)

    report = handling.reopen(report=report, reopener=wang, reason="又坏了", now=at)

    assert report.due_at == at + timedelta(minutes=120)


def test_a_policy_changes_clocks_and_hours_from_the_next_step_on(submitted, lake, zhao):
    report = submitted_at(submitted(), FRIDAY)
    clocks = {"red": {"make_safe": None, "fix": 60}}

    policy = deadlines.change_policy(community=lake, by=zhao, changes={"clocks": clocks})

    assert policy.clocks["red"] == {"acknowledge": 30, "make_safe": None, "fix": 60}
    assert policy.clocks["blue"]["fix"] == 4_800
    accepted = handling.accept(report=report, handler=zhao)
    assert accepted.due_at == FRIDAY + timedelta(minutes=60)
    with pytest.raises(errors.OfficeHoursInvalid):
        deadlines.change_policy(
            community=lake, by=zhao, changes={"office_until": policy.office_from}
        )


# --- words --------------------------------------------------------------------------------
def test_internal_comments_never_leave_staff(submitted, wang, zhao, staff):
    report = submitted()
    wording.comment(report=report, author=zhao, text="内部意见", is_internal=True)
    wording.comment(report=report, author=zhao, text="已联系物业")
    wording.comment(report=report, author=wang, text="在3栋西侧")

    def read(reader):
        return [one.text for one in timeline.told_to(reader, report) if one.what == "comment"]

    assert read(None) == ["已联系物业"]
    assert read(wang) == ["已联系物业", "在3栋西侧"]
    assert read(staff("other")) == ["内部意见", "已联系物业", "在3栋西侧"]
    assert told(wang) == ["report_commented"]
    assert AuditEntry.objects.filter(action="report.comment").count() == 2
    with pytest.raises(errors.StaffOnly):
        wording.comment(report=report, author=wang, text="内部", is_internal=True)


def test_the_public_reads_steps_and_no_names(submitted, lake, estate, worker, wang, zhao):
    report = submitted(estate=estate)
    handling.accept(report=report, handler=zhao)
    deadlines.pause(report=report, handler=zhao, reason="等配件")
    deadlines.resume(report=report, handler=zhao)
    handling.close(report=report, handler=zhao, answer="已修好")
    report = anew(report)

    for reader in (None, wang):
        entries = timeline.told_to(reader, report)
        assert [(one.what, one.text) for one in entries] == [
            ("submitted", ""),
            ("accepted", ""),
            ("closed", "已修好"),
        ]
        assert not any(one.by or one.facts for one in entries)
    entries = timeline.told_to(zhao, report)
    assert [one.what for one in entries] == ["submitted", "accepted", "pause", "resume", "closed"]
    assert {one.by for one in entries[1:]} == {zhao}


def test_words_are_taken_out_by_the_author_and_by_staff_and_kept_for_managers(
    submitted, wang, zhao
):
    report = submitted(text="李四家门口井盖松动，李四说的", place="3栋李四家")
    handling.close(report=report, handler=zhao, answer="李四已同意")
    wording.comment(report=report, author=wang, text="问过李四")
    wording.comment(report=report, author=zhao, text="李四来过")

    wording.take_out(report=report, by=wang, words="李四")

    report = anew(report)
    assert (report.text, report.place) == ("██家门口井盖松动，██说的", "3栋██家")
    assert report.answer == "李四已同意"
    comments = list(ReportComment.objects.order_by("id").values_list("text", flat=True))
    assert comments == ["问过██", "李四来过"]
    wording.take_out(report=report, by=zhao, words="李四")
    assert anew(report).answer == "██已同意"
    assert ReportComment.objects.order_by("id").last().text == "██来过"
    former = FormerWords.objects.order_by("id").values_list("stood_in", "words", "taken_out_by")
    assert list(former) == [
        ("text", "李四家门口井盖松动，李四说的", wang.pk),
        ("place", "3栋李四家", wang.pk),
        ("comment", "问过李四", wang.pk),
        ("answer", "李四已同意", zhao.pk),
        ("comment", "李四来过", zhao.pk),
    ]
    with pytest.raises(errors.WordsNotFound):
        wording.take_out(report=report, by=zhao, words="李四")
    assert "李四" not in str(list(AuditEntry.objects.values_list("before", "after")))


@pytest.mark.parametrize(
    ("text", "is_let"),
    [
        ("井盖██", True),
        ("", True),
        ("████", True),
        ("井盖完好", False),
        ("井盖", False),
        ("%", False),
        ("____", False),
        ("井盖松██", False),
    ],
)
def test_the_database_lets_words_of_an_ended_report_be_masked_and_not_rewritten(
    submitted, zhao, text, is_let
):
    report = submitted(text="井盖松动")
    handling.reject(report=report, handler=zhao, answer="不属实")

    try:
        with transaction.atomic():
            Report.objects.filter(pk=report.pk).update(text=text)
    except DatabaseError:
        assert not is_let
    else:
        assert is_let


def test_comments_and_what_stood_there_are_not_rewritten(submitted, zhao):
    report = submitted()
    wording.comment(report=report, author=zhao, text="李四来过")
    wording.take_out(report=report, by=zhao, words="李四")

    for rows, change in (
        (ReportComment.objects, {"text": "没来过"}),
        (ReportComment.objects, {"is_internal": True}),
        (FormerWords.objects, {"words": "王五来过"}),
        (FormerWords.objects, {"taken_out_by": report.reporter}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
    for rows in (ReportComment.objects, FormerWords.objects):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.all().delete()


# --- notices ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "kind", "title", "title_en"),
    [
        ("accept", "report_accepted", "您的上报已受理", "A report of yours was accepted"),
        ("make_safe", "report_made_safe", "您上报的隐患已排险", "What you reported was made safe"),
        ("fix", "report_fixed", "您上报的问题已处理", "What you reported was put right"),
        ("close", "report_closed", "您的上报已办结", "A report of yours was closed"),
        ("reject", "report_rejected", "您的上报未予采信", "A report of yours was not confirmed"),
        (
            "mark_duplicate",
            "report_duplicate",
            "您上报的问题已有人上报",
            "What you reported was known already",
        ),
        (
            "mark_not_ours",
            "report_not_ours",
            "您的上报不归本社区处理",
            "A report of yours is for others",
        ),
    ],
)
def test_the_reporter_hears_of_every_step(submitted, wang, li, zhao, name, kind, title, title_en):
    act(name, submitted(), zhao, submitted(li))

    notice = Notice.objects.get(recipient=wang, kind=kind)
    assert notice.target_id == Report.objects.get(reporter=wang).pk
    assert "已处理" not in str(notice.facts)  # nobody is quoted
    for language, expected in (("zh-hans", title), ("en", title_en)):
        with translation.override(language):
            said, body = words(notice)
            assert said == expected
            assert f"{timezone.now().astimezone(submitted().community.clock):%Y-%m-%d}" in body


@pytest.mark.parametrize(
    ("kind", "title", "title_en"),
    [
        ("report_reopened", "您的上报已重新办理", "A report of yours was opened again"),
        ("report_confirmed_closed", "您附议的上报已办结", "A report that you confirmed was closed"),
        ("report_confirmed_ended", "您附议的上报已结束", "A report that you confirmed has ended"),
        ("report_commented", "上报有新留言", "Somebody wrote about a report"),
        ("report_assigned", "有上报交由您处理", "A report is yours to deal with"),
        ("report_escalated", "有上报超时", "A report is overdue"),
        ("report_forwarded", "有上报转交街道", "A report was passed on to the street"),
    ],
)
def test_other_notices_about_reports_read_in_both_languages(lake, wang, kind, title, title_en):
    facts = {
        "starts_at": FRIDAY.isoformat(),
        "timezone": lake.timezone,
        "due": "2026-03-06 18:20",
    }
    notice = Notice(kind=kind, facts=facts)
    for language, expected in (("zh-hans", title), ("en", title_en)):
        with translation.override(language):
            said, body = words(notice)
            assert (said, "2026-03-06 17:50" in body) == (expected, True)


def test_confirmers_hear_of_the_end(submitted, li, zhao, lake):
    for name, kind in (("close", "report_confirmed_closed"), ("reject", "report_confirmed_ended")):
        report = submitted()
        Confirmation.objects.create(community=lake, report=report, confirmer=li)
        act(name, report, zhao)
        assert told(li)[-1] == kind


# --- the trail ----------------------------------------------------------------------------
def named_by_the_check(lake):
    (check,) = [one for one in checks.registered() if one.name == REPORTS]
    return [str(finding.row) for finding in check.findings(checks.Scope(lake))]


@pytest.mark.parametrize("acts", [[], ["close"], ["reject"], ["close", "reopen"]])
@pytest.mark.parametrize(
    "change",
    [
        "status = 'fixed'",
        "closed_by_id = {other}",
        "earned_at = now() - interval '1 year'",
        "voided_by_id = {other}",
    ],
)
def test_a_report_that_was_changed_past_the_moves_is_named(submitted, lake, li, zhao, acts, change):
    report = submitted()
    for name in acts:
        act(name, anew(report), zhao)
    deadlines.change_colour(report=submitted(), handler=zhao, colour="blue", reason="不急")
    duplicate = submitted()
    handling.mark_duplicate(report=duplicate, original=report, handler=zhao)
    assert named_by_the_check(lake) == []

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # ALTER TABLE rolls back with the test: what is asked here is the check, no constraint.
        for constraint in Report._meta.constraints:
            cursor.execute(f"ALTER TABLE volunteers_report DROP CONSTRAINT {constraint.name}")
        cursor.execute("SET LOCAL session_replication_role = replica")
        change = change.format(other=f"'{li.pk}'")
        cursor.execute(f"UPDATE volunteers_report SET {change} WHERE id = %s", [report.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")

    assert named_by_the_check(lake) == [str(report.pk)]


def test_an_erasure_empties_what_stood_there_and_what_was_said_in_confidence(submitted, wang, zhao):
    hazard, dispute = submitted(text="李四家井盖松动"), submitted(category="dispute")
    for report in (hazard, dispute):
        wording.comment(report=report, author=zhao, text="已联系")
        routing.forward(report=report, handler=zhao, party="物业", note="请处理")
        deadlines.pause(report=report, handler=zhao, reason="等配件")
    wording.take_out(report=hazard, by=wang, words="李四")

    for forget in held.FORGETS:
        forget(wang)

    assert FormerWords.objects.get().words == ""
    for report, is_kept in ((hazard, True), (dispute, False)):
        said = (
            report.comments.get().text,
            report.referrals.get().note,
            report.pauses.get().reason,
        )
        assert said == (("已联系", "请处理", "等配件") if is_kept else ("", "", ""))
