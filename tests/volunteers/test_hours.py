"""Checking in and out, and what becomes of the hours."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from backend.communities.models import Membership
from points.awards.services.rederiving import Recomputation
from points.ledger.selectors import wallet_of
from points.models import Award, Rule, Transfer
from points.rules.errors import RuleMissing
from volunteers.activities import services as activities
from volunteers.attendance import errors, tasks
from volunteers.attendance.selectors import standing
from volunteers.attendance.services import hours, presence, sign_ups
from volunteers.models import Attendance, RefusedClaim, Volunteer
from volunteers.people.services import people

SHIFT = ("2024-03-01 07:00", "2024-03-01 09:00")


@pytest.fixture
def place(signed_up, wang) -> Attendance:
    """Wang's place in a shift on 1 March 2024, from 7 to 9."""
    return signed_up(wang, *SHIFT)


@pytest.fixture
def attended(signed_up, clock):
    """Check a volunteer in and out: ``attended(wang, "2024-03-01 07:00", "2024-03-01 09:00")``."""

    def attend(user, checked_in, checked_out, category="邻里服务"):
        place = signed_up(user, checked_in, checked_out, category)
        presence.check_in(attendance=place, now=clock(checked_in))
        return presence.check_out(attendance=place, now=clock(checked_out))

    return attend


def run(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def points_of(user, lake):
    wallet = wallet_of(lake.pk, user.pk)
    return wallet.available if wallet else 0


# --- checking in --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "refusal"),
    [
        ("2024-02-29 07:00", errors.CheckInTooEarly),
        ("2024-03-01 06:29:59", errors.CheckInTooEarly),
        ("2024-03-01 09:00", errors.CheckInTooLate),
        ("2024-03-02 07:00", errors.CheckInTooLate),
    ],
)
def test_check_in_is_open_from_half_an_hour_before_the_shift_until_its_end(
    place, clock, told, refusal
):
    with pytest.raises(refusal):
        presence.check_in(attendance=place, now=clock(told))

    place.refresh_from_db()
    assert (place.status, place.checked_in_at) == ("signed_up", None)


@pytest.mark.parametrize("told", ["2024-03-01 06:30", "2024-03-01 07:00", "2024-03-01 08:59:59"])
def test_who_is_there_is_checked_in(place, clock, told):
    there = presence.check_in(attendance=place, nonce="tap", now=clock(told))

    assert (there.status, there.checked_in_at, there.was_offline) == (
        "checked_in",
        clock(told),
        False,
    )


def test_checking_in_again_changes_nothing(place, clock):
    first = presence.check_in(attendance=place, now=clock("2024-03-01 07:00"))

    again = presence.check_in(attendance=place, nonce="other", now=clock("2024-03-01 08:00"))

    assert (again.checked_in_at, again.check_in_nonce) == (first.checked_in_at, None)


def test_a_phone_tells_later_what_it_noted_offline(place, clock):
    there = presence.check_in(
        attendance=place,
        nonce="tap",
        at=clock("2024-03-01 07:10"),
        now=clock("2024-03-03 12:00"),
    )

    assert (there.status, there.checked_in_at) == ("checked_in", clock("2024-03-01 07:10"))
    assert there.was_offline


def test_the_same_nonce_twice_is_one_check_in(place, clock):
    told = {"nonce": "tap", "at": clock("2024-03-01 07:10")}
    first = presence.check_in(attendance=place, **told, now=clock("2024-03-01 08:00"))

    again = presence.check_in(attendance=place, **told, now=clock("2024-03-01 08:30"))
    assert (again.pk, again.checked_in_at) == (first.pk, first.checked_in_at)

    # Also when the retry comes after the check-out.
    presence.check_out(attendance=place, now=clock("2024-03-01 08:40"))
    again = presence.check_in(attendance=place, **told, now=clock("2024-03-01 08:50"))
    assert (again.status, again.checked_in_at) == ("checked_out", first.checked_in_at)


