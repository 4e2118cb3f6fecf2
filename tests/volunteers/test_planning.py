"""Changing and cancelling activities and shifts, and what becomes of the places in them."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from backend.audit.models import AuditEntry
from backend.notices.models import Notice
from backend.notices.words import words
from points.models import Rule
from points.rules import services as rules
from tests.cast import tell
from volunteers.activities import services as activities
from volunteers.activities.errors import (
    ActivityCancelled,
    ActivityOver,
    ShiftCancelled,
    ShiftOver,
    ShiftTimesInvalid,
)
from volunteers.attendance.errors import (
    ActivityAttended,
    AlreadyElsewhere,
    CapacityTooSmall,
    ShiftAttended,
    ShiftVerified,
)
from volunteers.attendance.services import hours, planning, presence, sign_ups
from volunteers.models import Activity, Attendance, Shift, Volunteer
from volunteers.people.services import people

NOW = timezone.now().replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def planned(lake):
    """Plans a shift of an activity of its own: ``planned(timedelta(days=1))`` from now on."""

    def plan(begins_in, lasts=2 * HOUR, **more):
        activity = activities.plan_activity(
            community=lake, title="夜巡", category="邻里服务", place="东门"
        )
        start = NOW + begins_in
        return activities.plan_shift(
            activity=activity, starts_at=start, ends_at=start + lasts, **more
        )

    return plan


@pytest.fixture
def tomorrow(planned):
    return planned(timedelta(days=1), capacity=3)


def change(shift, by, **changes):
    return planning.change_shift(shift=shift, changed_by=by, changes=changes)


def cancel(shift, by, reason="下雨"):
    return planning.cancel_shift(shift=shift, cancelled_by=by, reason=reason)


def told(kind):
    return [notice.recipient for notice in Notice.objects.filter(kind=kind).order_by("id")]


# --- cancelling a shift -----------------------------------------------------------------------
def test_cancelling_a_shift_ends_its_places_and_tells_whoever_signed_up(tomorrow, wang, li, zhao):
    places = [sign_ups.sign_up(shift=tomorrow, volunteer=user) for user in (wang, li)]
    sign_ups.cancel(attendance=places[1])

    first = cancel(tomorrow, zhao)
    again = cancel(tomorrow, zhao, reason="别的原因")

    assert (first.status, first.reason) == ("cancelled", "下雨")
    assert (again.reason, again.cancelled_at) == ("下雨", first.cancelled_at)
    assert {place.status for place in Attendance.objects.all()} == {"cancelled"}
    assert told("shift_cancelled") == [wang]
    notice = Notice.objects.get(kind="shift_cancelled")
    assert tell(notice)
    with translation.override("zh-hans"):
        assert words(notice)[1].endswith("取消：下雨")
    assert Notice.objects.get(kind="shift_reminder", recipient=wang).withdrawn_at is not None
    entry = AuditEntry.objects.get(action="shift.cancel")
    assert (entry.actor, entry.before, entry.after) == (
        zhao,
        {"status": "planned"},
        {"status": "cancelled"},
    )


def test_nobody_signs_up_for_a_cancelled_shift(tomorrow, wang, li, zhao):
    sign_ups.sign_up(shift=tomorrow, volunteer=wang)
    cancel(tomorrow, zhao)

    for volunteer in (wang, li):
        with pytest.raises(ShiftCancelled):
            sign_ups.sign_up(shift=tomorrow, volunteer=volunteer)


def test_who_has_checked_in_stays_and_their_hours_count(patrol, wang, li, zhao):
    there, coming = (sign_ups.sign_up(shift=patrol, volunteer=user) for user in (wang, li))
    presence.check_in(attendance=there)

    cancel(patrol, zhao)

    there.refresh_from_db()
    coming.refresh_from_db()
    assert (there.status, coming.status) == ("checked_in", "cancelled")
    assert told("shift_cancelled") == [li]
    left = presence.check_out(attendance=there)
    assert hours.verify(attendance=left, verifier=zhao)[0].status == "verified"


@pytest.mark.parametrize("over_for", [timedelta(0), timedelta(days=30)])
def test_a_shift_that_is_over_is_not_cancelled(planned, zhao, over_for):
    shift = planned(-over_for - 2 * HOUR)

    with pytest.raises(ShiftOver):
        cancel(shift, zhao)

    assert Shift.objects.get().status == "planned"


def test_a_shift_with_verified_hours_is_not_cancelled(patrol, wang, li, zhao):
    for user in (wang, li):
        sign_ups.sign_up(shift=patrol, volunteer=user)
    there = presence.check_in(attendance=Attendance.objects.get(volunteer=wang))
    hours.verify(attendance=presence.check_out(attendance=there), verifier=zhao)

    with pytest.raises(ShiftVerified):
        cancel(patrol, zhao)
    with pytest.raises(ShiftVerified):
        planning.cancel_activity(activity=patrol.activity, cancelled_by=zhao, reason="下雨")

    assert Attendance.objects.get(volunteer=li).status == "signed_up"
    assert (Shift.objects.get().status, Activity.objects.get().status) == ("planned", "planned")


@pytest.mark.parametrize("table", ["activity", "shift"])
def test_the_database_refuses_a_cancellation_without_its_moment(tomorrow, table):
    model = {"activity": Activity, "shift": Shift}[table]

    with (
        pytest.raises(IntegrityError, match=f"{table}_cancelled_is_complete"),
        transaction.atomic(),
    ):
        model.objects.update(status="cancelled")


@pytest.mark.django_db(transaction=True)
def test_whoever_signs_up_while_a_shift_is_cancelled_has_no_place(
    tomorrow, lake, person, zhao, at_once
):
    Shift.objects.update(capacity=None)
    crowd = [person(f"volunteer{n}") for n in range(9)]
    for volunteer in crowd:
        people.enrol(user=volunteer, community=lake, kind=Volunteer.Kind.RESIDENT)

    def act(number):
        if number == 9:
            return cancel(tomorrow, zhao).status
        return sign_ups.sign_up(shift=tomorrow, volunteer=crowd[number]).status

    outcomes = at_once(10, act)

    assert outcomes[9] == "cancelled"
    assert set(outcomes[:9]) <= {"signed_up", "shift_cancelled"}
    assert {place.status for place in Attendance.objects.all()} <= {"cancelled"}
    assert len(told("shift_cancelled")) == outcomes.count("signed_up")


# --- changing a shift -------------------------------------------------------------------------
def test_moving_a_shift_tells_and_reminds_whoever_signed_up(tomorrow, wang, li, zhao):
    for user in (wang, li):
        sign_ups.sign_up(shift=tomorrow, volunteer=user)
    sign_ups.cancel(attendance=Attendance.objects.get(volunteer=li))
    later = {"starts_at": tomorrow.starts_at + 3 * HOUR, "ends_at": tomorrow.ends_at + 3 * HOUR}

    moved = change(tomorrow, zhao, **later)
    change(tomorrow, zhao, **later)

    assert (moved.starts_at, moved.ends_at) == (later["starts_at"], later["ends_at"])
    assert told("shift_moved") == [wang]
    assert Notice.objects.get(kind="shift_moved").facts["starts_at"] == moved.starts_at.isoformat()
    reminders = Notice.objects.filter(kind="shift_reminder", recipient=wang)
    (reminder,) = reminders.filter(withdrawn_at=None)  # the other was of the time before
    assert reminder.due_at == moved.starts_at - HOUR
    assert (reminder.stale_at, reminder.withdrawn_at) == (moved.starts_at, None)
    assert reminder.facts["starts_at"] == moved.starts_at.isoformat()
    assert AuditEntry.objects.filter(action="shift.change").count() == 1


def test_a_shift_moved_twice_is_told_twice(tomorrow, wang, zhao):
    sign_ups.sign_up(shift=tomorrow, volunteer=wang)
    for hours_later in (1, 0):
        change(tomorrow, zhao, ends_at=tomorrow.ends_at + hours_later * HOUR)

    assert told("shift_moved") == [wang, wang]


def test_a_shift_is_not_moved_to_where_somebody_is_in_another(planned, wang, li, zhao):
    first, second = planned(timedelta(days=1)), planned(timedelta(days=1, hours=4))
    for shift, users in ((first, (wang, li)), (second, (wang,))):
        for user in users:
            sign_ups.sign_up(shift=shift, volunteer=user)

    with pytest.raises(AlreadyElsewhere) as refused:
        change(first, zhao, ends_at=second.starts_at + timedelta(minutes=1))
    assert refused.value.facts == {"volunteers": 1}

    assert change(first, zhao, ends_at=second.starts_at).ends_at == second.starts_at
    sign_ups.cancel(attendance=Attendance.objects.get(volunteer=wang, shift=second))
    change(first, zhao, ends_at=second.ends_at)


def test_a_shift_is_moved_although_somebody_was_in_two_at_once_before(planned, wang, zhao):
    first, second = planned(timedelta(days=1)), planned(timedelta(days=1))
    sign_ups.sign_up(shift=first, volunteer=wang)
    Attendance.objects.create(community=second.community, shift=second, volunteer=wang)

    assert change(first, zhao, ends_at=first.ends_at + HOUR).ends_at == first.ends_at + HOUR


def test_the_times_stay_once_somebody_has_checked_in(patrol, wang, zhao):
    presence.check_in(attendance=sign_ups.sign_up(shift=patrol, volunteer=wang))

    with pytest.raises(ShiftAttended):
        change(patrol, zhao, ends_at=patrol.ends_at + HOUR)

    assert change(patrol, zhao, capacity=1, ends_at=patrol.ends_at).capacity == 1


def test_the_capacity_is_not_below_the_places_taken(tomorrow, wang, li, zhao):
    for user in (wang, li):
        sign_ups.sign_up(shift=tomorrow, volunteer=user)

    with pytest.raises(CapacityTooSmall) as refused:
        change(tomorrow, zhao, capacity=1)
    assert refused.value.facts == {"places_taken": 2}

    assert change(tomorrow, zhao, capacity=2).capacity == 2
    assert change(tomorrow, zhao, capacity=None).capacity is None
    sign_ups.cancel(attendance=Attendance.objects.get(volunteer=li))
    assert change(tomorrow, zhao, capacity=1).capacity == 1


def test_a_shift_that_is_over_or_cancelled_is_not_changed(planned, tomorrow, zhao):
    over = planned(-3 * HOUR)
    cancel(tomorrow, zhao)

    with pytest.raises(ShiftOver):
        change(over, zhao, capacity=5)
    with pytest.raises(ShiftCancelled):
        change(tomorrow, zhao, capacity=5)


def test_a_shift_is_not_moved_into_the_past_or_out_of_a_day(tomorrow, zhao):
    with pytest.raises(ShiftOver):
        change(tomorrow, zhao, starts_at=NOW - 3 * HOUR, ends_at=NOW - HOUR)
    with pytest.raises(ShiftTimesInvalid):
        change(tomorrow, zhao, starts_at=tomorrow.ends_at)
    with pytest.raises(ShiftTimesInvalid):
        change(tomorrow, zhao, ends_at=tomorrow.starts_at + timedelta(hours=24, seconds=1))


# --- activities -------------------------------------------------------------------------------
def test_cancelling_an_activity_cancels_its_shifts_to_come(planned, wang, zhao):
    over = planned(-3 * HOUR)
    to_come = activities.plan_shift(
        activity=over.activity, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR
    )
    sign_ups.sign_up(shift=to_come, volunteer=wang)

    cancelled = planning.cancel_activity(
        activity=over.activity, cancelled_by=zhao, reason="没有人手"
    )
    planning.cancel_activity(activity=over.activity, cancelled_by=zhao, reason="别的原因")

    assert (cancelled.status, cancelled.reason) == ("cancelled", "没有人手")
    assert Activity.objects.get().reason == "没有人手"
    assert {shift.pk: shift.status for shift in Shift.objects.all()} == {
        over.pk: "planned",
        to_come.pk: "cancelled",
    }
    assert told("shift_cancelled") == [wang]
    with pytest.raises(ActivityCancelled):
        activities.plan_shift(activity=over.activity, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    with pytest.raises(ActivityCancelled):
        planning.change_activity(activity=cancelled, changed_by=zhao, changes={"title": "x"})


def test_an_activity_whose_shifts_are_all_over_is_not_cancelled(planned, zhao):
    with pytest.raises(ActivityOver):
        planning.cancel_activity(
            activity=planned(-3 * HOUR).activity, cancelled_by=zhao, reason="下雨"
        )


def test_an_activity_without_shifts_is_cancelled(lake, zhao):
    activity = activities.plan_activity(community=lake, title="夜巡", category="巡逻")

    planning.cancel_activity(activity=activity, cancelled_by=zhao, reason="下雨")

    assert Activity.objects.get().status == "cancelled"


def test_a_changed_activity_is_found_by_its_new_name_and_category(lake, tomorrow, zhao):
    rules.publish(
        community=lake,
        subject=Rule.Subject.HOURS,
        category="助老(急)",
        parameters={"points_per_hour": 7},
        valid_from=date(2024, 1, 1),
    )

    planning.change_activity(
        activity=tomorrow.activity,
        changed_by=zhao,
        changes={"title": "助老 送餐", "category": "助老（急）", "is_public": True},
    )

    activity = Activity.objects.get()
    assert (activity.title, activity.title_compared) == ("助老 送餐", "助老送餐")
    assert (activity.category, activity.place, activity.is_public) == ("助老(急)", "东门", True)
    entry = AuditEntry.objects.get(action="activity.change")
    assert entry.after == {"title": "助老 送餐", "category": "助老(急)", "is_public": True}


def test_the_category_stays_once_somebody_has_checked_in(patrol, wang, zhao):
    presence.check_in(attendance=sign_ups.sign_up(shift=patrol, volunteer=wang))

    def rename(**changes):
        return planning.change_activity(activity=patrol.activity, changed_by=zhao, changes=changes)

    with pytest.raises(ActivityAttended):
        rename(category="邻里服务")
    assert rename(title="早高峰劝导", category="交通劝导").title == "早高峰劝导"
