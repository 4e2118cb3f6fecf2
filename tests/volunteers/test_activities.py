"""Shifts, places in them, and the reminders that a place brings along."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from backend.communities.errors import NotAVolunteerHere
from backend.notices.models import Notice
from points.models import Rule
from points.rules import services as rules
from tests.cast import tell
from volunteers.activities import services as activities
from volunteers.activities.errors import ShiftOver, ShiftTimesInvalid
from volunteers.attendance import selectors
from volunteers.attendance.errors import AttendanceStatusWrong, ShiftFull
from volunteers.attendance.services import hours, planning, presence, sign_ups
from volunteers.models import Attendance, Shift, Volunteer
from volunteers.people.services import people

NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def cleaning(lake):
    """A clean-up tomorrow, from now's time of day for two hours, for two volunteers."""
    activity = activities.plan_activity(
        community=lake, title="清洁楼道", category="邻里服务", place="3栋"
    )
    return activities.plan_shift(
        activity=activity,
        starts_at=NOW + timedelta(days=1),
        ends_at=NOW + timedelta(days=1, hours=2),
        capacity=2,
    )


def places_taken(shift):
    return selectors.with_places(Shift.objects.all()).get(pk=shift.pk).places_taken


# --- planning -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "category"),
    [
        ("助老【急】", "助老(急)"),
        (" 助 老（急）", "助老(急)"),
        ("ＡＢ类", "ab类"),
        ("助老(急)", "助老(急)"),
        ("助老急", "助老急"),
    ],
)
def test_an_activity_has_the_category_as_its_rule_spells_it(lake, typed, category):
    for ruled in ("助老(急)", "ab类"):
        rules.publish(
            community=lake,
            subject=Rule.Subject.HOURS,
            category=ruled,
            parameters={"points_per_hour": 7},
            valid_from=date(2024, 1, 1),
        )

    planned = activities.plan_activity(community=lake, title="送餐", category=typed)

    assert planned.category == category


@pytest.mark.parametrize("minutes", [-60, 0, 24 * 60 + 1])
def test_a_shift_ends_after_it_begins_and_within_a_day(cleaning, minutes):
    with pytest.raises(ShiftTimesInvalid):
        activities.plan_shift(
            activity=cleaning.activity, starts_at=NOW, ends_at=NOW + timedelta(minutes=minutes)
        )

    assert Shift.objects.get() == cleaning


def test_a_shift_may_last_a_whole_day(cleaning):
    shift = activities.plan_shift(
        activity=cleaning.activity, starts_at=NOW, ends_at=NOW + timedelta(days=1)
    )

    assert (shift.community, shift.capacity) == (cleaning.community, None)


