"""Verification of hours: many at once, by others, made public, appealed, corrected, evaluated."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.events.models import Venue
from backend.notices.models import Notice
from backend.privacy.services import erasure
from points.awards.services.rederiving import Recomputation
from points.ledger.selectors import wallet_of
from points.models import Award, Transfer
from tests.verified import found_in_books
from volunteers.activities.models import ServicePolicy
from volunteers.attendance import errors, tasks
from volunteers.attendance.selectors import hours_published_in
from volunteers.attendance.services import corrections, evaluations, hours, objections, signals
from volunteers.models import Attendance, Correction, Evaluation, Objection, Team
from volunteers.people.services import people

pytestmark = pytest.mark.usefixtures("_tasks_run_at_once")

SHIFT = ("2024-03-01 07:00", "2024-03-01 09:00")
REASON = "不在现场"


@pytest.fixture
def sun(lake, person):
    """A second member of staff."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def qian(lake, person):
    """A third member of staff."""
    user = person("qian", "钱社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def public(lake):
    """The lake makes hours public for five days before they are final."""
    return ServicePolicy.objects.create(community=lake, publicity_days=5)


def points_of(user, lake):
    wallet = wallet_of(lake.pk, user.pk)
    return wallet.available if wallet else 0


def told(user):
    return list(Notice.objects.filter(recipient=user).order_by("id").values_list("kind", flat=True))


def days(served, user, count, hour="07"):
    return [
        served(user, f"2024-03-{day:02} {hour}:00", f"2024-03-{day:02} 09:00")
        for day in range(1, count + 1)
    ]


# --- many at once -----------------------------------------------------------------------------
def test_one_refused_does_not_undo_the_others(lake, wang, li, zhao, sun, served):
    good = served(wang, *SHIFT)
    own = served(people.enrol(user=zhao, community=lake, kind="resident")[0].user, *SHIFT)
    marked = served(li, *SHIFT)
    Attendance.objects.filter(pk=marked.pk).update(checked_in_by=zhao)
    old = served(li, "2019-12-31 07:00", "2019-12-31 09:00")  # before there was a rule
    cancelled = served(wang, "2024-03-02 07:00", "2024-03-02 09:00")
    Attendance.objects.filter(pk=cancelled.pk).update(status="cancelled")
    last = served(li, "2024-03-03 07:00", "2024-03-03 09:00")

    asked = [good, own, marked, old, cancelled, last]
    outcomes = hours.verify_many(community=lake, attendances=asked, verifier=zhao)

    assert [getattr(one, "code", "verified") for one in outcomes] == [
        *("verified", "own_hours", "own_record", "rule_missing"),
        *("attendance_status_wrong", "verified"),
    ]
    states = [Attendance.objects.get(pk=one.pk).status for one in asked]
    assert states == [
        *("verified", "checked_out", "checked_out", "checked_out", "cancelled", "verified")
    ]
    assert (points_of(wang, lake), points_of(li, lake)) == (20, 20)
    assert told(wang) == told(li) == ["hours_verified"]
    notice = Notice.objects.get(recipient=wang)
    assert (notice.facts["minutes"], notice.facts["points"]) == (120, 20)
    again = hours.verify_many(community=lake, attendances=[last, good], verifier=sun)
    assert [award.amount for _, award in again] == [20, 20]
    assert [one.verified_by for one, _ in again] == [zhao, zhao]
    assert Transfer.objects.filter(reason="hours").count() == 2
    assert AuditEntry.objects.filter(action="attendance.verify").count() == 2
    assert found_in_books(lake) == []


def test_many_verified_at_once_are_as_if_one_by_one(lake, wang, li, zhao, served):
    records = [*days(served, wang, 4), *days(served, li, 4)]
    records += [
        served(wang, f"2024-03-05 {hour:02}:00", f"2024-03-05 {hour + 4:02}:00")
        for hour in (1, 6, 12)
    ]  # the day's cap of 80 cuts the last

    def books():
        awards = Award.objects.order_by("id")
        rows = Attendance.objects.order_by("id").values_list("pk", "status", "verified_by_id")
        trail = AuditEntry.objects.filter(action="attendance.verify").order_by("id")
        return (
            [(one.source, one.amount, one.explanation) for one in awards],
            list(rows),
            list(trail.values_list("target_id", "before", "after")),
            sorted(Notice.objects.values_list("recipient_id", "kind", "facts__points")),
        )

    with transaction.atomic():
        for record in records:
            hours.verify(attendance=record, verifier=zhao)
        expected = books()
        transaction.set_rollback(True)

    hours.verify_many(community=lake, attendances=records, verifier=zhao)

    assert books() == expected
    assert [amount for _, amount, _ in expected[0]][-3:] == [40, 40, 0]
    assert list(Recomputation(lake)) == []


def test_a_batch_takes_four_statements_a_record_at_most(
    lake, wang, li, zhao, served, django_assert_max_num_queries
):
    records = [*days(served, wang, 20), *days(served, li, 20)]

    with django_assert_max_num_queries(4 * len(records)):
        outcomes = hours.verify_many(community=lake, attendances=records, verifier=zhao)

    assert sum(award.amount for _, award in outcomes) == 40 * 20


def test_many_are_rejected_with_one_reason(lake, wang, zhao, sun, served):
    first, second = days(served, wang, 2)
    hours.verify(attendance=second, verifier=sun)

    outcomes = hours.reject_many(
        community=lake, attendances=[first, second], verifier=zhao, reason=REASON
    )

    assert (outcomes[0].status, outcomes[0].reason) == ("rejected", REASON)
    assert outcomes[1].code == "attendance_status_wrong"
    assert told(wang) == ["hours_verified", "hours_rejected"]


@pytest.mark.django_db(transaction=True)
def test_a_batch_and_single_decisions_at_once_pay_each_record_once(
    lake, wang, li, zhao, sun, qian, served, at_once
):
    records = [*days(served, wang, 5), *days(served, li, 5)]

    def work(number):
        if number < 2:
            asked = records if number else records[::-1]
            outcomes = hours.verify_many(
                community=lake, attendances=asked, verifier=(zhao, sun)[number]
            )
            return [getattr(one, "code", "verified") for one in outcomes]
        return hours.verify(attendance=records[number], verifier=qian)[1].amount

    outcomes = at_once(6, work)

    assert outcomes == [["verified"] * 10] * 2 + [20] * 4
    assert (points_of(wang, lake), points_of(li, lake)) == (100, 100)
    assert Notice.objects.filter(kind="hours_verified").count() == 10
    assert list(Recomputation(lake)) == []


@pytest.mark.django_db(transaction=True)
def test_hours_are_verified_or_rejected_by_whoever_comes_first(
    lake, wang, zhao, sun, served, at_once
):
    record = served(wang, *SHIFT)

    def work(number):
        if number:
            return hours.reject(attendance=record, verifier=sun, reason=REASON).status
        return hours.verify(attendance=record, verifier=zhao)[0].status

    outcomes = at_once(2, work)

    record.refresh_from_db()
    assert sorted(outcomes) == sorted([record.status, "attendance_status_wrong"])
    assert points_of(wang, lake) == (20 if record.status == "verified" else 0)


# --- by others --------------------------------------------------------------------------------
@pytest.mark.parametrize("column", ["checked_in_by", "checked_out_by", "corrected_by"])
def test_whoever_attested_a_record_neither_verifies_nor_rejects_it(
    lake, wang, zhao, sun, served, column
):
    record = served(wang, *SHIFT)
    Attendance.objects.filter(pk=record.pk).update(**{column: zhao})

    with pytest.raises(errors.OwnRecord):
        hours.verify(attendance=record, verifier=zhao)
    with pytest.raises(errors.OwnRecord):
        hours.reject(attendance=record, verifier=zhao, reason=REASON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Attendance.objects.filter(pk=record.pk).update(verified_by=zhao)

    verified, _ = hours.verify(attendance=record, verifier=sun)
    assert verified.status == "verified"
    entry = AuditEntry.objects.get(action="attendance.verify")
    assert entry.after["attested_by"] == [str(zhao.pk)]


# --- corrections ------------------------------------------------------------------------------
def correct(record, clock, since, until, by, reason="补记"):
    return corrections.correct(
        attendance=record,
        checked_in_at=clock(f"2024-03-01 {since}"),
        checked_out_at=clock(f"2024-03-01 {until}"),
        reason=reason,
        corrected_by=by,
    )


def test_times_are_corrected_with_both_sides_kept(lake, wang, zhao, sun, served, clock):
    record = served(wang, *SHIFT)

    for _ in ("corrected", "corrected again"):
        corrected = correct(record, clock, "07:30", "10:00", zhao)

    assert (corrected.worked_minutes, corrected.checked_out_at) == (90, record.checked_out_at)
    assert (corrected.status, corrected.corrected_by, corrected.signals) == (
        *("checked_out", zhao, None),
    )
    made = Correction.objects.get()
    assert (made.was_in_at, made.was_out_at) == (record.checked_in_at, record.checked_out_at)
    assert (made.checked_in_at, made.checked_out_at) == (
        clock("2024-03-01 07:30"),
        record.checked_out_at,
    )
    assert told(wang) == ["hours_corrected"]
    entry = AuditEntry.objects.get(action="correction.make")
    assert (entry.actor, entry.target_id) == (zhao, str(made.pk))
    with pytest.raises(errors.OwnRecord):
        hours.verify(attendance=record, verifier=zhao)
    assert hours.verify(attendance=record, verifier=sun)[1].amount == 15
    with pytest.raises(errors.AttendanceStatusWrong):
        correct(record, clock, "07:00", "09:00", zhao)
    assert found_in_books(lake) == []


@pytest.mark.parametrize(
    ("since", "until", "refusal"),
    [
        ("06:29", "09:00", errors.CheckInTooEarly),
        ("09:00", "09:30", errors.CheckInTooLate),
        ("08:00", "07:59", errors.CheckedOutBeforeIn),
    ],
)
def test_impossible_times_are_refused(wang, zhao, served, clock, since, until, refusal):
    record = served(wang, *SHIFT)

    with pytest.raises(refusal):
        correct(record, clock, since, until, zhao)

    record.refresh_from_db()
    assert (record.worked_minutes, Correction.objects.count()) == (120, 0)


def test_times_to_come_others_times_and_ones_own_are_refused(
    lake, wang, zhao, served, clock, patrol
):
    record = served(wang, *SHIFT)
    served(wang, "2024-03-01 05:00", "2024-03-01 07:00")
    with pytest.raises(errors.AlreadyElsewhere):
        correct(record, clock, "06:45", "09:00", zhao)
    with pytest.raises(errors.OwnHours):
        correct(record, clock, "07:30", "09:00", wang)
    now = timezone.now()
    running = Attendance.objects.create(
        community=lake,
        shift=patrol,
        volunteer=wang,
        status="checked_out",
        checked_in_at=patrol.starts_at,
        checked_out_at=now,
        worked_minutes=1,
    )
    with pytest.raises(errors.TimeInTheFuture):
        corrections.correct(
            attendance=running,
            checked_in_at=patrol.starts_at,
            checked_out_at=now + timedelta(hours=9),
            reason=REASON,
            corrected_by=zhao,
        )


@pytest.mark.django_db(transaction=True)
def test_a_correction_and_a_verification_at_once_leave_what_was_verified(
    lake, wang, zhao, sun, served, clock, at_once
):
    record = served(wang, *SHIFT)

    def work(number):
        if number:
            return correct(record, clock, "07:30", "09:00", zhao).worked_minutes
        return hours.verify(attendance=record, verifier=sun)[1].amount

    outcomes = at_once(2, work)

    assert outcomes in ([20, "attendance_status_wrong"], [15, 90])
    assert list(Recomputation(lake)) == []


# --- appeals ----------------------------------------------------------------------------------
@pytest.fixture
def rejected(wang, zhao, served):
    return hours.reject(attendance=served(wang, *SHIFT), verifier=zhao, reason=REASON)


def test_an_upheld_appeal_puts_the_hours_back_and_once_only(lake, wang, zhao, sun, rejected):
    raised = objections.appeal(attendance=rejected, words="我在场")
    assert objections.appeal(attendance=rejected, words="再说一次").words == "我在场"

    for _ in ("decided", "decided again"):
        decided = objections.decide(objection=raised, decider=sun, is_upheld=True, reason="有照片")

    assert (decided.status, decided.decided_by, decided.answer) == ("upheld", sun, "有照片")
    rejected.refresh_from_db()
    assert (rejected.status, rejected.verified_by, rejected.reason) == ("checked_out", None, "")
    assert told(wang) == ["hours_rejected", "appeal_upheld"]
    assert found_in_books(lake) == []
    hours.reject(attendance=rejected, verifier=zhao, reason=REASON)
    with pytest.raises(errors.AppealedAlready):
        objections.appeal(attendance=rejected, words="又一次")
    assert told(wang)[2:] == ["hours_rejected"]
    assert found_in_books(lake) == []


def test_an_appeal_is_decided_by_somebody_else_and_once(lake, wang, zhao, sun, rejected):
    raised = objections.appeal(attendance=rejected, words="我在场")
    people.enrol(user=sun, community=lake, kind="resident")

    for decider, refusal in ((zhao, errors.OwnVerification), (wang, errors.OwnHours)):
        with pytest.raises(refusal):
            objections.decide(objection=raised, decider=decider, is_upheld=True, reason="x")
    objections.decide(objection=raised, decider=sun, is_upheld=False, reason="没有证据")
    with pytest.raises(errors.ObjectionDecided):
        objections.decide(objection=raised, decider=sun, is_upheld=True, reason="x")

    rejected.refresh_from_db()
    assert rejected.status == "rejected"
    assert told(wang)[1:] == ["appeal_dismissed"]


def test_hours_that_were_not_rejected_are_not_appealed(wang, served):
    with pytest.raises(errors.AttendanceStatusWrong):
        objections.appeal(attendance=served(wang, *SHIFT), words="我在场")


def test_a_no_show_is_appealed_and_then_counts_for_the_shift(lake, wang, zhao, sun, signed_up):
    place = signed_up(wang, *SHIFT)
    Attendance.objects.filter(pk=place.pk).update(status="no_show")
    raised = objections.appeal(attendance=place, words="忘记签到")

    objections.decide(objection=raised, decider=zhao, is_upheld=True, reason="队长作证")

    place.refresh_from_db()
    assert (place.status, place.worked_minutes, place.checked_in_by) == ("checked_out", 120, zhao)
    with pytest.raises(errors.OwnRecord):
        hours.verify(attendance=place, verifier=zhao)
    hours.verify(attendance=place, verifier=sun)
    assert points_of(wang, lake) == 20
    assert found_in_books(lake) == []


def test_hours_elsewhere_meanwhile_stand_against_an_appeal(wang, zhao, sun, served, rejected):
    served(wang, "2024-03-01 08:00", "2024-03-01 10:00")
    raised = objections.appeal(attendance=rejected, words="我在场")

    with pytest.raises(errors.AlreadyElsewhere):
        objections.decide(objection=raised, decider=sun, is_upheld=True, reason="x")

    raised.refresh_from_db()
    assert raised.status == "open"


@pytest.mark.django_db(transaction=True)
def test_an_appeal_sent_twice_at_once_is_one(wang, rejected, at_once):
    def work(number):
        return objections.appeal(attendance=rejected, words=f"{number}").pk

    assert len(set(at_once(4, work))) == 1


@pytest.mark.django_db(transaction=True)
def test_an_appeal_is_decided_once_by_two_at_once(lake, wang, sun, qian, rejected, at_once):
    raised = objections.appeal(attendance=rejected, words="我在场")

    def work(number):
        decided = objections.decide(
            objection=raised, decider=(sun, qian)[number], is_upheld=bool(number), reason="x"
        )
        return decided.status

    outcomes = at_once(2, work)

    assert sorted(outcomes) in (["objection_decided", "upheld"], ["dismissed", "objection_decided"])


# --- publicity --------------------------------------------------------------------------------
def final_from(record, moment):
    Attendance.objects.filter(pk=record.pk).update(published_until=moment)


def test_published_hours_earn_when_the_days_are_over(lake, wang, zhao, served, public):
    record = served(wang, *SHIFT)

    published, award = hours.verify(attendance=record, verifier=zhao)

    assert (published.status, award, points_of(wang, lake)) == ("published", None, 0)
    left = published.published_until - timezone.now()
    assert timedelta(days=4, hours=23) < left <= timedelta(days=5)
    assert hours.verify(attendance=record, verifier=zhao)[1] is None
    tasks.sweep_published_hours()
    assert points_of(wang, lake) == 0
    assert [one.pk for one in hours_published_in(lake)] == [record.pk]
    final_from(record, timezone.now())
    assert found_in_books(lake) == []

    for _ in ("once", "twice"):
        tasks.sweep_published_hours()

    record.refresh_from_db()
    assert (record.status, record.verified_by, points_of(wang, lake)) == ("verified", zhao, 20)
    assert told(wang) == ["hours_published", "hours_verified"]
    assert list(hours_published_in(lake)) == []
    assert found_in_books(lake) == []
    hours.void(attendance=record, voider=served_by_another(lake, zhao), reason=REASON)
    assert points_of(wang, lake) == 0


def served_by_another(lake, zhao):
    from backend.accounts.models import User

    user = User.objects.create(username="another", name="另一位")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


def test_what_no_rule_pays_for_is_not_made_public(lake, wang, zhao, served, public):
    old = served(wang, "2019-12-31 07:00", "2019-12-31 09:00")

    (outcome,) = hours.verify_many(community=lake, attendances=[old], verifier=zhao)

    assert outcome.code == "rule_missing"
    old.refresh_from_db()
    assert old.status == "checked_out"


def test_an_open_objection_holds_hours_and_an_upheld_one_rejects_them(
    lake, wang, li, zhao, sun, served, public
):
    record = served(wang, *SHIFT)
    hours.verify(attendance=record, verifier=zhao)
    with pytest.raises(errors.OwnHours):
        objections.object_to(attendance=record, objector=wang, words="x")
    raised = objections.object_to(attendance=record, objector=li, words="他不在")
    assert objections.object_to(attendance=record, objector=li, words="x").words == "他不在"
    final_from(record, timezone.now())
    tasks.sweep_published_hours()
    record.refresh_from_db()
    assert (record.status, points_of(wang, lake)) == ("published", 0)

    for decider, refusal in ((zhao, errors.OwnVerification), (li, errors.OwnObjection)):
        with pytest.raises(refusal):
            objections.decide(objection=raised, decider=decider, is_upheld=True, reason="x")
    objections.decide(objection=raised, decider=sun, is_upheld=True, reason="查实")

    record.refresh_from_db()
    assert (record.status, record.verified_by, record.reason) == ("rejected", sun, "查实")
    assert told(wang) == ["hours_published", "hours_rejected"]
    assert told(li) == ["objection_upheld"]
    assert found_in_books(lake) == []


def test_a_dismissed_objection_lets_hours_go_on(lake, wang, li, zhao, sun, served, public):
    record = served(wang, *SHIFT)
    hours.verify(attendance=record, verifier=zhao)
    raised = objections.object_to(attendance=record, objector=li, words="他不在")
    objections.decide(objection=raised, decider=sun, is_upheld=False, reason="他在")
    final_from(record, timezone.now())

    tasks.sweep_published_hours()

    assert points_of(wang, lake) == 20
    assert told(wang) == ["hours_published", "hours_verified"]


def test_nobody_objects_after_the_days_are_over(lake, wang, li, zhao, served, public):
    record = served(wang, *SHIFT)
    with pytest.raises(errors.AttendanceStatusWrong):
        objections.object_to(attendance=record, objector=li, words="x")
    hours.verify(attendance=record, verifier=zhao)
    final_from(record, timezone.now())

    with pytest.raises(errors.AttendanceStatusWrong):
        objections.object_to(attendance=record, objector=li, words="x")

    assert not Objection.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_pay_published_hours_once(lake, wang, li, zhao, served, public, at_once):
    records = [*days(served, wang, 3), *days(served, li, 3)]
    hours.verify_many(community=lake, attendances=records, verifier=zhao)
    Attendance.objects.update(published_until=timezone.now())

    counted = at_once(3, lambda number: hours.finalise(community=lake))

    assert sum(counted) == 6
    assert (points_of(wang, lake), points_of(li, lake)) == (60, 60)
    assert Notice.objects.filter(kind="hours_verified").count() == 6


# --- evaluation -------------------------------------------------------------------------------
def test_service_is_evaluated_once_by_the_person_served_or_by_staff(lake, wang, li, zhao, served):
    record, other, open_ = days(served, wang, 3)
    activity = record.shift.activity
    activity.serves = li
    activity.save_with(serves=li)

    for _ in ("said", "said again"):
        said = evaluations.evaluate(attendance=record, by=li, stars=5, words="很好")
    relayed = evaluations.evaluate(attendance=other, by=zhao, stars=3)

    assert (said.stars, said.words, said.is_relayed) == (5, "很好", False)
    assert relayed.is_relayed
    assert Evaluation.objects.count() == 2
    with pytest.raises(errors.EvaluatedAlready):
        evaluations.evaluate(attendance=record, by=zhao, stars=1)
    with pytest.raises(errors.OwnHours):
        evaluations.evaluate(attendance=open_, by=wang, stars=5)
    Attendance.objects.filter(pk=open_.pk).update(status="cancelled")
    with pytest.raises(errors.AttendanceStatusWrong):
        evaluations.evaluate(attendance=open_, by=zhao, stars=5)


# --- signals ----------------------------------------------------------------------------------
def venue_of(record, name, latitude):
    activity = record.shift.activity
    venue = Venue.objects.create(
        community=record.community, name=name, latitude=latitude, longitude=112.9
    )
    activity.save_with(venue=venue)


def signals_of(record):
    record.refresh_from_db()
    return record.signals


def test_a_record_without_anything_odd_has_no_signals(lake, wang, served):
    record = served(wang, *SHIFT)
    assert record.signals is None

    tasks.sweep_signals()

    assert signals_of(record) == []
    assert signals.look(community=lake) == 0


def test_what_the_record_itself_says_is_a_signal(lake, wang, served):
    record = served(wang, *SHIFT)
    Attendance.objects.filter(pk=record.pk).update(
        position_mark="outside", was_offline=True, check_out_was_forgotten=True
    )

    tasks.sweep_signals()

    assert signals_of(record) == ["far_from_venue", "told_late", "forgotten_check_out"]


def test_one_device_for_several_people_is_shown_on_each_also_if_seen_before(lake, wang, li, served):
    record = served(wang, *SHIFT)
    Attendance.objects.filter(pk=record.pk).update(device_digest="d")
    tasks.sweep_signals()
    assert signals_of(record) == []
    hers = served(li, *SHIFT)
    Attendance.objects.filter(pk=hers.pk).update(device_digest="d", shift=record.shift)

    tasks.sweep_signals()

    assert signals_of(record) == signals_of(hers) == ["shared_device"]


@pytest.mark.parametrize(
    ("begins", "north", "found"),
    [
        ("09:10", 0.5, ["impossible_speed"]),  # 55 km in ten minutes
        ("10:30", 0.5, []),
        ("09:00", 0.005, []),  # round the corner
    ],
)
def test_nobody_gets_from_venue_to_venue_so_fast(lake, wang, served, begins, north, found):
    first = served(wang, *SHIFT)
    then = served(wang, f"2024-03-01 {begins}", "2024-03-01 12:00")
    venue_of(first, "北站", 28.2)
    venue_of(then, "南站", 28.2 + north)

    tasks.sweep_signals()

    assert signals_of(first) == signals_of(then) == found


def test_time_in_another_community_is_a_signal_in_both(lake, hill, wang, served):
    people.enrol(user=wang, community=hill, kind="rider")
    here = served(wang, *SHIFT)
    there = served(wang, "2024-03-01 08:00", "2024-03-01 10:00", community=hill)
    later = served(wang, "2024-03-01 10:00", "2024-03-01 11:00")

    tasks.sweep_signals()

    assert signals_of(here) == signals_of(there) == ["elsewhere_too"]
    assert signals_of(later) == []


@pytest.mark.parametrize(("absent", "found"), [(0, ["always_there"]), (1, [])])
def test_a_leader_whose_people_are_always_there_is_a_signal(
    lake, wang, li, zhao, served, absent, found
):
    team = Team.objects.create(community=lake, name="先锋队")
    records = [*days(served, wang, 6), *days(served, li, 6, hour="06")]
    for record in records:
        record.shift.activity.save_with(team=team)
    Attendance.objects.update(proof="leader", checked_in_by=zhao)
    if absent:
        Attendance.objects.filter(pk=records[-1].pk).update(status="no_show")

    tasks.sweep_signals()

    assert signals_of(records[0]) == found


def test_corrected_times_are_looked_at_anew(lake, wang, zhao, served, clock):
    record = served(wang, *SHIFT)
    tasks.sweep_signals()

    correct(record, clock, "07:30", "09:00", zhao)

    assert signals_of(record) is None


# --- what an erasure leaves -------------------------------------------------------------------
def test_an_erasure_takes_the_words_and_leaves_the_hours(lake, wang, li, zhao, sun, served, clock):
    record, other = served(wang, *SHIFT), served(wang, "2024-03-02 07:00", "2024-03-02 09:00")
    correct(record, clock, "07:30", "09:00", zhao)
    evaluations.evaluate(attendance=record, by=zhao, stars=2, words="迟到")
    hours.verify(attendance=record, verifier=sun)
    hours.reject(attendance=other, verifier=zhao, reason=REASON)
    objections.appeal(attendance=other, words="我住院了")
    objections.decide(
        objection=Objection.objects.get(), decider=sun, is_upheld=False, reason="他没有住院"
    )
    erasure.ask(user=wang)

    assert erasure.erase(user_id=wang.pk, now=timezone.now() + timedelta(days=16))

    assert Correction.objects.values_list("reason", "corrected_by").get() == ("", zhao.pk)
    assert Evaluation.objects.values_list("words", "stars").get() == ("", 2)
    told = Objection.objects.values_list("words", "answer", "status").get()
    assert told == ("", "", "dismissed")
    assert Attendance.objects.get(pk=record.pk).worked_minutes == 90