def test_a_nonce_of_ones_own_other_check_in_is_refused(place, signed_up, wang, clock):
    presence.check_in(attendance=place, nonce="tap", now=clock("2024-03-01 07:00"))
    presence.check_out(attendance=place, now=clock("2024-03-01 08:00"))
    another = signed_up(wang, "2024-03-01 09:00", "2024-03-01 10:00")

    with pytest.raises(errors.NonceReused):
        presence.check_in(attendance=another, nonce="tap", now=another.shift.starts_at)

    assert Attendance.objects.get(status="checked_out") == place
    assert Attendance.objects.get(status="signed_up") == another


@pytest.mark.parametrize("nonce", ["tap", "1", "你好"])
def test_a_nonce_is_one_volunteers_own(place, signed_up, li, clock, nonce):
    hers = signed_up(li, *SHIFT)
    now = clock("2024-03-01 07:00")

    first = presence.check_in(attendance=place, nonce=nonce, now=now)
    second = presence.check_in(attendance=hers, nonce=nonce, now=now)

    assert (first.pk, second.pk) == (place.pk, hers.pk)
    assert second.status == first.status == "checked_in"


@pytest.mark.parametrize(
    ("at", "now", "refusal"),
    [
        ("2024-03-01 07:10", "2024-03-04 07:10:01", errors.CheckInTooLate),
        ("2024-03-01 07:10", "2024-03-01 06:29:59", errors.CheckInTooEarly),
        ("2024-03-01 09:00", "2024-03-01 09:10", errors.CheckInTooLate),
        ("2024-03-01 12:00", "2024-03-01 09:10", errors.CheckInTooLate),
    ],
)
def test_a_check_in_outside_the_shift_is_refused_whenever_it_is_told(
    place, clock, at, now, refusal
):
    with pytest.raises(refusal):
        presence.check_in(attendance=place, nonce="tap", at=clock(at), now=clock(now))

    place.refresh_from_db()
    assert (place.status, place.check_in_nonce) == ("signed_up", None)


@pytest.mark.parametrize(
    ("at", "now", "taken", "mark"),
    [
        ("2024-03-01 07:10", "2024-03-01 07:10", "07:10", ""),
        ("2024-03-01 07:10", "2024-03-01 07:09:59", "07:09:59", ""),
        ("2024-03-01 07:15", "2024-03-01 07:10", "07:10", ""),
        ("2024-03-01 07:15:01", "2024-03-01 07:10", "07:10", "too_late"),
        ("2024-03-02 07:10", "2024-03-01 08:00", "08:00", "too_late"),
        ("2099-01-01 00:00", "2024-03-01 08:00", "08:00", "too_late"),
        ("2024-03-01 06:25", "2024-03-01 08:00", "06:30", ""),
        ("2024-03-01 06:00", "2024-03-01 08:00", "06:30", "too_early"),
        ("1970-01-01 08:00", "2024-03-01 08:00", "06:30", "too_early"),
    ],
)
def test_what_a_phones_clock_says_is_held_to_what_we_know_and_marked(
    place, clock, at, now, taken, mark
):
    there = presence.check_in(attendance=place, nonce="tap", at=clock(at), now=clock(now))

    assert there.checked_in_at == clock(f"2024-03-01 {taken}")
    assert (there.check_in_claimed_at, there.check_in_mark) == (clock(at), mark)
    assert there.was_offline


@pytest.mark.parametrize(
    ("at", "mark"),
    [("07:00", "too_early"), ("08:24:59", "too_early"), ("08:25", ""), ("08:40", "")],
)
def test_nobody_was_there_before_they_signed_up(lake, wang, clock, at, mark):
    activity = activities.plan_activity(community=lake, title="巡逻", category="邻里服务")
    shift = activities.plan_shift(
        activity=activity, starts_at=clock(SHIFT[0]), ends_at=clock(SHIFT[1])
    )
    place = sign_ups.sign_up(shift=shift, volunteer=wang, now=clock("2024-03-01 08:30"))

    presence.check_in(attendance=place, at=clock(f"2024-03-01 {at}"), now=clock("2024-03-01 08:50"))
    left = presence.check_out(attendance=place, now=clock("2024-03-01 09:00"))

    assert (left.worked_minutes, left.check_in_mark) == (20 if at == "08:40" else 30, mark)