def test_the_database_refuses_a_shift_that_ends_before_it_begins(cleaning):
    with (
        pytest.raises(IntegrityError, match="shift_ends_after_it_begins"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE volunteers_shift SET ends_at = starts_at")


# --- taking and giving back a place -------------------------------------------------------


def test_signing_up_takes_one_place_however_often_it_is_sent(cleaning, wang):
    first = sign_ups.sign_up(shift=cleaning, volunteer=wang)
    again = sign_ups.sign_up(shift=cleaning, volunteer=wang)

    assert (first.status, first.volunteer, first.community) == (
        "signed_up",
        wang,
        cleaning.community,
    )
    assert again == first
    assert places_taken(cleaning) == 1


@pytest.mark.parametrize("over_since", [timedelta(0), timedelta(days=30)])
def test_a_shift_that_is_over_takes_nobody(cleaning, wang, over_since):
    with pytest.raises(ShiftOver):
        sign_ups.sign_up(shift=cleaning, volunteer=wang, now=cleaning.ends_at + over_since)

    assert not Attendance.objects.exists()


def test_a_shift_that_has_begun_still_takes_volunteers(cleaning, wang):
    a_minute_left = cleaning.ends_at - timedelta(minutes=1)

    place = sign_ups.sign_up(shift=cleaning, volunteer=wang, now=a_minute_left)

    assert (place.status, place.signed_up_at) == ("signed_up", a_minute_left)


def test_a_full_shift_takes_nobody_else(cleaning, wang, li, lake, person):
    for volunteer in (wang, li):
        sign_ups.sign_up(shift=cleaning, volunteer=volunteer)
    third = person("zhang")
    people.enrol(user=third, community=lake, kind=Volunteer.Kind.COURIER)

    with pytest.raises(ShiftFull):
        sign_ups.sign_up(shift=cleaning, volunteer=third)

    assert places_taken(cleaning) == 2
    assert sign_ups.sign_up(shift=cleaning, volunteer=li).status == "signed_up"


def test_a_shift_without_a_capacity_is_never_full(cleaning, wang, li):
    Shift.objects.update(capacity=None)

    for volunteer in (wang, li):
        sign_ups.sign_up(shift=cleaning, volunteer=volunteer)

    assert places_taken(cleaning) == 2


def test_only_volunteers_of_the_community_sign_up(cleaning, zhao, hill, person):
    neighbour = person("zhang")
    people.enrol(user=neighbour, community=hill, kind=Volunteer.Kind.RESIDENT)

    for somebody in (zhao, neighbour, person("stranger")):
        with pytest.raises(NotAVolunteerHere):
            sign_ups.sign_up(shift=cleaning, volunteer=somebody)

    assert not Attendance.objects.exists()


def test_a_place_given_back_is_free_for_others_and_can_be_taken_again(cleaning, wang, li):
    Shift.objects.update(capacity=1)
    place = sign_ups.sign_up(shift=cleaning, volunteer=wang)

    for _ in ("once", "again"):
        assert sign_ups.cancel(attendance=place).status == "cancelled"
        assert places_taken(cleaning) == 0

    assert sign_ups.sign_up(shift=cleaning, volunteer=wang).pk == place.pk
    sign_ups.cancel(attendance=place)
    sign_ups.sign_up(shift=cleaning, volunteer=li)
    with pytest.raises(ShiftFull):
        sign_ups.sign_up(shift=cleaning, volunteer=wang)
    assert Attendance.objects.get(volunteer=wang).status == "cancelled"


@pytest.mark.parametrize("status", ["checked_in", "checked_out", "verified", "rejected"])
def test_who_has_been_there_does_not_cancel(signed_up, wang, zhao, clock, status):
    place = signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    presence.check_in(attendance=place, now=clock("2024-03-01 07:00"))
    if status != "checked_in":
        presence.check_out(attendance=place, now=clock("2024-03-01 09:00"))
    if status == "verified":
        hours.verify(attendance=place, verifier=zhao)
    if status == "rejected":
        hours.reject(attendance=place, verifier=zhao, reason="不在场")

    with pytest.raises(AttendanceStatusWrong) as refused:
        sign_ups.cancel(attendance=place)

    assert refused.value.facts == {"current_status": status}
    place.refresh_from_db()
    assert place.status == status
    assert sign_ups.sign_up(shift=place.shift, volunteer=wang).status == status


@pytest.mark.django_db(transaction=True)
def test_twenty_volunteers_after_the_last_place(cleaning, lake, person, at_once):
    Shift.objects.update(capacity=1)
    crowd = [person(f"volunteer{n}") for n in range(20)]
    for volunteer in crowd:
        people.enrol(user=volunteer, community=lake, kind=Volunteer.Kind.RESIDENT)

    outcomes = at_once(20, lambda n: sign_ups.sign_up(shift=cleaning, volunteer=crowd[n]).status)

    assert Counter(outcomes) == {"signed_up": 1, "shift_full": 19}
    assert Attendance.objects.get().volunteer == crowd[outcomes.index("signed_up")]
    assert Notice.objects.filter(kind="shift_reminder").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_volunteer_tapping_ten_times_at_once_takes_one_place(cleaning, wang, at_once):
    places = at_once(10, lambda _: sign_ups.sign_up(shift=cleaning, volunteer=wang).pk)

    assert set(places) == {Attendance.objects.get().pk}
    assert places_taken(cleaning) == 1


# --- the reminders ------------------------------------------------------------------------
def reminders():
    return Notice.objects.filter(kind__in=("shift_tomorrow", "shift_reminder")).order_by("due_at")


@pytest.fixture
def in_five_days(lake, cleaning):
    """The clean-up once more, at eight in the morning of the fifth day from today."""
    day = lake.today + timedelta(days=5)
    starts_at = datetime.combine(day, time(8), tzinfo=lake.clock)
    return activities.plan_shift(
        activity=cleaning.activity, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2)
    )


def test_signing_up_owes_a_reminder_in_the_evening_before_and_one_an_hour_before(
    lake, in_five_days, wang
):
    for _ in range(2):
        sign_ups.sign_up(shift=in_five_days, volunteer=wang)

    starts_at = in_five_days.starts_at
    fourth, fifth = (lake.today + timedelta(days=days) for days in (4, 5))
    assert [(one.kind, one.due_at, one.stale_at) for one in reminders()] == [
        (
            "shift_tomorrow",
            datetime.combine(fourth, time(18), tzinfo=lake.clock),
            datetime.combine(fifth, time(0), tzinfo=lake.clock),  # then it is today
        ),
        ("shift_reminder", starts_at - timedelta(hours=1), starts_at),
    ]
    for reminder in reminders():
        assert (reminder.recipient, reminder.target_id) == (wang, in_five_days.pk)
        assert reminder.facts == {
            "activity": "清洁楼道",
            "place": "3栋",
            "starts_at": starts_at.astimezone(UTC).isoformat(),
            "timezone": "Asia/Shanghai",
        }


@pytest.mark.parametrize(
    ("now", "is_owed"), [("2030-03-04 17:59", True), ("2030-03-04 18:00", False)]
)
def test_who_signs_up_after_the_evening_before_is_reminded_an_hour_before_alone(
    lake, cleaning, wang, monkeypatch, now, is_owed
):
    now, starts_at = (
        datetime.fromisoformat(moment).replace(tzinfo=lake.clock)
        for moment in (now, "2030-03-05 00:30")
    )
    shift = activities.plan_shift(
        activity=cleaning.activity, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2)
    )
    monkeypatch.setattr(timezone, "now", lambda: now)

    sign_ups.sign_up(shift=shift, volunteer=wang)

    assert reminders().filter(kind="shift_tomorrow").exists() is is_owed
    assert reminders().filter(kind="shift_reminder").exists()


