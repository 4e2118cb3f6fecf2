"""Venues and series: made, changed, moved and cancelled, and the occurrences made ahead."""

from datetime import date, datetime, time, timedelta

import pytest
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.events import errors, selectors
from backend.events.models import Occurrence, Series
from backend.events.recurrence import Recurrence
from backend.events.services import series as services
from backend.events.services import venues
from backend.events.tasks import sweep_series

THE_19TH = Recurrence("month", (19,))


@pytest.fixture
def square(lake, zhao):
    return venues.make(place=lake, by=zhao, name="湖滨广场", address="湖滨路 1 号")


@pytest.fixture
def plan(lake, zhao):
    """A series of the lake's: ``plan(recurrence=…)``."""

    def make(**facts) -> Series:
        given = {
            "place": lake,
            "by": zhao,
            "title": "99便民活动",
            "recurrence": THE_19TH,
            "starts_on": lake.today + timedelta(days=1),
            "from_time": time(9),
            "until_time": time(11, 30),
        }
        return services.plan(**given | facts)

    return make


def days_made(series):
    return list(series.occurrences.order_by("day").values_list("day", flat=True))


def coming(series):
    return services.coming_occurrences(series.locked("community"))


# --- venues -----------------------------------------------------------------------------------
HALL = [
    {"weekday": 1, "from_time": "08:00", "until_time": "12:00"},
    {"weekday": 1, "from_time": "12:00", "until_time": "18:00"},
    {"weekday": 5, "from_time": "20:00", "until_time": "00:00"},
    {"weekday": 6, "from_time": "00:00", "until_time": "02:00"},
]


@pytest.mark.parametrize(
    ("starts", "ends", "is_open"),
    [
        ("2026-11-30 08:00", "2026-11-30 18:00", True),  # a Monday
        ("2026-11-30 07:59", "2026-11-30 09:00", False),
        ("2026-11-30 17:00", "2026-11-30 18:01", False),
        ("2026-12-01 08:00", "2026-12-01 09:00", False),
        ("2026-12-04 22:00", "2026-12-05 02:00", True),  # across midnight
        ("2026-12-04 22:00", "2026-12-05 02:01", False),
        ("2026-12-04 19:00", "2026-12-04 21:00", False),
    ],
)
def test_a_venue_is_open_for_all_of_its_hours(lake, zhao, starts, ends, is_open):
    hall = venues.make(place=lake, by=zhao, name="礼堂", opening_hours=HALL)
    moments = [datetime.fromisoformat(text).replace(tzinfo=lake.clock) for text in (starts, ends)]

    assert venues.is_open(hall, *moments) is is_open


def test_a_venue_is_made_changed_found_and_closed(lake, zhao, wang, li, logged_in):
    staff = logged_in(zhao)
    body = {
        "name": "湖滨广场",
        "address": "湖滨路 1 号",
        "latitude": 28.2,
        "longitude": 112.9,
        "coord_type": "gcj02",
        "opening_hours": [{"weekday": 7, "from_time": "08:00", "until_time": "20:00"}],
    }
    made = staff.post("/api/v1/communities/lake/venues", body, format="json")
    assert made.status_code == 201, made.json()
    told = made.json()
    assert {name: told[name] for name in body} == body

    address = f"/api/v1/venues/{told['id']}"
    changed = staff.patch(address, {"opening_hours": []}, format="json").json()
    assert changed == told | {"opening_hours": []}
    half = staff.patch(address, {"opening_hours": [{"weekday": 1}]}, format="json")
    assert (half.status_code, half.json()["code"]) == (400, "invalid_input")
    assert logged_in(wang).get(address).json() == changed
    assert logged_in(wang).get("/api/v1/communities/lake/venues").status_code == 404
    assert logged_in(wang).patch(address, {"name": "我的"}, format="json").status_code == 404
    taken = staff.post("/api/v1/communities/lake/venues", {"name": "湖滨 广场"}, format="json")
    assert (taken.status_code, taken.json()["code"]) == (409, "venue_name_taken")

    closed = staff.post(f"{address}/close").json()["closed_at"]
    assert staff.post(f"{address}/close").json()["closed_at"] == closed
    for asked, found in (("true", 1), ("false", 0)):
        listed = staff.get(f"/api/v1/communities/lake/venues?closed={asked}").json()
        assert len(listed["results"]) == found
    with pytest.raises(errors.VenueNotUsed):
        venues.venue_of(lake.pk, told["id"])


def test_a_venue_that_closes_before_it_opens_is_refused(lake, zhao):
    hours = [{"weekday": 1, "from_time": "12:00", "until_time": "08:00"}]
    with pytest.raises(errors.OpeningHoursInvalid):
        venues.make(place=lake, by=zhao, name="礼堂", opening_hours=hours)