def test_seventy_two_hours_are_not_too_late(place, clock):
    there = presence.check_in(
        attendance=place, at=clock("2024-03-01 07:10"), now=clock("2024-03-04 07:10")
    )

    assert there.status == "checked_in"


def test_who_cancelled_or_has_left_does_not_check_in(place, signed_up, wang, clock):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:00"))
    presence.check_out(attendance=place, now=clock("2024-03-01 08:00"))
    cancelled = signed_up(wang, "2024-03-01 08:00", "2024-03-01 10:00")
    sign_ups.cancel(attendance=cancelled, now=cancelled.shift.starts_at)

    for attendance, state in ((place, "checked_out"), (cancelled, "cancelled")):
        with pytest.raises(errors.AttendanceStatusWrong) as refused:
            presence.check_in(attendance=attendance, now=clock("2024-03-01 08:30"))
        assert refused.value.facts == {"current_status": state}


# --- what is not believed is kept for a human ---------------------------------------------
def kept(place):
    rows = RefusedClaim.objects.filter(attendance=place).order_by("pk")
    return list(rows.values_list("act", "claimed_at", "nonce", "refused_as"))


@pytest.mark.parametrize(
    ("at", "now"),
    [
        ("2024-03-01 07:10", "2024-03-04 07:10:01"),  # 72 hours and a second later
        ("2024-03-01 07:10", "2024-03-08 07:10"),
        ("1970-01-01 08:00", "2024-03-05 07:10"),
        ("2024-03-01 09:00", "2024-03-01 09:10"),  # when the shift was over
        ("2099-01-01 08:00", "2024-03-01 09:00"),
    ],
)
def test_a_check_in_told_that_is_not_believed_is_kept_and_gives_no_minute(
    place, wang, lake, clock, at, now
):
    told = {"nonce": "tap", "at": clock(at)}
    for later in ("", "23:59"):  # told again, also when it is another day
        moment = clock(f"{now[:11]}{later}" if later else now)
        with pytest.raises(errors.CheckInTooLate):
            presence.check_in(attendance=place, **told, now=moment)

    assert kept(place) == [("check_in", clock(at), "tap", "check_in_too_late")]
    place.refresh_from_db()
    assert (place.status, place.worked_minutes, points_of(wang, lake)) == ("signed_up", None, 0)


def test_a_nonce_that_was_refused_stays_refused_and_another_does_not(place, clock):
    at, now = clock("2024-03-02 08:00"), clock("2024-03-01 09:00")
    with pytest.raises(errors.CheckInTooLate):
        presence.check_in(attendance=place, nonce="tap", at=at, now=now)
    with pytest.raises(errors.CheckInTooLate):
        presence.check_in(attendance=place, nonce="tap", at=clock("2024-03-01 07:00"), now=now)

    told = {"nonce": "tap 2", "at": clock("2024-03-01 07:00"), "now": now}
    assert presence.check_in(attendance=place, **told).status == "checked_in"
    assert len(kept(place)) == 1  # and stays, whatever came after it


@pytest.mark.parametrize(
    ("at", "now", "refusal"),
    [
        ("2024-03-01 07:04:59", "2024-03-01 08:00", errors.CheckedOutBeforeIn),
        ("1970-01-01 08:00", "2024-03-01 08:00", errors.CheckedOutBeforeIn),
        ("2024-03-01 08:00", "2024-03-04 08:00:01", errors.CheckInTooLate),
    ],
)
@pytest.mark.parametrize("then", ["checked out", "forgotten"])
def test_a_check_out_told_that_is_not_believed_is_kept(place, clock, at, now, refusal, then):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:10"))
    for _ in ("told", "told again"):
        with pytest.raises(refusal):
            presence.check_out(attendance=place, at=clock(at), now=clock(now))

    if then == "forgotten":
        presence.close_forgotten(attendance=place)
    else:
        presence.check_out(attendance=place, now=clock("2024-03-01 08:30"))

    assert kept(place) == [("check_out", clock(at), "", refusal.code)]


