"""The 99便民活动: every month on the 19th, with shifts for volunteers and stalls for merchants."""

from datetime import date, time, timedelta

import pytest

from backend.events.recurrence import Recurrence
from backend.events.services import series as events
from backend.events.services import venues
from backend.notices.models import Notice
from merchants.catalogue.services import fairs
from merchants.models import Fair
from volunteers.activities import services as activities
from volunteers.activities.services import Slot
from volunteers.attendance.services import sign_ups
from volunteers.models import Shift


@pytest.fixture
def the_19th(lake, zhao):
    """The series since the first of January of last year, at the square, from nine to half past."""
    square = venues.make(place=lake, by=zhao, name="湖滨广场")
    return events.plan(
        place=lake,
        by=zhao,
        title="99便民活动",
        recurrence=Recurrence("month", (19,)),
        starts_on=date(lake.today.year - 1, 1, 1),
        from_time=time(9),
        until_time=time(11, 30),
        venue_id=square.pk,
    )


@pytest.fixture
def cutting(lake, zhao, the_19th):
    """义剪 at each of them, with setting up before."""
    activity = activities.plan_activity(
        community=lake, title="义剪", category="便民", series_id=the_19th.pk
    )
    slots = [Slot(time(8), time(9), capacity=4), Slot(time(9), time(11, 30), capacity=10, wanted=6)]
    return activities.set_patterns(activity=activity, slots=slots, by=zhao)


def reminders(user, kind):
    return list(Notice.objects.filter(recipient=user, kind=kind).order_by("due_at"))


def test_24_dates_are_made_once_and_both_are_reminded_once_each(
    lake, the_19th, cutting, tea_house, zhao, zhou, wang
):
    this_year = lake.today.year
    fairs.set_stalls(series=the_19th, partnerships=[tea_house], by=zhao)
    until = max(the_19th.made_until, date(this_year, 12, 31)) + timedelta(days=31)

    for _ in range(2):
        events.make_occurrences(series=the_19th, until=until)

    made = the_19th.occurrences.filter(day__lte=date(this_year, 12, 31)).order_by("day")
    assert list(made.values_list("day", flat=True)) == [
        date(year, month, 19) for year in (this_year - 1, this_year) for month in range(1, 13)
    ]
    coming = events.coming_occurrences(the_19th)
    assert coming
    for occurrence in coming:
        setting_up, cutting_hair = Shift.objects.filter(occurrence=occurrence).order_by("starts_at")
        assert cutting_hair.wanted == 6
        assert setting_up.ends_at == cutting_hair.starts_at == occurrence.starts_at
        for _ in range(2):
            sign_ups.sign_up(shift=cutting_hair, volunteer=wang)
        fair = Fair.objects.get(occurrence=occurrence)
        assert (fair.starts_at, fair.ends_at) == (occurrence.starts_at, occurrence.ends_at)
        assert list(fair.partners.all()) == [tea_house]

    for user, kind, hours in ((wang, "shift_reminder", 1), (zhou, "fair_reminder", 2)):
        owed = reminders(user, kind)
        assert [one.due_at for one in owed] == [
            occurrence.starts_at - timedelta(hours=hours) for occurrence in coming
        ]
        assert len({one.key for one in owed}) == len(coming)  # one key is delivered once


def test_moving_and_cancelling_an_occurrence_reaches_both(
    lake, the_19th, cutting, tea_house, zhao, zhou, wang
):
    fairs.set_stalls(series=the_19th, partnerships=[tea_house], by=zhao)
    occurrence, *_ = events.coming_occurrences(the_19th)
    setting_up = Shift.objects.filter(occurrence=occurrence).earliest("starts_at")
    sign_ups.sign_up(shift=setting_up, volunteer=wang)
    week = timedelta(days=7)

    events.move_occurrence(
        occurrence=occurrence,
        by=zhao,
        starts_at=occurrence.starts_at + week,
        ends_at=occurrence.ends_at + week,
    )

    occurrence.refresh_from_db()
    fair = Fair.objects.get(occurrence=occurrence)
    assert fair.starts_at == occurrence.starts_at
    moved_to = setting_up.starts_at + week
    setting_up.refresh_from_db()
    assert setting_up.starts_at == moved_to
    for user, kind, at in (
        (wang, "shift_moved", setting_up.starts_at),
        (zhou, "fair_moved", fair.starts_at),
    ):
        (told,) = Notice.objects.filter(recipient=user, kind=kind)
        assert told.facts["starts_at"] == at.isoformat()
        assert told.facts["place"] == "湖滨广场"

    events.cancel_occurrence(occurrence=occurrence, by=zhao, reason="台风")

    for user, kind in ((wang, "shift_cancelled"), (zhou, "fair_cancelled")):
        (told,) = Notice.objects.filter(recipient=user, kind=kind)
        assert told.facts["reason"] == "台风"
    assert {shift.status for shift in Shift.objects.filter(occurrence=occurrence)} == {"cancelled"}
    fair.refresh_from_db()
    assert (fair.status, fair.reason) == ("cancelled", "台风")
