"""Closing of a shift that is over: no-shows, forgotten check-outs, the rest of its list."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone, translation

from backend.notices.models import Notice
from backend.notices.words import words
from tests.cast import tell
from volunteers.activities import services as activities
from volunteers.attendance import errors, tasks
from volunteers.attendance.services import closing, planning, presence, sign_ups
from volunteers.models import Attendance, Shift, Volunteer, WaitingPlace
from volunteers.people.services import people

NOW = timezone.now().replace(microsecond=0)
HOUR = timedelta(hours=1)
GRACE = presence.OFFLINE_FOR


@pytest.fixture
def ended(lake):
    """A shift that ended so long ago: ``ended(GRACE)``."""

    def plan(ago, community=lake, **more):
        activity = activities.plan_activity(
            community=community, title="夜巡", category="邻里服务", place="东门"
        )
        end = NOW - ago
        return activities.plan_shift(
            activity=activity, starts_at=end - 2 * HOUR, ends_at=end, **more
        )

    return plan


def sign_up(shift, user):
    return sign_ups.sign_up(shift=shift, volunteer=user, now=shift.starts_at)


def close(shift, now=NOW):
    closing.close(community_id=shift.community_id, shift_id=shift.pk, now=now)


def status_of(place):
    return Attendance.objects.get(pk=place.pk).status


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_who_signed_up_and_never_came_is_a_no_show_and_is_told(ended, wang, li):
    shift = ended(GRACE + timedelta(minutes=5))
    missed, gave_up = sign_up(shift, wang), sign_up(shift, li)
    Attendance.objects.filter(pk=gave_up.pk).update(status="cancelled")

    for _ in ("once", "again"):
        tasks.sweep_ended_shifts()

    assert (status_of(missed), status_of(gave_up)) == ("no_show", "cancelled")
    notice = Notice.objects.get(kind="no_show")
    assert (notice.recipient, tell(notice)) == (wang, True)
    with translation.override("zh-hans"):
        assert words(notice)[1].startswith("夜巡")


@pytest.mark.parametrize(
    ("after", "status"),
    [
        (timedelta(0), "signed_up"),
        (GRACE - timedelta(seconds=1), "signed_up"),
        (GRACE, "no_show"),
    ],
)
def test_nobody_is_a_no_show_while_a_phone_may_still_tell(ended, wang, after, status):
    shift = ended(timedelta(0))
    place = sign_up(shift, wang)

    close(shift, now=shift.ends_at + after)

    assert status_of(place) == status
    is_due = (shift.community_id, shift.pk) in closing.due(now=shift.ends_at + after, at_most=9)
    assert not is_due


def test_a_check_in_that_is_accepted_late_makes_a_no_show_somebody_who_came(ended, wang):
    shift = ended(timedelta(0))
    place = sign_up(shift, wang)
    there = shift.ends_at - timedelta(minutes=1)
    told_at = there + GRACE  # the last moment at which a phone may tell
    Attendance.objects.filter(pk=place.pk).update(status="no_show")

    presence.check_in(attendance=place, nonce="tap", at=there, now=told_at)
    close(shift, now=told_at + timedelta(minutes=2))

    place.refresh_from_db()
    assert (place.status, place.checked_in_at) == ("checked_out", there)
    assert (place.worked_minutes, place.check_out_was_forgotten) == (1, True)


def test_a_no_show_does_not_cancel_nor_check_in_too_late(ended, wang):
    shift = ended(GRACE)
    place = sign_up(shift, wang)
    close(shift)

    with pytest.raises(errors.AttendanceStatusWrong):
        sign_ups.cancel(attendance=place)
    with pytest.raises(errors.CheckInTooLate):
        presence.check_in(attendance=place)
    assert status_of(place) == "no_show"


def test_nobody_misses_a_shift_that_was_cancelled(ended, wang, zhao):
    shift = ended(GRACE)
    place = sign_up(shift, wang)
    Shift.objects.update(ends_at=NOW + HOUR)
    planning.cancel_shift(shift=shift, cancelled_by=zhao, reason="下雨")
    Shift.objects.update(ends_at=NOW - GRACE)

    close(shift)

    assert status_of(place) == "cancelled"
    assert closing.due(now=NOW, at_most=9) == []
    assert not Notice.objects.filter(kind="no_show").exists()


def test_a_forgotten_check_out_is_told_once(ended, wang):
    shift = ended(timedelta(0))
    place = presence.check_in(attendance=sign_up(shift, wang), now=shift.starts_at)

    for _ in ("once", "again"):
        close(shift)

    assert status_of(place) == "checked_out"
    notice = Notice.objects.get(kind="check_out_forgotten")
    assert (notice.recipient, tell(notice)) == (wang, True)
    with translation.override("zh-hans"):
        assert words(notice)[1].startswith("夜巡")


def test_a_list_ends_with_its_shift(ended, wang, li):
    shift = ended(-HOUR, capacity=1)
    for user in (wang, li):
        sign_ups.sign_up_or_wait(shift=shift, volunteer=user)
    later = shift.ends_at

    assert closing.due(now=later - HOUR, at_most=9) == []
    assert closing.due(now=later, at_most=9) == [(shift.community_id, shift.pk)]
    close(shift, now=later)

    assert WaitingPlace.objects.get().status == "ended"
    assert closing.due(now=later, at_most=9) == []


def test_the_many_shifts_of_one_community_let_others_have_their_turn(ended, hill, wang):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    many = [ended(GRACE + n * 3 * HOUR) for n in range(1, 6)]
    one = ended(GRACE, community=hill)
    for shift in (*many, one):
        sign_up(shift, wang)

    first, second = closing.due(now=NOW, at_most=2)

    oldest = many[-1]
    assert {first, second} == {(one.community_id, one.pk), (oldest.community_id, oldest.pk)}
    assert len(closing.due(now=NOW, at_most=9)) == 6


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_everybody_once(ended, lake, person, at_once):
    shift = ended(GRACE)
    users = [person(f"volunteer{number}") for number in range(12)]
    for user in users:
        people.enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
    places = [sign_up(shift, user) for user in users]
    for place in places[:6]:
        presence.check_in(attendance=place, now=shift.starts_at)

    at_once(6, lambda _: close(shift))

    assert [status_of(place) for place in places] == ["checked_out"] * 6 + ["no_show"] * 6
    for kind in ("no_show", "check_out_forgotten"):
        assert Notice.objects.filter(kind=kind).count() == 6


@pytest.mark.django_db(transaction=True)
def test_who_tells_late_as_the_sweep_comes_was_there(ended, wang, at_once):
    shift = ended(timedelta(0))
    place = sign_up(shift, wang)
    there = shift.ends_at - timedelta(minutes=1)

    def act(number):
        if number:
            return close(shift, now=shift.ends_at + GRACE)
        return presence.check_in(attendance=place, at=there, now=there + GRACE).status

    assert at_once(2, act)[0] == "checked_in"
    assert status_of(place) in ("checked_in", "checked_out")


@pytest.mark.plain
def test_the_sweep_reads_what_is_open_and_not_the_years(ended, lake, wang):
    """A partial index holds what is open, in whatever community."""
    sign_up(ended(GRACE), wang)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        open_ = Attendance.objects.filter(status="signed_up")
        plan = open_.values("community_id", "shift_id").explain()

    assert "attendance_open" in plan