def test_a_check_out_without_the_check_in_that_was_refused_is_kept_too(place, clock):
    now = clock("2024-03-05 12:00")
    with pytest.raises(errors.CheckInTooLate):
        presence.check_in(attendance=place, nonce="tap", at=clock("2024-03-01 07:10"), now=now)
    with pytest.raises(errors.AttendanceStatusWrong):
        presence.check_out(attendance=place, at=clock("2024-03-01 08:40"), now=now)

    assert [(act, code) for act, _, _, code in kept(place)] == [
        ("check_in", "check_in_too_late"),
        ("check_out", "attendance_status_wrong"),
    ]


def test_what_is_refused_without_a_phones_time_is_not_kept(place, clock):
    with pytest.raises(errors.CheckInTooLate):
        presence.check_in(attendance=place, nonce="tap", now=clock("2024-03-01 09:00"))
    with pytest.raises(errors.CheckInTooEarly):
        presence.check_in(
            attendance=place, at=clock("2024-03-01 07:00"), now=clock(SHIFT[0][:11] + "05:00")
        )

    assert kept(place) == []


@pytest.mark.parametrize("minutes", [7, 30, 59])
def test_who_left_and_came_back_was_not_there_before_that(patrol, wang, lake, minutes):
    before = timezone.now() - timedelta(minutes=90)
    place = sign_ups.sign_up(shift=patrol, volunteer=wang, now=before)
    people.leave(volunteer=Volunteer.objects.get(user=wang))
    people.enrol(user=wang, community=lake, kind=Volunteer.Kind.RIDER)

    told = timezone.now() - timedelta(minutes=minutes)
    there = presence.check_in(attendance=place, nonce="tap", at=told)

    assert there.checked_in_at == Membership.objects.get(user=wang, ended_at=None).since_at
    assert (there.check_in_claimed_at, there.check_in_mark) == (told, "too_early")


# --- nobody is in two places at once ------------------------------------------------------


def test_who_is_checked_in_is_not_checked_in_elsewhere(place, signed_up, wang, clock):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:00"))
    elsewhere = signed_up(wang, "2024-03-01 08:00", "2024-03-01 10:00")

    with pytest.raises(errors.AlreadyElsewhere):
        presence.check_in(attendance=elsewhere, now=clock("2024-03-01 08:00"))

    elsewhere.refresh_from_db()
    assert elsewhere.status == "signed_up"


def test_who_was_there_at_the_time_told_later_is_not_elsewhere(attended, signed_up, wang, clock):
    attended(wang, *SHIFT)
    elsewhere = signed_up(wang, "2024-03-01 08:00", "2024-03-01 10:00")

    with pytest.raises(errors.AlreadyElsewhere):
        presence.check_in(
            attendance=elsewhere, at=clock("2024-03-01 08:59"), now=clock("2024-03-01 12:00")
        )


def test_one_shift_may_begin_where_another_ends(attended, wang):
    attended(wang, *SHIFT)

    assert attended(wang, "2024-03-01 09:00", "2024-03-01 10:00").worked_minutes == 60


def test_two_people_may_be_there_at_the_same_time(attended, wang, li):
    assert attended(wang, *SHIFT).worked_minutes == attended(li, *SHIFT).worked_minutes == 120


@pytest.mark.parametrize(
    "hours_elsewhere", [("08:59", "10:00"), ("06:00", "07:01"), ("07:30", None)]
)
def test_the_database_lets_nobody_be_in_two_places(attended, signed_up, wang, hours_elsewhere):
    attended(wang, *SHIFT)
    elsewhere = signed_up(wang, "2024-03-01 05:00", "2024-03-01 11:00")
    since, until = (time and f"2024-03-01 {time}+08" for time in hours_elsewhere)

    with pytest.raises(IntegrityError, match="nobody_in_two_places"):
        run(
            "UPDATE volunteers_attendance SET status = 'checked_in', checked_in_at = %s,"
            " checked_out_at = %s WHERE id = %s",
            since,
            until,
            elsewhere.pk,
        )


