"""Planning of activities: category, team, venue, series, and the shifts that recur."""

from datetime import date, datetime, time, timedelta

import pytest
from django.utils import timezone

from backend.communities.errors import PersonUnknown
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.events.errors import SeriesUnknown, VenueClosed, VenueNotUsed, VenueUnknown
from backend.events.recurrence import Recurrence
from backend.events.services import series as events
from backend.events.services import venues
from backend.notices.models import Notice
from volunteers.activities import errors, selectors
from volunteers.activities import services as activities
from volunteers.activities.services import Slot
from volunteers.attendance.errors import AlreadyElsewhere
from volunteers.attendance.services import planning, sign_ups
from volunteers.models import Activity, Shift, Team, TeamMember

DAILY = Recurrence("week", (1, 2, 3, 4, 5, 6, 7))
MORNING = Slot(time(8), time(10), capacity=5, wanted=3)
NOON = Slot(time(10), time(12))


@pytest.fixture
def square(lake, zhao):
    """广场, open from eight to eight, on the map."""
    return venues.make(
        place=lake,
        by=zhao,
        name="广场",
        latitude=28.2,
        longitude=112.9,
        opening_hours=[
            {"weekday": day, "from_time": "08:00", "until_time": "20:00"} for day in range(1, 8)
        ],
    )


@pytest.fixture
def plan(lake):
    """An activity of the lake's: ``plan(category=…)``."""

    def make(**facts) -> Activity:
        given = {"community": lake, "title": "便民", "category": "便民"}
        return activities.plan_activity(**given | facts)

    return make


@pytest.fixture
def market(lake, zhao, square, settings):
    """A series at the square, each day from nine to noon, of which a week is made."""
    settings.SERIES_AHEAD = timedelta(days=7)
    return events.plan(
        place=lake,
        by=zhao,
        title="集市",
        recurrence=DAILY,
        starts_on=lake.today + timedelta(days=1),
        from_time=time(9),
        until_time=time(12),
        venue_id=square.pk,
    )


@pytest.fixture
def led(lake, li):
    """李阿姨's team, of an estate."""
    estate = places.estate_named(community=lake, name="一区")
    team = Team.objects.create(community=lake, estate=estate, name="红马甲")
    TeamMember.objects.create(
        community=lake,
        team=team,
        volunteer=li,
        status="member",
        is_leader=True,
        joined_at=timezone.now(),
    )
    return team


