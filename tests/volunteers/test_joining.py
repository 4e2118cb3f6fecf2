"""Joining a community, and leaving it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.errors import GuardianConsentRequired
from backend.audit.models import AuditEntry
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Membership
from backend.communities.selectors import communities_known_to, communities_of
from backend.communities.services import places
from backend.notices.models import Notice
from backend.notices.words import words
from points.rules.services import minutes_between
from volunteers.activities import services as activities
from volunteers.attendance.services import hours, presence, sign_ups
from volunteers.models import Attendance, JoinRequest, Shift, Volunteer
from volunteers.people import errors
from volunteers.people.selectors import is_volunteer
from volunteers.people.services import joining, people

RIDER = Volunteer.Kind.RIDER


@pytest.fixture
def sun(db, person):
    """孙, who has moved here and is no volunteer yet."""
    return person("sun", "孙")


@pytest.fixture
def asked(lake, sun):
    """孙's request to join the lake."""
    return joining.join(user=sun, community=lake, kind=RIDER)[0]


def leave(user, community):
    return people.leave(volunteer=Volunteer.objects.get(user=user, community=community))


# --- joining ----------------------------------------------------------------------------------
def test_the_right_code_makes_a_volunteer_at_once(lake, sun, zhao):
    code = places.make_join_code(community=lake, made_by=zhao).join_code
    lake.refresh_from_db()
    estate = places.estate_named(community=lake, name="小区")

    asked, is_new = joining.join(
        user=sun,
        community=lake,
        kind=RIDER,
        estate=estate,
        join_code=f" {code[:4].lower()}-{code[4:]}",
    )

    assert (is_new, asked.status, asked.decided_by) == (True, "approved", None)
    volunteer = Volunteer.objects.get(user=sun)
    assert (volunteer.community, volunteer.kind, volunteer.estate) == (lake, RIDER, estate)
    assert list(communities_of(sun)) == [lake]
    with pytest.raises(errors.AlreadyAVolunteer):
        joining.join(user=sun, community=lake, kind=RIDER, join_code=code)


@pytest.mark.parametrize("ended", [True, False])
def test_another_code_or_an_ended_one_makes_nothing(lake, hill, sun, zhao, ended):
    of_hill = places.make_join_code(community=hill, made_by=zhao).join_code
    code = places.make_join_code(community=lake, made_by=zhao).join_code
    if ended:
        lake = places.end_join_code(community=lake, ended_by=zhao)
    lake.refresh_from_db()

    with pytest.raises(errors.JoinCodeWrong):
        joining.join(user=sun, community=lake, kind=RIDER, join_code=code if ended else of_hill)

    assert not JoinRequest.objects.exists()


def test_asking_twice_is_asking_once_and_a_code_answers_it(lake, sun, zhao, asked):
    again = joining.join(user=sun, community=lake, kind=Volunteer.Kind.RESIDENT)

    assert (again, again[0].kind) == ((asked, False), RIDER)
    lake = places.make_join_code(community=lake, made_by=zhao)
    answered, is_new = joining.join(user=sun, community=lake, kind=RIDER, join_code=lake.join_code)
    assert (answered, is_new, answered.status) == (asked, False, "approved")


def test_staff_take_somebody_in_who_is_told_of_it(lake, sun, zhao, asked):
    assert not is_volunteer(sun, lake.pk)

    approved = joining.approve(join_request=asked, decided_by=zhao)

    assert (approved.status, approved.decided_by) == ("approved", zhao)
    assert Membership.objects.get(user=sun).granted_by == zhao
    assert is_volunteer(sun, lake.pk)
    notice = Notice.objects.get(recipient=sun)
    assert "碧沙湖社区" in words(notice)[1]
    entry = AuditEntry.objects.get(action="join_request.approve")
    assert (entry.actor, entry.after) == (zhao, {"status": "approved"})


def test_or_not_and_say_why_and_they_may_ask_again(lake, sun, zhao, asked):
    rejected = joining.reject(join_request=asked, decided_by=zhao, reason="不住这里")

    assert (rejected.status, rejected.reason) == ("rejected", "不住这里")
    assert not is_volunteer(sun, lake.pk)
    assert "不住这里" in words(Notice.objects.get(recipient=sun))[1]
    assert joining.join(user=sun, community=lake, kind=RIDER)[1] is True


def test_a_withdrawn_request_stays_withdrawn(sun, zhao, asked):
    first = joining.withdraw(join_request=asked)

    assert joining.withdraw(join_request=asked).decided_at == first.decided_at
    with pytest.raises(errors.JoinRequestStatusWrong):
        joining.approve(join_request=asked, decided_by=zhao)