@pytest.mark.django_db(transaction=True)
def test_ten_check_ins_at_once_of_one_volunteer_leave_them_in_one_place(
    signed_up, wang, clock, at_once
):
    places = [signed_up(wang, *SHIFT) for _ in range(10)]
    now = clock("2024-03-01 07:00")

    outcomes = at_once(10, lambda n: presence.check_in(attendance=places[n], now=now).status)

    assert Counter(outcomes) == {"checked_in": 1, "already_elsewhere": 9}
    assert Attendance.objects.get(status="checked_in") == places[outcomes.index("checked_in")]


@pytest.mark.django_db(transaction=True)
def test_one_nonce_told_for_ten_places_at_once_counts_for_one_of_each_volunteer(
    signed_up, wang, li, clock, at_once
):
    # Two by two, the shifts of one volunteer follow each other: only the nonce is in the way.
    places = [
        signed_up(volunteer, f"2024-03-0{day} 07:00", f"2024-03-0{day} 09:00")
        for volunteer in (wang, li)
        for day in range(1, 6)
    ]

    outcomes = at_once(
        10,
        lambda n: (
            presence.check_in(
                attendance=places[n], nonce="tap", now=places[n].shift.starts_at
            ).status
        ),
    )

    # A volunteer still checked in is everywhere else from then on, hence the second refusal.
    assert outcomes[:5].count("checked_in") == outcomes[5:].count("checked_in") == 1
    assert set(outcomes) <= {"checked_in", "nonce_reused", "already_elsewhere"}
    assert Attendance.objects.filter(check_in_nonce="tap").count() == 2


# --- leaving ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checked_in", "checked_out", "minutes"),
    [
        ("07:00", "09:00", 120),
        ("07:00:59", "08:00:01", 60),
        ("07:00:01", "08:00:59", 60),
        ("07:00:01", "07:00:59", 0),
        ("07:00:59", "07:01:00", 1),
        ("06:30", "07:30", 30),
        ("06:30", "09:00", 120),
        ("06:59:59", "07:01", 1),
        ("06:30", "06:50", 0),
    ],
)
def test_minutes_are_whole_and_seconds_are_dropped(place, clock, checked_in, checked_out, minutes):
    presence.check_in(attendance=place, now=clock(f"2024-03-01 {checked_in}"))

    left = presence.check_out(attendance=place, now=clock(f"2024-03-01 {checked_out}"))

    assert (left.status, left.worked_minutes) == ("checked_out", minutes)
    assert left.checked_out_at == clock(f"2024-03-01 {checked_out}")


def test_staying_on_after_the_shift_counts_to_its_end(place, clock):
    presence.check_in(attendance=place, now=clock("2024-03-01 08:00"))

    left = presence.check_out(attendance=place, now=clock("2024-03-01 23:00"))

    assert (left.checked_out_at, left.worked_minutes) == (clock("2024-03-01 09:00"), 60)
    assert not left.check_out_was_forgotten


def test_leaving_again_changes_nothing(place, clock):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:00"))
    presence.check_out(attendance=place, now=clock("2024-03-01 08:00"))

    again = presence.check_out(attendance=place, now=clock("2024-03-01 08:30"))

    assert again.worked_minutes == 60


def test_a_check_out_noted_offline_counts_from_its_own_time(place, clock):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:00"))

    left = presence.check_out(
        attendance=place, at=clock("2024-03-01 08:00"), now=clock("2024-03-01 12:00")
    )

    assert (left.checked_out_at, left.worked_minutes) == (clock("2024-03-01 08:00"), 60)
    assert left.was_offline


