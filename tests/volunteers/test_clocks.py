"""When a step of a report is due: over nights, weekends, pauses and in any zone."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from volunteers.reports.clocks import Office, due_at

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = Office(frozenset({1, 2, 3, 4, 5}), time(9), time(18), SHANGHAI)
MINUTE = timedelta(minutes=1)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kabul"]


def at(text, zone=SHANGHAI):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("since", "minutes", "office", "due"),
    [
        ("2026-03-06 17:50", 30, None, "2026-03-06 18:20"),  # a Friday; red runs on
        ("2026-03-06 17:50", 30, WEEK, "2026-03-09 09:20"),
        ("2026-03-06 17:50", 10, WEEK, "2026-03-06 18:00"),
        ("2026-03-06 18:00", 10, WEEK, "2026-03-09 09:10"),
        ("2026-03-06 03:00", 540, WEEK, "2026-03-06 18:00"),
        ("2026-03-06 03:00", 541, WEEK, "2026-03-09 09:01"),
        ("2026-03-07 12:00", 2_700, WEEK, "2026-03-13 18:00"),  # a week's hours
    ],
)
def test_a_clock_runs_in_office_hours_or_always(since, minutes, office, due):
    assert due_at(since=at(since), minutes=minutes, office=office) == at(due)


@pytest.mark.parametrize(
    ("pauses", "due"),
    [
        ([("2026-03-06 10:00", "2026-03-06 11:00")], "2026-03-06 12:00"),
        ([("2026-03-05 10:00", "2026-03-06 09:30")], "2026-03-06 11:30"),
        ([("2026-03-06 10:00", None)], None),
        ([("2026-03-06 11:00", None)], "2026-03-06 11:00"),  # it was due before
        ([("2026-03-06 17:00", "2026-03-09 09:30")], "2026-03-06 11:00"),
        (
            [("2026-03-06 10:00", "2026-03-06 12:00"), ("2026-03-06 11:00", "2026-03-06 13:00")],
            "2026-03-06 14:00",
        ),
        ([("2026-03-06 10:00", "2026-03-07 10:00")], "2026-03-09 10:00"),
    ],
)
def test_a_pause_is_made_up_for(pauses, due):
    spans = [(at(since), until and at(until)) for since, until in pauses]

    found = due_at(since=at("2026-03-06 09:00"), minutes=120, office=WEEK, pauses=spans)

    assert found == (due and at(due))


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
)
OFFICES = st.builds(
    lambda days, opens, hours, zone: Office(
        frozenset(days), time(opens), time(opens + hours), ZoneInfo(zone)
    ),
    st.sets(st.integers(1, 7), min_size=1),
    st.integers(4, 12),
    st.integers(1, 11),
    st.sampled_from(ZONES),
)
PAUSES = st.lists(
    st.builds(
        lambda after, length: (timedelta(minutes=after), timedelta(minutes=length)),
        st.integers(-3_000, 6_000),
        st.integers(0, 3_000),
    ),
    max_size=3,
)


def runs(moment, office, pauses):
    """Whether the clock runs in the minute that begins at ``moment``, told without arithmetic."""
    if any(since <= moment < until for since, until in pauses):
        return False
    if office is None:
        return True
    local = moment.astimezone(office.zone)
    return local.isoweekday() in office.days and office.opens <= local.time() < office.closes


@settings(deadline=None, max_examples=50)
@given(MOMENTS, st.integers(1, 300), st.none() | OFFICES, PAUSES)
@example(
    datetime(2026, 3, 28, 20, tzinfo=UTC),
    300,
    Office(frozenset({7}), time(4), time(15), ZoneInfo("Europe/Berlin")),
    [],
)  # a night an hour short
def test_between_start_and_due_the_clock_ran_for_just_so_many_minutes(
    since, minutes, office, spans
):
    pauses = [(since + after, since + after + length) for after, length in spans]

    due = due_at(since=since, minutes=minutes, office=office, pauses=pauses)

    assert runs(due - MINUTE, office, pauses)
    count, moment = 0, since
    while moment < due:
        count += runs(moment, office, pauses)
        moment += MINUTE
    assert count == minutes


@settings(deadline=None, max_examples=50)
@given(MOMENTS, st.integers(1, 600), OFFICES, PAUSES, st.integers(0, 600))
def test_more_minutes_and_more_pauses_never_make_it_earlier(since, minutes, office, spans, more):
    pauses = [(since + after, since + after + length) for after, length in spans]

    due = due_at(since=since, minutes=minutes, office=office, pauses=pauses)

    assert due_at(since=since, minutes=minutes, office=office) <= due
    assert due <= due_at(since=since, minutes=minutes + more, office=office, pauses=pauses)