@pytest.mark.parametrize("first", ["approve", "reject"])
@pytest.mark.parametrize("then", ["approve", "reject", "withdraw"])
def test_a_request_is_answered_once(zhao, asked, first, then):
    def answer(verb):
        return {
            "approve": lambda: joining.approve(join_request=asked, decided_by=zhao),
            "reject": lambda: joining.reject(join_request=asked, decided_by=zhao, reason="x"),
            "withdraw": lambda: joining.withdraw(join_request=asked),
        }[verb]()

    status = answer(first).status

    with pytest.raises(errors.JoinRequestStatusWrong):
        answer(then)
    asked.refresh_from_db()
    assert asked.status == status


def test_nobody_answers_a_request_of_their_own(lake, zhao):
    asked, _ = joining.join(user=zhao, community=lake, kind=RIDER)

    with pytest.raises(errors.OwnJoinRequest):
        joining.approve(join_request=asked, decided_by=zhao)
    with pytest.raises(errors.OwnJoinRequest):
        joining.reject(join_request=asked, decided_by=zhao, reason="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        JoinRequest.objects.update(status="approved", decided_at=timezone.now(), decided_by=zhao)


@pytest.mark.django_db(transaction=True)
def test_tapping_many_times_at_once_joins_once(lake, hill, sun, zhao, at_once):
    lake = places.make_join_code(community=lake, made_by=zhao)

    def tap(number):
        code = lake.join_code if number % 2 else ""
        return joining.join(user=sun, community=lake, kind=RIDER, join_code=code)[0].pk

    answers = at_once(6, tap)

    assert JoinRequest.objects.filter(status="approved").count() == 1
    assert Volunteer.objects.filter(user=sun).count() == 1
    assert set(answers) <= {JoinRequest.objects.get().pk, "already_a_volunteer"}


@pytest.mark.django_db(transaction=True)
def test_of_two_who_answer_at_once_one_does(lake, sun, zhao, asked, at_once):
    def answer(number):
        if number % 2:
            return joining.approve(join_request=asked, decided_by=zhao).status
        return joining.reject(join_request=asked, decided_by=zhao, reason="x").status

    answers = at_once(4, answer)

    asked.refresh_from_db()
    assert sorted(answers) == sorted([asked.status] + ["join_request_status_wrong"] * 3)
    assert is_volunteer(sun, lake.pk) == (asked.status == "approved")
    assert Notice.objects.filter(recipient=sun).count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_checking_in_has_done_one_of_the_two_first(lake, wang, at_once):
    activity = activities.plan_activity(community=lake, title="巡逻", category="巡逻")
    now = timezone.now()
    going = [  # two that overlap
        Attendance.objects.create(
            community=lake,
            shift=activities.plan_shift(
                activity=activity,
                starts_at=now + timedelta(minutes=minutes),
                ends_at=now + timedelta(hours=1),
            ),
            volunteer=wang,
        )
        for minutes in (10, 20)
    ]

    def act(number):
        if number:
            return presence.check_in(attendance=going[number - 1]).status
        return leave(wang, lake).left_at is not None

    answers = at_once(3, act)

    assert answers[0] is True
    statuses = set(Attendance.objects.values_list("status", flat=True))
    assert statuses <= {"cancelled", "checked_out"}  # nobody stays checked in
    assert set(answers[1:]) <= {
        "checked_in",
        "attendance_status_wrong",
        "already_elsewhere",
        "not_a_volunteer_here",
    }


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_signing_up_has_no_place_left(lake, wang, at_once):
    activity = activities.plan_activity(community=lake, title="巡逻", category="巡逻")
    begins = timezone.now() + timedelta(days=1)
    shifts = [
        activities.plan_shift(
            activity=activity,
            starts_at=begins + timedelta(hours=hours),
            ends_at=begins + timedelta(hours=hours + 1),
        )
        for hours in range(4)
    ]

    def act(number):
        if number == 2:
            return leave(wang, lake).left_at is not None
        return sign_ups.sign_up(shift=shifts[number % 4], volunteer=wang).status

    answers = at_once(5, act)

    assert answers[2] is True
    assert set(answers) <= {True, "signed_up", "not_a_volunteer_here"}
    assert not Attendance.objects.exclude(status="cancelled").exists()


def test_a_child_joins_nothing_before_a_guardian_agrees(lake, sun):
    sun.born_on = timezone.now().date() - timedelta(days=10 * 365)
    sun.save(update_fields=["born_on"])

    with pytest.raises(GuardianConsentRequired):
        joining.join(user=sun, community=lake, kind=RIDER)


# --- leaving ----------------------------------------------------------------------------------
def test_who_moves_away_is_missed_from_shifts_to_come_alone(lake, hill, wang, patrol, served):
    people.enrol(user=wang, community=hill, kind=RIDER)
    now = timezone.now()

    def sign_up(community, starts_at):
        activity = activities.plan_activity(community=community, title="巡逻", category="巡逻")
        shift = activities.plan_shift(
            activity=activity, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2)
        )
        return sign_ups.sign_up(shift=shift, volunteer=wang)

    running = sign_ups.sign_up(shift=patrol, volunteer=wang)
    tomorrow = sign_up(lake, now + timedelta(days=1))
    elsewhere = sign_up(hill, now + timedelta(days=1))
    done = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")

    left = leave(wang, lake)

    statuses = dict(Attendance.objects.values_list("pk", "status"))
    assert statuses == {
        running.pk: "signed_up",
        tomorrow.pk: "cancelled",
        elsewhere.pk: "signed_up",
        done.pk: "checked_out",
    }
    reminder = Notice.objects.get(kind="shift_reminder", community=lake, recipient=wang)
    assert reminder.withdrawn_at is not None
    assert (list(communities_of(wang)), set(communities_known_to(wang))) == ([hill], {lake, hill})
    assert (is_volunteer(wang, lake.pk), is_volunteer(wang, hill.pk)) == (False, True)
    assert leave(wang, lake).left_at == left.left_at
    assert AuditEntry.objects.filter(action="volunteer.leave").count() == 1
    with pytest.raises(NotAVolunteerHere):
        sign_ups.sign_up(shift=tomorrow.shift, volunteer=wang)