@pytest.mark.parametrize(
    ("at", "now", "refusal"),
    [
        ("2024-03-01 07:04:59", "2024-03-01 08:00", errors.CheckedOutBeforeIn),
        ("1970-01-01 08:00", "2024-03-01 08:00", errors.CheckedOutBeforeIn),
        ("2024-03-01 08:00", "2024-03-04 08:00:01", errors.CheckInTooLate),
    ],
)
def test_a_check_out_that_can_not_be_believed_is_refused(place, clock, at, now, refusal):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:10"))

    with pytest.raises(refusal):
        presence.check_out(attendance=place, at=clock(at), now=clock(now))

    place.refresh_from_db()
    assert (place.status, place.worked_minutes) == ("checked_in", None)


@pytest.mark.parametrize(
    ("at", "minutes", "mark"),
    [("07:06", 0, ""), ("08:05", 50, ""), ("08:05:01", 50, "too_late"), ("23:59", 50, "too_late")],
)
def test_a_check_out_told_for_later_than_now_counts_to_now(place, clock, at, minutes, mark):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:10"))

    at = clock(f"2024-03-01 {at}")
    left = presence.check_out(attendance=place, at=at, now=clock("2024-03-01 08:00"))

    assert (left.worked_minutes, left.check_out_claimed_at) == (minutes, at)
    assert left.check_out_mark == mark


@pytest.mark.parametrize("how", ["checked out", "forgotten"])
def test_coming_early_is_not_paid_however_the_hours_end(place, zhao, wang, lake, clock, how):
    presence.check_in(attendance=place, now=clock("2024-03-01 06:30"))
    if how == "checked out":
        left = presence.check_out(attendance=place, now=clock("2024-03-01 09:30"))
    else:
        left = presence.close_forgotten(attendance=place)

    _, award = hours.verify(attendance=place, verifier=zhao)

    assert (left.checked_in_at, left.worked_minutes) == (clock("2024-03-01 06:30"), 120)
    assert (award.amount, award.explanation["arithmetic"]["minutes"]) == (20, 120)
    assert list(Recomputation(lake)) == []
    assert standing(community_id=lake.pk, user_id=wang.pk).minutes == 120


def test_who_never_came_does_not_leave(place, clock):
    with pytest.raises(errors.AttendanceStatusWrong):
        presence.check_out(attendance=place, now=clock("2024-03-01 08:00"))


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_forgotten_check_out_is_closed_at_the_shifts_end_and_marked(
    place, patrol, li, attended, clock
):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:30"))
    left_in_time = attended(li, *SHIFT)
    still_there = presence.check_in(attendance=sign_ups.sign_up(shift=patrol, volunteer=li))

    for _ in ("once", "again"):
        tasks.sweep_ended_shifts()
        tasks.close_shift(str(left_in_time.community_id), str(left_in_time.shift_id))

        place.refresh_from_db()
        assert (place.status, place.worked_minutes) == ("checked_out", 90)
        assert (place.checked_out_at, place.check_out_was_forgotten) == (
            clock("2024-03-01 09:00"),
            True,
        )
        for attendance, status in ((still_there, "checked_in"), (left_in_time, "checked_out")):
            attendance.refresh_from_db()
            assert (attendance.status, attendance.check_out_was_forgotten) == (status, False)


def test_a_phone_may_still_tell_of_a_check_out_that_was_taken_for_forgotten(place, clock):
    presence.check_in(attendance=place, now=clock("2024-03-01 07:30"))
    presence.close_forgotten(attendance=place)

    told = {"at": clock("2024-03-01 08:30"), "now": clock("2024-03-01 12:00")}
    for _ in ("told", "told again"):
        left = presence.check_out(attendance=place, **told)
        assert (left.checked_out_at, left.worked_minutes) == (clock("2024-03-01 08:30"), 60)
        assert (left.check_out_was_forgotten, left.was_offline) == (False, True)


def test_the_database_lets_nobody_leave_before_they_came(attended, wang):
    attended(wang, *SHIFT)

    with pytest.raises(IntegrityError, match="check_out_not_before_check_in"):
        run("UPDATE volunteers_attendance SET checked_out_at = timestamptz '2000-01-01'")