def test_staff_of_an_estate_keep_its_venues_and_no_others(lake, square, person):
    estate = places.estate_named(community=lake, name="一区")
    worker = person("worker")
    roles.give(user=worker, community=estate, role=Role.STAFF)
    theirs = venues.make(place=estate, by=worker, name="楼道")

    assert list(selectors.venues_handled_by(worker)) == [theirs]
    assert set(selectors.venues_in(lake)) == {theirs, square}


# --- series -----------------------------------------------------------------------------------
def test_the_19th_is_made_once_however_often_it_is_made(lake, plan):
    last_year = lake.today.year - 1
    until = date(last_year + 2, 3, 31)
    series = plan(starts_on=date(last_year, 1, 1))

    made = [services.make_occurrences(series=series, until=until) for _ in range(2)]

    months = [(last_year + number // 12, number % 12 + 1) for number in range(27)]
    assert days_made(series) == [date(year, month, 19) for year, month in months]
    assert made[1] == []
    one = Occurrence.objects.get(series=series, day=date(last_year, 2, 19))
    clock = series.community.clock
    assert one.starts_at == datetime(last_year, 2, 19, 9, tzinfo=clock)
    assert one.ends_at == datetime(last_year, 2, 19, 11, 30, tzinfo=clock)


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_make_no_day_twice(at_once, plan):
    series = plan()
    until = series.made_until + timedelta(days=365)

    made = at_once(4, lambda _: len(services.make_occurrences(series=series, until=until)))

    days = days_made(series)
    assert sorted(made)[:3] == [0, 0, 0]
    assert sorted(made)[3] == 12
    assert len(days) == len(set(days))


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_makes_what_came_nearer(plan, settings):
    settings.SERIES_AHEAD = timedelta(days=10)
    series = plan(recurrence=Recurrence("week", (1, 2, 3, 4, 5, 6, 7)))
    assert len(days_made(series)) == 11  # the first, and ten days more
    settings.SERIES_AHEAD = timedelta(days=12)

    sweep_series()
    sweep_series()

    assert len(days_made(series)) == 13


def test_a_day_on_which_the_venue_is_closed_has_none(plan, square, zhao):
    opens = [{"weekday": day, "from_time": "08:00", "until_time": "20:00"} for day in (1, 2, 3)]
    venues.change(venue=square, by=zhao, changes={"opening_hours": opens})
    daily = Recurrence("week", (1, 2, 3, 4, 5, 6, 7))

    series = plan(recurrence=daily, venue_id=square.pk)

    assert {day.isoweekday() for day in days_made(series)} == {1, 2, 3}
    with pytest.raises(errors.VenueClosed):
        plan(recurrence=Recurrence("week", (7,)), venue_id=square.pk)


@pytest.mark.parametrize(
    "facts",
    [
        {"starts_on": date(2020, 1, 1)},
        {"starts_on": date(2100, 1, 2), "ends_on": date(2100, 1, 1)},
        {"recurrence": Recurrence("month", (30, 31))},
    ],
)
def test_a_series_that_can_not_be_is_refused(plan, facts):
    with pytest.raises(errors.RecurrenceInvalid):
        plan(**facts)


def test_another_communitys_venue_is_unknown(plan, hill, person):
    there = venues.make(place=hill, by=person("other"), name="山顶")
    with pytest.raises(errors.VenueUnknown):
        plan(venue_id=there.pk)


def test_new_times_are_those_of_all_but_what_was_moved_by_hand(plan, zhao):
    series = plan(recurrence=Recurrence("week", (1,)))
    first, second, *_ = coming(series)
    moved_to = second.starts_at + timedelta(hours=30)
    services.move_occurrence(
        occurrence=second, by=zhao, starts_at=moved_to, ends_at=moved_to + timedelta(hours=1)
    )

    services.change(series=series, by=zhao, changes={"from_time": time(14), "until_time": time(16)})

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.starts_at.astimezone(series.community.clock).time() == time(14)
    assert second.starts_at == moved_to


def test_a_series_ends_before_the_day_from_which_it_is_cancelled(plan, zhao):
    series = plan(recurrence=Recurrence("week", (3,)))
    first, second, *_ = coming(series)

    for _ in range(2):
        services.cancel(series=series, by=zhao, reason="放假", since=second.day)

    series.refresh_from_db()
    assert (series.status, series.ends_on) == ("planned", second.day - timedelta(days=1))
    assert coming(series) == [first]
    assert {one.reason for one in series.occurrences.filter(status="cancelled")} == {"放假"}
    assert services.make_occurrences(series=series, until=date(2099, 1, 1)) == []

    services.cancel(series=series, by=zhao, reason="不办了")

    assert coming(series) == []
    with pytest.raises(errors.SeriesCancelled):
        services.change(series=series, by=zhao, changes={"title": "又办"})
    with pytest.raises(errors.SeriesCancelled):
        services.series_of(series.community_id, series.pk)
    assert services.make_occurrences(series=series) == []


def test_what_has_begun_is_not_moved_and_what_is_over_not_cancelled(lake, plan, zhao):
    series = plan(starts_on=lake.today - timedelta(days=60))
    past = series.occurrences.earliest("day")
    tomorrow = timezone.now() + timedelta(days=1)
    times = {"starts_at": tomorrow, "ends_at": tomorrow + timedelta(hours=2)}
    with pytest.raises(errors.OccurrenceBegun):
        services.move_occurrence(occurrence=past, by=zhao, **times)
    with pytest.raises(errors.OccurrenceOver):
        services.cancel_occurrence(occurrence=past, by=zhao, reason="雨")

    one, *_ = coming(series)
    for wrong in ({"ends_at": tomorrow}, {"ends_at": tomorrow + timedelta(hours=25)}):
        with pytest.raises(errors.OccurrenceTimesInvalid):
            services.move_occurrence(occurrence=one, by=zhao, **times | wrong)
    services.cancel_occurrence(occurrence=one, by=zhao, reason="雨")
    with pytest.raises(errors.OccurrenceCancelled):
        services.move_occurrence(occurrence=one, by=zhao, **times)


def test_no_occurrence_is_moved_to_when_the_venue_is_closed(plan, square, zhao, lake):
    opens = [{"weekday": day, "from_time": "08:00", "until_time": "20:00"} for day in range(1, 8)]
    venues.change(venue=square, by=zhao, changes={"opening_hours": opens})
    one, *_ = coming(plan(venue_id=square.pk))
    night = one.starts_at + timedelta(hours=12)

    with pytest.raises(errors.VenueClosed):
        services.move_occurrence(
            occurrence=one, by=zhao, starts_at=night, ends_at=night + timedelta(hours=1)
        )


def test_a_series_is_planned_changed_and_cancelled_by_staff(lake, square, zhao, wang, logged_in):
    staff = logged_in(zhao)
    body = {
        "title": "99便民活动",
        "theme": "冬季",
        "recurrence": {"every": "month", "interval": 1, "days": [19]},
        "venue_id": str(square.pk),
        "starts_on": (lake.today + timedelta(days=1)).isoformat(),
        "from_time": "09:00",
        "until_time": "11:30",
    }
    made = staff.post("/api/v1/communities/lake/series", body, format="json")
    assert made.status_code == 201, made.json()
    told = made.json()
    same = body.keys() - {"venue_id"}
    assert {name: told[name] for name in same} == {name: body[name] for name in same}
    assert told["venue"]["name"] == "湖滨广场"
    assert told["rule"] == "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=19"
    series = f"/api/v1/series/{told['id']}"
    assert logged_in(wang).get(series).json() == told
    (listed,) = staff.get("/api/v1/communities/lake/series?theme=冬季").json()["results"]
    assert listed == told

    first = logged_in(wang).get(f"{series}/occurrences").json()["results"][0]
    assert first["day"].endswith("-19")
    occurrence = f"/api/v1/occurrences/{first['id']}"
    assert logged_in(wang).get(occurrence).json() == first
    at = datetime.fromisoformat(first["starts_at"]) + timedelta(days=1)
    times = {
        "starts_at": at.isoformat(),
        "ends_at": (at + timedelta(hours=2)).isoformat(),
    }
    moved = staff.patch(occurrence, times, format="json").json()
    assert datetime.fromisoformat(moved["starts_at"]) == at
    assert moved["day"] == first["day"]
    cancelled = staff.post(f"{occurrence}/cancel", {"reason": "下雨"}, format="json").json()
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "下雨")

    changed = staff.patch(series, {"from_time": "10:00"}, format="json").json()
    assert changed == told | {"from_time": "10:00"}
    ended = staff.post(f"{series}/cancel", {"reason": "不办了"}, format="json").json()
    assert ended["status"] == "cancelled"
    for address in (series, occurrence):
        assert logged_in(wang).patch(address, {}, format="json").status_code == 404
    invalid = body | {"recurrence": {"every": "month", "days": [30, 31]}}
    refused = staff.post("/api/v1/communities/lake/series", invalid, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "recurrence_invalid")