def at_the_patrol(wang, patrol, since):
    """Wang has been there for ``since``."""
    place = sign_ups.sign_up(shift=patrol, volunteer=wang, now=patrol.starts_at - timedelta(days=1))
    return presence.check_in(attendance=place, now=timezone.now() - since)


def test_who_leaves_is_checked_out_of_where_they_are(lake, wang, patrol, zhao):
    place = at_the_patrol(wang, patrol, timedelta(minutes=45))

    left_at = leave(wang, lake).left_at

    place.refresh_from_db()
    assert (place.status, place.checked_out_at, place.worked_minutes) == (
        "checked_out",
        left_at,
        minutes_between(place.checked_in_at, left_at),
    )
    assert not place.check_out_was_forgotten
    _, award = hours.verify(attendance=place, verifier=zhao)
    assert award.amount > 0  # what was done stays theirs


def test_a_shift_that_was_over_when_they_left_was_forgotten(lake, wang, patrol):
    place = at_the_patrol(wang, patrol, timedelta(minutes=45))
    Shift.objects.filter(pk=patrol.pk).update(ends_at=timezone.now() - timedelta(minutes=10))

    leave(wang, lake)

    place.refresh_from_db()
    patrol.refresh_from_db()
    assert (place.checked_out_at, place.check_out_was_forgotten) == (patrol.ends_at, True)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [(-20, "checked_out"), (0, "checked_out"), (10, "not_a_volunteer_here"), (None, "refused")],
)
def test_who_left_checks_in_for_before_alone(lake, wang, patrol, told, outcome):
    place = sign_ups.sign_up(shift=patrol, volunteer=wang, now=patrol.starts_at - timedelta(days=1))
    left_at = leave(wang, lake).left_at
    at = None if told is None else left_at + timedelta(minutes=told)

    if outcome == "checked_out":
        there = presence.check_in(attendance=place, at=at)
        assert (there.status, there.checked_in_at, there.checked_out_at) == (
            "checked_out",
            at,
            left_at,
        )
    else:
        with pytest.raises(NotAVolunteerHere):
            presence.check_in(attendance=place, at=at)
        place.refresh_from_db()
        assert place.status == "signed_up"


def test_who_comes_back_is_taken_back(lake, wang):
    before = leave(wang, lake)

    volunteer, is_new = people.enrol(user=wang, community=lake, kind=Volunteer.Kind.DRIVER)

    assert (is_new, volunteer, volunteer.kind, volunteer.left_at) == (True, before, "driver", None)
    assert list(communities_of(wang)) == [lake]
    ends = Membership.objects.filter(user=wang).order_by("pk").values_list("ended_at", flat=True)
    assert [end is None for end in ends] == [False, True]