# --- verification -------------------------------------------------------------------------


def test_verified_hours_earn_what_the_rule_says(attended, wang, zhao, lake):
    verified, award = hours.verify(attendance=attended(wang, *SHIFT), verifier=zhao)

    assert (verified.status, verified.verified_by) == ("verified", zhao)
    assert verified.verified_at is not None
    assert (award.amount, award.source) == (20, f"hours:{verified.pk}")
    assert points_of(wang, lake) == 20


def test_verifying_twice_is_one_award(attended, wang, zhao, li, lake):
    attendance = attended(wang, *SHIFT)
    first, award = hours.verify(attendance=attendance, verifier=zhao)

    again, same = hours.verify(attendance=attendance, verifier=li)

    assert same == award
    assert (again.verified_by, again.verified_at) == (zhao, first.verified_at)
    assert points_of(wang, lake) == 20


def test_nobody_verifies_or_rejects_hours_of_their_own(attended, wang, lake):
    attendance = attended(wang, *SHIFT)

    with pytest.raises(errors.OwnHours):
        hours.verify(attendance=attendance, verifier=wang)
    with pytest.raises(errors.OwnHours):
        hours.reject(attendance=attendance, verifier=wang, reason="")

    attendance.refresh_from_db()
    assert (attendance.status, points_of(wang, lake)) == ("checked_out", 0)


def test_the_database_lets_nobody_verify_hours_of_their_own(attended, wang):
    attended(wang, *SHIFT)

    with pytest.raises(IntegrityError, match="hours_verified_by_another"):
        run("UPDATE volunteers_attendance SET verified_by_id = volunteer_id")


@pytest.mark.parametrize(
    "column", ["checked_out_at", "worked_minutes", "verified_by_id", "verified_at"]
)
def test_the_database_takes_no_incomplete_hours_for_verified(attended, wang, zhao, column):
    attended(wang, *SHIFT)
    complete = {
        "status": "'verified'",
        "verified_at": "now()",
        "verified_by_id": f"'{zhao.pk}'",
    }
    change = ", ".join(f"{name} = {value}" for name, value in (complete | {column: "NULL"}).items())

    with pytest.raises(IntegrityError, match="verified_hours_are_complete"):
        run(f"UPDATE volunteers_attendance SET {change}")


@pytest.mark.parametrize("state", ["signed_up", "cancelled", "checked_in", "rejected"])
def test_only_hours_that_have_ended_are_verified(place, zhao, clock, lake, wang, state):
    if state == "cancelled":
        sign_ups.cancel(attendance=place, now=place.shift.starts_at)
    if state in ("checked_in", "rejected"):
        presence.check_in(attendance=place, now=clock("2024-03-01 07:00"))
    if state == "rejected":
        presence.check_out(attendance=place, now=clock("2024-03-01 08:00"))
        hours.reject(attendance=place, verifier=zhao, reason="不在场")

    with pytest.raises(errors.AttendanceStatusWrong) as refused:
        hours.verify(attendance=place, verifier=zhao)

    assert refused.value.facts == {"current_status": state}
    assert not Award.objects.exists()


def test_hours_that_no_rule_covers_wait_until_there_is_one(attended, wang, zhao):
    # The lake's rules begin in 2020.
    attendance = attended(wang, "2019-12-31 07:00", "2019-12-31 09:00")

    with pytest.raises(RuleMissing):
        hours.verify(attendance=attendance, verifier=zhao)

    attendance.refresh_from_db()
    assert (attendance.status, attendance.verified_by) == ("checked_out", None)


def test_no_time_at_all_is_verified_and_earns_nothing(attended, wang, zhao, lake):
    verified, award = hours.verify(
        attendance=attended(wang, "2024-03-01 07:00", "2024-03-01 07:05"), verifier=zhao
    )

    assert (verified.status, award.amount, award.transfer) == ("verified", 0, None)
    assert points_of(wang, lake) == 0


