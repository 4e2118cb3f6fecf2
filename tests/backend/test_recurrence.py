"""Recurrence as people say it: which days a series has, and at which moments."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.communities.models import Community
from backend.events.errors import RecurrenceInvalid
from backend.events.recurrence import Recurrence, days_of, of_rule
from backend.events.services.series import local_times

days = st.dates(date(2000, 1, 1), date(2099, 1, 1))
spans = st.integers(0, 900).map(timedelta)
intervals = st.integers(1, 12)
days_of_month = (
    st.tuples(st.sets(st.integers(1, 28), max_size=5), st.sets(st.integers(29, 31), max_size=1))
    .map(lambda both: sorted(both[0] | both[1]))
    .filter(bool)
)


@given(day=st.integers(1, 31), starts_on=days, span=spans, interval=intervals)
def test_a_day_that_a_month_lacks_is_its_last(day, starts_on, span, interval):
    found = list(
        days_of(Recurrence("month", (day,), interval).rule, starts_on, starts_on, starts_on + span)
    )

    expected = []
    year, month = starts_on.year, starts_on.month
    while (first := date(year, month, 1)) <= starts_on + span:
        expected.append(first.replace(day=min(day, monthrange(year, month)[1])))
        year, month = divmod(year * 12 + month - 1 + interval, 12)
        month += 1
    assert found == [one for one in expected if starts_on <= one <= starts_on + span]


@given(several=days_of_month, starts_on=days, span=spans)
def test_several_days_of_a_month_are_those_of_each(several, starts_on, span):
    until = starts_on + span
    found = list(days_of(Recurrence("month", tuple(several)).rule, starts_on, starts_on, until))

    each = (
        days_of(Recurrence("month", (day,)).rule, starts_on, starts_on, until) for day in several
    )
    assert found == sorted(set().union(*each))


@given(
    weekdays=st.sets(st.integers(1, 7), min_size=1),
    starts_on=days,
    span=spans,
    interval=intervals,
)
def test_every_few_weeks_are_counted_from_the_first_week_across_the_years_end(
    weekdays, starts_on, span, interval
):
    recurrence = Recurrence("week", tuple(weekdays), interval)
    until = starts_on + span

    found = list(days_of(recurrence.rule, starts_on, starts_on, until))

    monday = starts_on - timedelta(starts_on.weekday())
    assert found == [
        day
        for number in range(span.days + 1)
        if (day := starts_on + timedelta(number)).isoweekday() in weekdays
        and (day - monday).days // 7 % interval == 0
    ]


@given(
    starts_on=days,
    span=spans,
    cut=st.integers(0, 900),
    recurrence=st.one_of(
        st.builds(Recurrence, st.just("month"), days_of_month.map(tuple), intervals),
        st.builds(
            Recurrence,
            st.just("week"),
            st.sets(st.integers(1, 7), min_size=1).map(lambda some: tuple(sorted(some))),
            intervals,
        ),
    ),
)
def test_days_in_two_parts_are_the_days_of_the_whole_and_a_rule_says_what_was_said(
    starts_on, span, cut, recurrence
):
    until = starts_on + span
    middle = min(starts_on + timedelta(cut), until)
    rule = recurrence.rule

    first, second = (
        list(days_of(rule, starts_on, since, last))
        for since, last in ((starts_on, middle), (middle + timedelta(1), until))
    )

    assert first + second == list(days_of(rule, starts_on, starts_on, until))
    assert of_rule(rule) == recurrence


@pytest.mark.parametrize(
    ("said", "first", "found"),
    [
        (
            Recurrence("month", (31,)),
            date(2027, 12, 31),
            ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"],
        ),
        (
            Recurrence("month", (1, 15)),
            date(2026, 12, 2),
            ["2026-12-15", "2027-01-01", "2027-01-15", "2027-02-01", "2027-02-15"],
        ),
        (
            Recurrence("month", (19,), 3),
            date(2026, 11, 20),
            ["2027-02-19", "2027-05-19", "2027-08-19", "2027-11-19", "2028-02-19"],
        ),
        (
            Recurrence("month", (29,), 12),
            date(2024, 2, 29),
            ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"],
        ),
        (
            Recurrence("week", (1, 5), 2),
            date(2026, 12, 23),
            ["2026-12-25", "2027-01-04", "2027-01-08", "2027-01-18", "2027-01-22"],
        ),
    ],
)
def test_what_people_say_has_these_days(said, first, found):
    made = days_of(said.rule, first, first, date.fromisoformat(found[-1]))
    assert [day.isoformat() for day in made] == found


@pytest.mark.parametrize(
    "said",
    [
        Recurrence("month", ()),
        Recurrence("month", (0,)),
        Recurrence("month", (32,)),
        Recurrence("month", (30, 31)),
        Recurrence("week", (8,)),
        Recurrence("week", (1,), 0),
        Recurrence("week", (1,), 13),
    ],
)
def test_what_no_rule_says_is_refused(said):
    with pytest.raises(RecurrenceInvalid):
        _ = said.rule


@given(
    day=days,
    zone=st.sampled_from(
        ["Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Sydney"]
    ),
    minutes=st.tuples(st.integers(0, 1439), st.integers(0, 1439)),
)
def test_an_occurrence_ends_after_it_begins_whatever_the_clocks_do(day, zone, minutes):
    from_time, until_time = (time(*divmod(number, 60)) for number in minutes)
    place = Community(timezone=zone)

    starts_at, ends_at = local_times(place, day, from_time, until_time)

    assert timedelta() < ends_at - starts_at <= timedelta(hours=25)
    shown = starts_at.astimezone(place.clock)
    assert abs(shown.replace(tzinfo=None) - datetime.combine(day, from_time)) <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "begins", "lasts"),
    [
        ("2026-03-07", "2026-03-08T03:00:00+00:00", 420),
        ("2026-03-08", "2026-03-09T02:00:00+00:00", 480),  # by the summer's clock
        ("2026-10-31", "2026-11-01T02:00:00+00:00", 540),  # an hour comes twice that night
    ],
)
def test_a_night_shift_follows_the_clock_on_the_wall(day, begins, lasts):
    place = Community(timezone="America/New_York")

    starts_at, ends_at = local_times(place, date.fromisoformat(day), time(22), time(6))

    assert starts_at == datetime.fromisoformat(begins).astimezone(UTC)
    assert ends_at - starts_at == timedelta(minutes=lasts)
