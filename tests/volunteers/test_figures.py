"""Figures of verified hours: minutes, attendances and people, and nothing of fewer than five."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.ids import new_id
from volunteers.attendance import figures
from volunteers.attendance.errors import FiguresTooFine
from volunteers.attendance.figures import By
from volunteers.models import Activity, Attendance, Shift, Volunteer
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.people.services import people
from volunteers.teams import services as teams


@pytest.fixture
def street(lake, hill):
    """The street above the lake and the hill."""
    above = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    for below in (lake, hill):
        below.parent = above
        below.save(update_fields=["parent"])
    return above


@pytest.fixture
def crowd(db):
    """Thirty people who may have served."""
    return User.objects.bulk_create(
        User(id=new_id(), username=f"p{number}", name=f"p{number}") for number in range(30)
    )


@pytest.fixture
def serve(zhao):
    """Put verified hours on record: ``serve(lake, wang, 90, at, team=…, estate=…)``."""

    def put(community, user, minutes, at, *, team=None, estate=None, **more):
        activity = Activity.objects.create(
            community=community, title="护河", category="护河", team=team, estate=estate
        )
        shift = Shift.objects.create(
            community=community, activity=activity, starts_at=at, ends_at=at + timedelta(hours=2)
        )
        facts = {
            "status": "verified",
            "checked_in_at": at,
            "checked_out_at": at + timedelta(minutes=1),
            "worked_minutes": minutes,
            "verified_by": zhao,
            "verified_at": at + timedelta(hours=3),
        }
        return Attendance.objects.create(
            community=community, shift=shift, volunteer=user, **facts | more
        )

    return put


def told(one):
    return one and (one.minutes, one.attendances, one.people)


def groups(found):
    return {one.key: told(one) for one in found.groups}


# --- what is counted --------------------------------------------------------------------------
def test_the_average_of_a_team_is_computed(lake, crowd, serve, zhao, logged_in):
    """Seventeen people and 274,680 minutes are 269.3 hours each."""
    team = teams.found(place=lake, founded_by=zhao, name="绿丝带")
    begins = datetime(2024, 3, 1, tzinfo=UTC)
    for number, user in enumerate(crowd[:17]):
        minutes = 16_157 + (11 if number == 0 else 0)
        serve(lake, user, minutes - 100, begins + timedelta(hours=number), team=team)
        serve(lake, user, 100, begins + timedelta(days=9, hours=number), team=team)

    answer = logged_in(zhao).get(f"/api/v1/teams/{team.pk}/service-figures?by=month")

    assert answer.json() == {
        "total": {
            "minutes": 274_680,
            "backfilled_minutes": 0,
            "attendances": 34,
            "people": 17,
            "average_hours": "269.3",
        },
        "groups": [
            {
                "minutes": 274_680,
                "backfilled_minutes": 0,
                "attendances": 34,
                "people": 17,
                "average_hours": "269.3",
                "key": "2024-03",
                "name": "",
            }
        ],
        "left_out": False,
    }


def test_a_person_counts_once_in_a_group_wherever_they_served(street, lake, hill, wang, li, serve):
    at = datetime(2024, 5, 1, tzinfo=UTC)
    for number, community in enumerate((lake, lake, hill)):
        serve(community, wang, 60, at + timedelta(days=number))
    serve(lake, li, 30, at)

    found = figures.of_place(street, sees_names=True, by=By.PLACE)

    assert told(found.total) == (210, 4, 2)
    assert groups(found) == {str(lake.pk): (150, 3, 2), str(hill.pk): (60, 1, 1)}
    assert {one.name for one in found.groups} == {"碧沙湖社区", "山丹社区"}


def test_a_year_begins_by_the_communitys_clock(lake, wang, serve):
    serve(lake, wang, 60, datetime(2023, 12, 31, 15, 59, tzinfo=UTC))  # 23:59 in Shanghai
    serve(lake, wang, 30, datetime(2023, 12, 31, 16, 0, tzinfo=UTC))

    found = figures.of_place(lake, sees_names=True, by=By.YEAR)

    assert groups(found) == {"2023": (60, 1, 1), "2024": (30, 1, 1)}
    months = figures.of_place(lake, sees_names=True, by=By.MONTH, year=2024)
    assert (told(months.total), groups(months)) == ((30, 1, 1), {"2024-01": (30, 1, 1)})


@pytest.mark.parametrize("status", sorted({*Attendance.Status.values} - {"verified", "voided"}))
def test_hours_that_are_not_verified_do_not_count(lake, wang, serve, status):
    until = datetime(2024, 5, 9, tzinfo=UTC) if status == "published" else None
    serve(lake, wang, 60, datetime(2024, 5, 1, tzinfo=UTC), status=status, published_until=until)

    assert told(figures.of_place(lake, sees_names=True).total) == (0, 0, 0)


def test_backfilled_hours_are_told_apart_to_whoever_sees_names(
    lake, crowd, serve, zhao, wang, logged_in
):
    at = datetime(2024, 5, 1, tzinfo=UTC)
    for user in crowd[:6]:
        serve(lake, user, 60, at)
    serve(lake, crowd[6], 45, at, is_backfilled=True)
    address = "/api/v1/communities/lake/service-figures"

    shown = [logged_in(user).get(address).json()["total"] for user in (zhao, wang)]

    assert [one["minutes"] for one in shown] == [405, 405]
    assert [one["backfilled_minutes"] for one in shown] == [45, None]


# --- fewer than five --------------------------------------------------------------------------
@pytest.fixture
def small(lake, crowd, serve, zhao):
    """A team of ten people and one of two, and six people of no team."""
    at = datetime(2024, 5, 1, tzinfo=UTC)
    made = [
        teams.found(place=lake, founded_by=zhao, name=name, is_open=True)
        for name in ("红马甲", "绿丝带")
    ]
    for team, who in ((made[0], crowd[:10]), (made[1], crowd[10:12]), (None, crowd[12:18])):
        for user in who:
            serve(lake, user, 60, at, team=team)
    return made


def test_a_group_of_fewer_than_five_cannot_be_subtracted_from_the_total(lake, small):
    large, two = small

    full = figures.of_place(lake, sees_names=True, by=By.TEAM)
    public = figures.of_place(lake, sees_names=False, by=By.TEAM)

    assert groups(full) == {
        str(large.pk): (600, 10, 10),
        str(two.pk): (120, 2, 2),
        None: (360, 6, 6),
    }
    # Eight people remain, of the two and the next smallest group together.
    assert (told(public.total), groups(public)) == ((1_080, 18, 18), {str(large.pk): (600, 10, 10)})
    assert (full.left_out, public.left_out) == (False, True)


def test_who_is_told_of_small_groups(lake, small, person, wang, zhao, logged_in, client):
    two = small[1]
    auditor, leader, other = (person(name) for name in ("auditor", "leader", "other"))
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    for user, team in ((leader, two), (other, small[0])):
        people.enrol(user=user, community=lake, kind=Volunteer.Kind.RIDER)
        member, _ = teams.join(team=team, volunteer=user)
        teams.appoint(member=member, appointed_by=zhao)
    address = f"/api/v1/teams/{two.pk}/service-figures"

    for user in (zhao, auditor, leader):
        assert logged_in(user).get(address).json()["total"]["minutes"] == 120
    for asking in (logged_in(wang), logged_in(other), client):
        assert asking.get(address).json() == {"total": None, "groups": [], "left_out": True}
        refused = asking.get(f"{address}?by=month")
        assert (refused.status_code, refused.json()["code"]) == (403, "figures_too_fine")
        lake_told = asking.get("/api/v1/communities/lake/service-figures?by=team").json()
        assert [one["name"] for one in lake_told["groups"]] == ["红马甲"]
    leading = logged_in(leader).get("/api/v1/communities/lake/service-figures?by=team").json()
    assert leading["left_out"] is True  # of their own team's alone they see names


def test_a_year_of_fewer_than_five_people_is_in_no_total(street, lake, hill, crowd, serve):
    at = datetime(2024, 5, 1, tzinfo=UTC)
    for user in crowd[:6]:
        serve(lake, user, 60, at)
    for user in crowd[:4]:
        serve(hill, user, 30, at)
        serve(lake, user, 30, at + timedelta(days=400))

    found = figures.of_place(street, sees_names=False, by=By.PLACE)

    assert (told(found.total), found.left_out) == ((360, 6, 6), True)
    assert groups(found) == {str(lake.pk): (360, 6, 6)}
    assert figures.of_place(hill, sees_names=False).total is None
    assert told(figures.of_place(street, sees_names=True).total) == (600, 14, 6)


def test_nothing_at_all_is_no_secret(lake):
    for sees_names in (True, False):
        found = figures.of_place(lake, sees_names=sees_names)
        assert (told(found.total), found.groups, found.left_out) == ((0, 0, 0), [], False)


def test_other_questions_are_refused(lake, client):
    address = "/api/v1/communities/lake/service-figures"

    assert client.get(f"{address}?by=day").status_code == 400
    assert client.get(f"{address}?since=2024-01-01").status_code == 400
    assert client.get("/api/v1/communities/nowhere/service-figures").status_code == 404
    assert client.get(f"/api/v1/teams/{new_id()}/service-figures").status_code == 404


def test_months_of_an_estate_are_refused_to_whoever_may_not_see_names(lake):
    east = places.estate_named(community=lake, name="东苑")

    with pytest.raises(FiguresTooFine):
        figures.of_place(east, sees_names=False, by=By.MONTH)
    assert figures.of_place(east, sees_names=True, by=By.MONTH).groups == []


# --- against another computation --------------------------------------------------------------
PERIODS = [(2023, 12), (2024, 1), (2024, 2)]
# Who served together: few, or as many as may be told of, so that both stand beside each other.
TOGETHER = st.tuples(
    st.integers(0, 1),  # community
    st.integers(0, 2),  # none, or one of two teams
    st.integers(0, 1),  # none, or the estate
    st.sampled_from(PERIODS),
    st.integers(0, 3),  # the first person
    st.sampled_from([1, 2, 3, 5, 6]),  # how many
)


def rows_of(parties):
    """At most thirty rows: there is a bit of a column for each."""
    rows = [
        (community, team, estate, who, period)
        for community, team, estate, period, first, size in parties
        for who in range(first, first + size)
    ]
    return rows[:30]


@pytest.fixture
def town(street, lake, hill):
    """Two communities of a street, each with two teams and an estate."""
    return [
        (
            community,
            [None, *(teams.found(place=community, founded_by=None, name=one) for one in "甲乙")],
            [None, places.estate_named(community=community, name="一区")],
        )
        for community in (lake, hill)
    ]


@pytest.fixture
def one_bit_each(town, crowd, serve):
    """Put rows on record; the minutes of each are another power of two."""

    def put(rows):
        for number, (community, team, estate, who, period) in enumerate(rows):
            place, its_teams, estates = town[community]
            at = datetime(*period, 15, tzinfo=UTC) + timedelta(hours=number)
            serve(place, crowd[who], 2**number, at, team=its_teams[team], estate=estates[estate])

    return put


def held_by(one, rows):
    """The numbers of the rows that a sum holds, as its minutes tell; it counts them rightly."""
    held = frozenset(number for number in range(len(rows)) if one.minutes >> number & 1)
    assert (one.attendances, one.people) == (len(held), len({rows[n][3] for n in held}))
    return held


def figures_told(street, town, rows, *, sees_names):
    """All that the addresses tell: by what it is about, the rows that it holds."""
    told = {}
    for year in (None, 2024):
        for by in By:
            about = [(figures.of_place, street)]
            for community, its_teams, (_, estate) in town:
                about += [(figures.of_place, community), (figures.of_place, estate)]
                about += [(figures.of_team, team) for team in its_teams[1:]]
            for read, of in about:
                if by == By.MONTH and not sees_names and read is figures.of_team:
                    continue
                if by == By.MONTH and not sees_names and of.kind == Community.Kind.ESTATE:
                    continue
                found = read(of, sees_names=sees_names, by=by, year=year)
                for one in [*([found.total] if found.total else []), *found.groups]:
                    is_total = one is found.total
                    told[of, by, year, is_total, one.key] = held_by(one, rows)
    return told


@pytest.mark.slow
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(TOGETHER, max_size=8).map(rows_of))
def test_figures_hold_what_they_should_and_whoever_sees_no_names_learns_of_no_small_part(
    street, town, one_bit_each, rows
):
    with transaction.atomic():
        one_bit_each(rows)
        full = figures_told(street, town, rows, sees_names=True)
        public = figures_told(street, town, rows, sees_names=False)
        transaction.set_rollback(True)

    def expected(where):
        return frozenset(number for number, row in enumerate(rows) if where(row))

    for year in (None, 2024):
        for number, (community, its_teams, estates) in enumerate(town):
            here = expected(lambda row, n=number, y=year: row[0] == n and y in (None, row[4][0]))
            assert full[community, By.YEAR, year, True, None] == here
            for index, team in enumerate(its_teams):
                its = here & expected(lambda row, i=index: row[1] == i)
                key = (community, By.TEAM, year, False, team and str(team.pk))
                assert full.get(key, frozenset()) == its
                if team:
                    assert full[team, By.YEAR, year, True, None] == its
            its = here & expected(lambda row: row[2] == 1)
            assert full[estates[1], By.YEAR, year, True, None] == its
            for period in PERIODS:
                its = here & expected(lambda row, p=period: row[4] == p)
                key = (community, By.MONTH, year, False, "{}-{:02}".format(*period))
                assert full.get(key, frozenset()) == its
        assert full[street, By.YEAR, year, True, None] == expected(
            lambda row, y=year: y in (None, row[4][0])
        )

    # Rows that are in the same sums cannot be told apart; all others can, by some difference.
    for margin in (False, True):
        sums = [held for (_, by, *_), held in public.items() if (by == By.MONTH) == margin]
        parts = defaultdict(set)
        for number, row in enumerate(rows):
            if within := tuple(number in held for held in sums):
                parts[within].add(row[3])
        small = [who for within, who in parts.items() if any(within) and len(who) < FEWEST_TOLD]
        assert small == []