@pytest.mark.django_db(transaction=True)
def test_ten_verifiers_at_once_make_one_award(attended, wang, zhao, lake, at_once):
    attendance = attended(wang, *SHIFT)

    awards = at_once(10, lambda _: hours.verify(attendance=attendance, verifier=zhao)[1].pk)

    assert set(awards) == {Award.objects.get().pk}
    assert Transfer.objects.get().amount == points_of(wang, lake) == 20


@pytest.mark.django_db(transaction=True)
def test_a_days_cap_holds_though_ten_records_are_verified_at_once(
    attended, wang, zhao, lake, at_once
):
    records = [
        attended(wang, f"2024-03-01 {n:02}:00", f"2024-03-01 {n + 1:02}:00") for n in range(10)
    ]

    points = at_once(10, lambda n: hours.verify(attendance=records[n], verifier=zhao)[1].amount)

    assert Counter(points) == {10: 8, 0: 2}
    assert points_of(wang, lake) == 80


def test_each_rule_has_a_cap_of_its_own_and_each_day(attended, wang, zhao, lake):
    for category, checked_in, checked_out, points in [
        ("邻里服务", "2024-03-01 00:00", "2024-03-01 07:00", 70),
        ("敬老", "2024-03-01 07:00", "2024-03-01 09:00", 10),  # "*" as well, and so its cap
        ("交通劝导", "2024-03-01 09:00", "2024-03-01 11:00", 20),
        ("邻里服务", "2024-03-01 23:00", "2024-03-02 02:00", 0),  # the day of the check-in
        ("邻里服务", "2024-03-02 02:00", "2024-03-02 03:00", 10),
    ]:
        attendance = attended(wang, checked_in, checked_out, category)
        assert hours.verify(attendance=attendance, verifier=zhao)[1].amount == points

    assert points_of(wang, lake) == 110
    assert Award.objects.filter(rule_version__rule__category="交通劝导").count() == 1
    assert Rule.objects.filter(subject="hours").count() == 2


# --- rejection ----------------------------------------------------------------------------


def test_rejected_hours_earn_nothing_and_free_the_time(
    attended, signed_up, wang, zhao, lake, clock
):
    attendance = attended(wang, *SHIFT)

    rejected = hours.reject(attendance=attendance, verifier=zhao, reason="不在场")

    assert (rejected.status, rejected.reason) == ("rejected", "不在场")
    assert (rejected.verified_by, points_of(wang, lake)) == (zhao, 0)
    elsewhere = signed_up(wang, "2024-03-01 08:00", "2024-03-01 10:00")
    there = presence.check_in(attendance=elsewhere, now=clock("2024-03-01 08:00"))
    assert there.status == "checked_in"


def test_rejecting_again_changes_nothing(attended, wang, zhao, li):
    attendance = attended(wang, *SHIFT)
    hours.reject(attendance=attendance, verifier=zhao, reason="不在场")

    again = hours.reject(attendance=attendance, verifier=li, reason="别的原因")

    assert (again.verified_by, again.reason) == (zhao, "不在场")


def test_verified_hours_are_not_rejected(attended, wang, zhao, lake):
    attendance = attended(wang, *SHIFT)
    hours.verify(attendance=attendance, verifier=zhao)

    with pytest.raises(errors.AttendanceStatusWrong):
        hours.reject(attendance=attendance, verifier=zhao, reason="不在场")

    assert points_of(wang, lake) == 20


@pytest.mark.django_db(transaction=True)
def test_verifying_and_rejecting_at_once_agree(attended, wang, zhao, lake, at_once):
    attendance = attended(wang, *SHIFT)

    def decide(number):
        if number % 2:
            return hours.verify(attendance=attendance, verifier=zhao)[0].status
        return hours.reject(attendance=attendance, verifier=zhao, reason="不在场").status

    outcomes = at_once(10, decide)

    attendance.refresh_from_db()
    assert set(outcomes) == {attendance.status, "attendance_status_wrong"}
    assert points_of(wang, lake) == (20 if attendance.status == "verified" else 0)