@pytest.fixture
def manager(lake, person):
    user = person("boss", "书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


def shifts_of(activity):
    return list(Shift.objects.filter(activity=activity).order_by("starts_at"))


# --- categories -------------------------------------------------------------------------------
def test_a_category_off_the_list_is_refused_where_there_is_a_list(plan, lake, manager):
    before = plan(category="杂务")
    activities.change_policy(
        community=lake, by=manager, changes={"categories": ["交通 劝导", "助老", "助老"]}
    )

    assert selectors.policy_of(lake).categories == ["交通劝导", "助老"]
    assert plan(category="助 老").category == "助老"
    with pytest.raises(errors.CategoryUnknown) as refused:
        plan(category="杂务")
    assert refused.value.facts["categories"] == ["交通劝导", "助老"]
    # What was planned before keeps its category, and is changed otherwise.
    told = {"title": "大扫除", "category": "杂务"}
    assert planning.change_activity(activity=before, changed_by=manager, changes=told).title
    with pytest.raises(errors.CategoryUnknown):
        planning.change_activity(activity=before, changed_by=manager, changes={"category": "送餐"})


def test_managers_decide_about_volunteering_and_everybody_there_reads_it(
    lake, manager, zhao, wang, person, logged_in
):
    address = "/api/v1/communities/lake/service-policy"
    assert logged_in(wang).get(address).json() == {
        "community": {"id": str(lake.pk), "code": "lake", "name": lake.name},
        "categories": [],
        "leaders_verify": False,
        "publicity_days": 0,
        "longest_day_minutes": None,
    }
    told = {
        "categories": ["交通劝导"],
        "leaders_verify": True,
        "publicity_days": 7,
        "longest_day_minutes": 480,
    }
    changed = logged_in(manager).patch(address, told, format="json").json()
    assert {name: changed[name] for name in told} == told
    assert logged_in(wang).get(address).json() == changed
    for user in (zhao, wang):
        assert logged_in(user).patch(address, told, format="json").status_code == 404
    assert logged_in(person("stranger")).get(address).status_code == 404
    entries = logged_in(manager).get("/api/v1/communities/lake/audit?action=service_policy.change")
    if entries.status_code == 200:
        (entry,) = entries.json()["results"]
        assert entry["after"]["publicity_days"] == 7


# --- teams ------------------------------------------------------------------------------------
def test_a_leader_plans_for_their_team_and_for_no_other(lake, led, li, zhao, plan, logged_in):
    client = logged_in(li)
    told = {"title": "楼道清扫", "category": "清扫", "team_id": str(led.pk)}

    made = client.post("/api/v1/communities/lake/activities", told, format="json")

    assert made.status_code == 201, made.json()
    assert made.json()["team"] == {"id": str(led.pk), "name": "红马甲"}
    assert made.json()["estate"]["name"] == "一区"
    other = Team.objects.create(community=lake, estate=led.estate, name="蓝马甲")
    for team_id in (None, str(other.pk)):
        refused = client.post(
            "/api/v1/communities/lake/activities", told | {"team_id": team_id}, format="json"
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "own_team_only")
    activity = Activity.objects.get()
    for team_id in (None, other.pk):
        with pytest.raises(errors.OwnTeamOnly):
            planning.change_activity(activity=activity, changed_by=li, changes={"team_id": team_id})
    changed = planning.change_activity(activity=activity, changed_by=li, changes={"title": "清扫"})
    assert changed.title == "清扫"
    planning.change_activity(activity=activity, changed_by=zhao, changes={"team_id": other.pk})
    with pytest.raises(errors.OwnTeamOnly):
        planning.change_activity(activity=activity, changed_by=li, changes={"title": "我的"})


def test_a_team_of_elsewhere_or_dissolved_is_unknown(lake, hill, led, plan):
    there = Team.objects.create(community=hill, name="山队")
    gone = Team.objects.create(community=lake, name="旧队", dissolved_at=timezone.now())
    other = places.estate_named(community=lake, name="二区")
    for facts in ({"team_id": there.pk}, {"team_id": gone.pk}):
        with pytest.raises(errors.TeamUnknown):
            plan(**facts)
    with pytest.raises(errors.TeamUnknown):
        plan(community=other, team_id=led.pk)


# --- where, and for whom ----------------------------------------------------------------------
def test_a_geofence_lies_around_a_venue_on_the_map(lake, zhao, square, plan):
    nowhere = venues.make(place=lake, by=zhao, name="云上")
    for venue_id in (None, nowhere.pk):
        with pytest.raises(errors.GeofenceNeedsVenue):
            plan(geofence_metres=200, venue_id=venue_id)
    fenced = plan(geofence_metres=200, venue_id=square.pk)
    with pytest.raises(errors.GeofenceNeedsVenue):
        planning.change_activity(activity=fenced, changed_by=zhao, changes={"venue_id": None})


def test_venues_and_people_of_elsewhere_are_unknown(lake, hill, person, plan, zhao, wang, square):
    there = venues.make(place=hill, by=zhao, name="山顶")
    with pytest.raises(VenueUnknown):
        plan(venue_id=there.pk)
    with pytest.raises(PersonUnknown):
        plan(serves_id=person("stranger").pk)
    assert plan(serves_id=wang.pk).serves_id == wang.pk
    venues.close(venue=square, by=zhao)
    with pytest.raises(VenueNotUsed):
        plan(venue_id=square.pk)


def test_only_staff_are_told_who_is_helped(plan, wang, li, zhao, logged_in):
    activity = plan(serves_id=wang.pk)
    told = {
        user.username: logged_in(user).get(f"/api/v1/activities/{activity.pk}").json()["serves_id"]
        for user in (zhao, wang, li)
    }
    assert told == {"zhao": str(wang.pk), "wang": None, "li": None}


def test_no_shift_is_planned_or_moved_to_when_the_venue_is_closed(lake, zhao, plan, square):
    activity = plan(venue_id=square.pk)
    night = datetime.combine(lake.today + timedelta(days=1), time(19), lake.clock)
    with pytest.raises(VenueClosed):
        activities.plan_shift(
            activity=activity, starts_at=night, ends_at=night + timedelta(hours=2)
        )
    shift = activities.plan_shift(
        activity=activity, starts_at=night, ends_at=night + timedelta(hours=1)
    )
    with pytest.raises(VenueClosed):
        planning.change_shift(
            shift=shift, changed_by=zhao, changes={"ends_at": night + timedelta(hours=2)}
        )
    hall = venues.make(
        place=lake,
        by=zhao,
        name="礼堂",
        opening_hours=[{"weekday": 1, "from_time": "08:00", "until_time": "09:00"}],
    )
    with pytest.raises(VenueClosed):
        planning.change_activity(activity=activity, changed_by=zhao, changes={"venue_id": hall.pk})


def test_who_signed_up_is_told_another_venue(lake, zhao, wang, plan, square):
    activity = plan(venue_id=square.pk)
    noon = datetime.combine(lake.today + timedelta(days=1), time(12), lake.clock)
    shift = activities.plan_shift(
        activity=activity, starts_at=noon, ends_at=noon + timedelta(hours=1)
    )
    sign_ups.sign_up(shift=shift, volunteer=wang)
    library = venues.make(place=lake, by=zhao, name="图书馆")

    for _ in range(2):
        planning.change_activity(
            activity=activity, changed_by=zhao, changes={"venue_id": library.pk, "place": "二楼"}
        )

    (moved,) = Notice.objects.filter(recipient=wang, kind="shift_moved")
    assert moved.facts["place"] == "图书馆 二楼"
    reminder = Notice.objects.get(recipient=wang, kind="shift_reminder")
    assert reminder.facts["place"] == "图书馆 二楼"


def test_no_more_are_wanted_than_there_are_places(plan, lake, zhao):
    activity = plan()
    at = timezone.now() + timedelta(days=1)
    times = {"starts_at": at, "ends_at": at + timedelta(hours=1)}
    with pytest.raises(errors.WantedExceedsCapacity):
        activities.plan_shift(activity=activity, capacity=2, wanted=3, **times)
    shift = activities.plan_shift(activity=activity, capacity=3, wanted=3, **times)
    with pytest.raises(errors.WantedExceedsCapacity):
        planning.change_shift(shift=shift, changed_by=zhao, changes={"capacity": 2})


# --- series -----------------------------------------------------------------------------------
def test_an_activity_of_a_series_has_its_shifts_on_each_occurrence(plan, market, zhao, square):
    activity = plan(series_id=market.pk)

    for _ in range(2):
        activities.set_patterns(activity=activity, slots=[MORNING, NOON], by=zhao)

    assert activity.venue_id == square.pk
    made = shifts_of(activity)
    assert len(made) == 2 * market.occurrences.count()
    clock = market.community.clock
    assert [one.starts_at.astimezone(clock).time() for one in made[:2]] == [time(8), time(10)]
    assert [(one.capacity, one.wanted) for one in made[:2]] == [(5, 3), (None, None)]

    (later,) = events.make_occurrences(series=market, until=market.made_until + timedelta(days=1))
    assert Shift.objects.filter(occurrence=later).count() == 2

    activities.set_patterns(activity=activity, slots=[NOON], by=zhao)
    assert len(shifts_of(activity)) == len(made) + 2  # what was planned stays
    (last,) = events.make_occurrences(series=market, until=market.made_until + timedelta(days=2))
    (shift,) = Shift.objects.filter(occurrence=last)
    assert shift.starts_at.astimezone(clock).time() == time(10)


@pytest.mark.django_db(transaction=True)
def test_no_shift_is_left_of_an_activity_cancelled_while_its_series_is_made(
    at_once, plan, market, zhao
):
    activity = plan(series_id=market.pk)
    activities.set_patterns(activity=activity, slots=[MORNING], by=zhao)
    until = market.made_until + timedelta(days=30)

    at_once(
        2,
        lambda number: (
            events.make_occurrences(series=market, until=until) and 1
            if number
            else planning.cancel_activity(activity=activity, cancelled_by=zhao, reason="雨") and 1
        ),
    )

    assert not Shift.objects.filter(activity=activity, status="planned").exists()


def test_shifts_follow_an_occurrence_and_who_signed_up_is_told(plan, market, zhao, wang):
    activity = plan(series_id=market.pk)
    activities.set_patterns(activity=activity, slots=[MORNING, NOON], by=zhao)
    one = events.coming_occurrences(market.locked("community"))[3]
    morning, noon = Shift.objects.filter(occurrence=one).order_by("starts_at")
    for shift in (morning, noon):  # one right after the other
        sign_ups.sign_up(shift=shift, volunteer=wang)

    for later in (timedelta(hours=2), timedelta(hours=-1)):
        events.move_occurrence(
            occurrence=one,
            by=zhao,
            starts_at=one.starts_at + later,
            ends_at=one.ends_at + later,
        )
        one.refresh_from_db()

    moved = list(Shift.objects.filter(occurrence=one).order_by("starts_at"))
    assert [shift.starts_at for shift in moved] == [
        morning.starts_at + timedelta(hours=1),
        noon.starts_at + timedelta(hours=1),
    ]
    assert Notice.objects.filter(recipient=wang, kind="shift_moved").count() == 4

    events.cancel_occurrence(occurrence=one, by=zhao, reason="下雨")

    assert {shift.status for shift in Shift.objects.filter(occurrence=one)} == {"cancelled"}
    told = Notice.objects.filter(recipient=wang, kind="shift_cancelled")
    assert {notice.facts["reason"] for notice in told} == {"下雨"}


def test_an_occurrence_is_not_moved_where_somebody_would_be_in_two_places(plan, market, zhao, wang):
    activity = plan(series_id=market.pk)
    activities.set_patterns(activity=activity, slots=[MORNING], by=zhao)
    first, second, *_ = events.coming_occurrences(market.locked("community"))
    for occurrence in (first, second):
        sign_ups.sign_up(shift=Shift.objects.get(occurrence=occurrence), volunteer=wang)

    with pytest.raises(AlreadyElsewhere):
        events.move_occurrence(
            occurrence=first, by=zhao, starts_at=second.starts_at, ends_at=second.ends_at
        )

    first.refresh_from_db()
    assert first.day == first.starts_at.astimezone(market.community.clock).date()


def test_what_recurs_moves_with_the_series_and_its_venue(lake, plan, market, zhao):
    activity = plan(series_id=market.pk)
    activities.set_patterns(activity=activity, slots=[MORNING, NOON], by=zhao)
    library = venues.make(place=lake, by=zhao, name="图书馆")

    events.change(
        series=market,
        by=zhao,
        changes={"from_time": time(11), "until_time": time(14), "venue_id": library.pk},
    )

    activity.refresh_from_db()
    assert activity.venue_id == library.pk
    clock = market.community.clock
    assert {one.starts_at.astimezone(clock).time() for one in shifts_of(activity)} == {
        time(10),
        time(12),
    }
    (later,) = events.make_occurrences(series=market, until=market.made_until + timedelta(days=1))
    made = Shift.objects.filter(occurrence=later).order_by("starts_at")
    assert [one.starts_at.astimezone(clock).time() for one in made] == [time(10), time(12)]


def test_patterns_belong_to_activities_of_a_series_that_goes_on(plan, market, hill, zhao):
    with pytest.raises(errors.PatternsNeedSeries):
        activities.set_patterns(activity=plan(), slots=[MORNING], by=zhao)
    with pytest.raises(errors.WantedExceedsCapacity):
        activities.set_patterns(
            activity=plan(series_id=market.pk), slots=[Slot(time(8), time(9), 1, 2)], by=zhao
        )
    with pytest.raises(SeriesUnknown):
        plan(community=hill, series_id=market.pk)


def test_staff_set_the_patterns_of_an_activity(plan, market, zhao, wang, logged_in):
    activity = plan(series_id=market.pk)
    address = f"/api/v1/activities/{activity.pk}/patterns"
    patterns = [
        {"from_time": "08:00", "until_time": "10:00", "capacity": 5, "wanted": 3},
        {"from_time": "23:00", "until_time": "01:00", "capacity": None, "wanted": None},
    ]

    told = logged_in(zhao).put(address, {"patterns": patterns}, format="json")

    assert told.status_code == 200, told.json()
    assert told.json() == {"id": str(activity.pk), "patterns": patterns}
    assert logged_in(wang).get(address).json() == told.json()
    assert logged_in(wang).put(address, {"patterns": []}, format="json").status_code == 404
    # The square is closed at night: only what lies within its opening hours is planned.
    assert {one.capacity for one in shifts_of(activity)} == {5}


# --- lists ------------------------------------------------------------------------------------
def test_activities_and_shifts_are_found_by_what_they_are(
    lake, plan, market, square, led, wang, zhao, logged_in
):
    of_series = plan(series_id=market.pk, category="集市")
    of_team = plan(team_id=led.pk, title="清扫")
    activities.set_patterns(activity=of_series, slots=[NOON], by=zhao)
    mine = Shift.objects.filter(activity=of_series).earliest("starts_at")
    sign_ups.sign_up(shift=mine, volunteer=wang)
    client = logged_in(wang)
    for asked, found in (
        (f"series={market.pk}", [of_series]),
        (f"venue={square.pk}", [of_series]),
        (f"team={led.pk}", [of_team]),
        ("category=集市", [of_series]),
        ("text=清扫", [of_team]),
        ("mine=true", [of_series]),
        ("mine=false", [of_team]),
    ):
        listed = client.get(f"/api/v1/activities?{asked}").json()["results"]
        assert [one["id"] for one in listed] == [str(one.pk) for one in found], asked
    for asked, count in (
        ("mine=true", 1),
        (f"occurrence={mine.occurrence_id}", 1),
        (f"team={led.pk}", 0),
        (f"category=集市&day={mine.starts_at.astimezone(lake.clock).date()}", 1),
    ):
        assert len(client.get(f"/api/v1/shifts?{asked}").json()["results"]) == count, asked
    sheet = logged_in(zhao).get("/api/v1/communities/lake/shifts.csv?mine=false")
    assert len(sheet.getvalue().splitlines()) == 1 + of_series.shifts.count()


def test_what_is_near_is_found_whatever_the_datum(lake, zhao, wang, plan, square, logged_in):
    venues.change(venue=square, by=zhao, changes={"coord_type": "gcj02"})
    there = plan(venue_id=square.pk)
    plan(title="别处")
    client = logged_in(wang)
    # GPS has the square of the map some 600 metres to the west.
    for asked, found in (
        ("28.2,112.9,10", [there]),
        ("28.2,112.9,10,wgs84", []),
        ("28.2,112.9,1000,wgs84", [there]),
        ("28.201,112.9,100", []),
        ("28.201,112.9,120", [there]),
    ):
        listed = client.get(f"/api/v1/activities?near={asked}").json()["results"]
        assert [one["id"] for one in listed] == [str(one.pk) for one in found], asked
    at = timezone.now() + timedelta(days=1)
    tomorrow = at.astimezone(lake.clock).replace(hour=12)
    activities.plan_shift(activity=there, starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=1))
    assert len(client.get("/api/v1/shifts?near=28.2,112.9,10").json()["results"]) == 1
    for wrong in ("28.2", "91,112.9,10", "28.2,112.9,60000", "28.2,112.9,10,bd09"):
        refused = client.get(f"/api/v1/activities?near={wrong}")
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["near"]), wrong


def test_the_first_day_of_a_series_may_be_far(lake, zhao):
    far = events.plan(
        place=lake,
        by=zhao,
        title="远",
        recurrence=DAILY,
        starts_on=date(2099, 1, 1),
        ends_on=date(2099, 1, 3),
        from_time=time(9),
        until_time=time(12),
    )
    assert far.occurrences.count() == 3