def test_cancelling_withdraws_the_reminders_and_signing_up_again_owes_them_again(
    in_five_days, wang
):
    place = sign_ups.sign_up(shift=in_five_days, volunteer=wang)

    sign_ups.cancel(attendance=place)
    assert [one.withdrawn_at is not None for one in reminders()] == [True, True]
    assert not any(tell(one) for one in reminders())

    sign_ups.sign_up(shift=in_five_days, volunteer=wang)
    assert [one.withdrawn_at for one in reminders()] == [None, None]
    assert all(tell(one) for one in reminders())


def test_a_shift_that_moves_after_its_reminders_is_reminded_of_anew(in_five_days, wang, zhao):
    sign_ups.sign_up(shift=in_five_days, volunteer=wang)
    assert all(tell(one) for one in reminders())

    day_later = {
        name: getattr(in_five_days, name) + timedelta(days=1) for name in ("starts_at", "ends_at")
    }
    planning.change_shift(shift=in_five_days, changed_by=zhao, changes=day_later)

    owed = reminders().filter(delivered_at=None, withdrawn_at=None)
    assert [one.facts["starts_at"] for one in owed] == [day_later["starts_at"].isoformat()] * 2


def test_reminders_follow_a_shift_that_moves_and_one_whose_evening_is_over_is_withdrawn(
    in_five_days, wang, zhao
):
    sign_ups.sign_up(shift=in_five_days, volunteer=wang)
    soon = timezone.now() + timedelta(hours=2)

    for starts_at in (in_five_days.starts_at + timedelta(hours=3), soon):
        ends_at = starts_at + timedelta(hours=2)
        times = {"starts_at": starts_at, "ends_at": ends_at}
        planning.change_shift(shift=in_five_days, changed_by=zhao, changes=times)

    (reminder,) = reminders().filter(withdrawn_at=None)
    assert (reminder.kind, reminder.due_at) == ("shift_reminder", soon - timedelta(hours=1))


def test_who_was_reminded_is_not_reminded_again(cleaning, wang):
    place = sign_ups.sign_up(shift=cleaning, volunteer=wang)
    reminder = Notice.objects.get(kind="shift_reminder")
    tell(reminder)

    sign_ups.cancel(attendance=place)
    sign_ups.sign_up(shift=cleaning, volunteer=wang)

    reminder = Notice.objects.get(kind="shift_reminder")
    assert (reminder.delivered_at is not None, reminder.withdrawn_at) == (True, None)
    assert not tell(reminder)


def test_nobody_is_reminded_of_a_shift_that_has_begun(patrol, wang):
    sign_ups.sign_up(shift=patrol, volunteer=wang)

    assert not Notice.objects.exists()
