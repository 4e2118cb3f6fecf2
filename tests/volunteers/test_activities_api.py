"""Planning activities and shifts, and signing up for them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts import phones
from backend.communities.models import Role
from backend.communities.services import roles
from backend.ids import new_id
from volunteers.activities import services as activities
from volunteers.attendance.services import sign_ups
from volunteers.models import Activity, Attendance, Shift, Volunteer
from volunteers.people.services import people


@pytest.fixture
def next_door(hill, person):
    """Staff of another community."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=hill, role=Role.STAFF)
    return user


@pytest.fixture
def auditor(lake, person):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def dusk(lake):
    """A shift of tomorrow, with one place."""
    activity = activities.plan_activity(community=lake, title="夜巡", category="巡逻")
    now = timezone.now().replace(microsecond=0)
    return activities.plan_shift(
        activity=activity,
        starts_at=now + timedelta(days=1),
        ends_at=now + timedelta(days=1, hours=2),
        capacity=1,
    )


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def brief(community):
    return {"id": str(community.pk), "code": community.code, "name": community.name}


def activity_of(shift):
    activity = shift.activity
    return {
        "id": str(activity.pk),
        "title": activity.title,
        "category": activity.category,
        "place": activity.place,
    }


# --- what is open -----------------------------------------------------------------------------
def test_open_shifts_come_soonest_first_with_the_places_taken(
    lake, hill, wang, li, patrol, dusk, served, logged_in
):
    sign_ups.sign_up(shift=patrol, volunteer=li)
    cancelled = sign_ups.sign_up(shift=patrol, volunteer=wang)
    sign_ups.cancel(attendance=cancelled)
    served(wang, "2024-03-01 07:00", "2024-03-01 09:00")  # over
    activities.plan_shift(  # not mine to go to
        activity=activities.plan_activity(community=hill, title="山上", category="巡逻"),
        starts_at=dusk.starts_at,
        ends_at=dusk.ends_at,
    )

    response = logged_in(wang).get("/api/v1/shifts")

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(patrol.pk),
                "community": brief(lake),
                "activity": activity_of(patrol),
                "starts_at": iso(patrol.starts_at),
                "ends_at": iso(patrol.ends_at),
                "capacity": 10,
                "wanted": None,
                "places_taken": 1,
                "waiting": 0,
                "status": "planned",
                "reason": "",
                "cancelled_at": None,
                "check_in_opens_at": iso(patrol.starts_at - timedelta(minutes=30)),
                "my_attendance": {"id": str(cancelled.pk), "status": "cancelled"},
                "my_waiting_place": None,
            },
            {
                "id": str(dusk.pk),
                "community": brief(lake),
                "activity": activity_of(dusk),
                "starts_at": iso(dusk.starts_at),
                "ends_at": iso(dusk.ends_at),
                "capacity": 1,
                "wanted": None,
                "places_taken": 0,
                "waiting": 0,
                "status": "planned",
                "reason": "",
                "cancelled_at": None,
                "check_in_opens_at": iso(dusk.starts_at - timedelta(minutes=30)),
                "my_attendance": None,
                "my_waiting_place": None,
            },
        ],
    }


def test_open_shifts_page_by_page_are_all_there_once(wang, patrol, dusk, logged_in):
    beside = activities.plan_shift(  # begins at the same moment
        activity=dusk.activity, starts_at=dusk.starts_at, ends_at=dusk.ends_at
    )
    client, shown = logged_in(wang), []
    address = "/api/v1/shifts?page_size=1"
    while address:
        body = client.get(address).json()
        shown += [row["id"] for row in body["results"]]
        address = body["next"]

    assert shown == [str(patrol.pk), str(dusk.pk), str(beside.pk)]


def test_open_shifts_can_be_narrowed_down_to_a_community(hill, wang, patrol, logged_in):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    client = logged_in(wang)

    def found(code):
        body = client.get("/api/v1/shifts", {"community": code}).json()
        return [row["id"] for row in body["results"]]

    assert found("lake") == [str(patrol.pk)]
    assert found("hill") == []
    assert found("nowhere") == []


def test_a_longer_list_of_shifts_asks_the_database_no_more(wang, patrol, logged_in):
    client = logged_in(wang)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/api/v1/shifts").status_code == 200
        return len(asked)

    few = queries()
    for _ in range(4):
        activities.plan_shift(
            activity=patrol.activity, starts_at=patrol.starts_at, ends_at=patrol.ends_at
        )

    assert queries() == few


# --- signing up -------------------------------------------------------------------------------
def test_signing_up_takes_a_place_and_again_finds_it_taken(lake, wang, dusk, logged_in):
    client = logged_in(wang)

    first = client.post(f"/api/v1/shifts/{dusk.pk}/attendances")
    again = client.post(f"/api/v1/shifts/{dusk.pk}/attendances")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == {
        "id": str(Attendance.objects.get().pk),
        "community": brief(lake),
        "shift": {
            "id": str(dusk.pk),
            "starts_at": iso(dusk.starts_at),
            "ends_at": iso(dusk.ends_at),
            "activity": activity_of(dusk),
        },
        "volunteer": {"id": str(wang.pk), "name": wang.name, "phone": phones.mask(wang.phone)},
        "status": "signed_up",
        "signed_up_at": iso(Attendance.objects.get().signed_up_at),
        "checked_in_at": None,
        "checked_out_at": None,
        "worked_minutes": None,
        "counts_until": None,
        "cut_by": None,
        "proof": "own_word",
        "is_walk_in": False,
        "position_mark": None,
        "distance_metres": None,
        "accuracy_metres": None,
        "was_offline": False,
        "is_backfilled": False,
        "check_out_was_forgotten": False,
        "check_in_claimed_at": None,
        "check_in_mark": "",
        "check_out_claimed_at": None,
        "check_out_mark": "",
        "refused_claims": [],
        "verified_at": None,
        "published_until": None,
        "voided_at": None,
        "reason": "",
        "points": None,
    }
    assert again.json() == first.json()


def test_who_cancelled_may_sign_up_anew(wang, dusk, logged_in):
    cancelled = sign_ups.sign_up(shift=dusk, volunteer=wang)
    sign_ups.cancel(attendance=cancelled)

    response = logged_in(wang).post(f"/api/v1/shifts/{dusk.pk}/attendances")

    assert response.status_code == 201
    assert (response.json()["id"], response.json()["status"]) == (str(cancelled.pk), "signed_up")


def test_a_shift_that_is_full_or_over_takes_nobody(wang, li, dusk, served, logged_in):
    sign_ups.sign_up(shift=dusk, volunteer=li)
    over = served(li, "2024-03-01 07:00", "2024-03-01 09:00").shift

    for shift, code in [(dusk, "shift_full"), (over, "shift_over")]:
        response = logged_in(wang).post(f"/api/v1/shifts/{shift.pk}/attendances")
        assert (response.status_code, response.json()["code"]) == (409, code)
    assert not Attendance.objects.filter(volunteer=wang).exists()


def test_a_shift_of_a_community_where_i_do_not_volunteer_is_unknown(
    zhao, next_door, dusk, logged_in
):
    for user, shift_id in [(zhao, dusk.pk), (next_door, dusk.pk), (zhao, new_id())]:
        response = logged_in(user).post(f"/api/v1/shifts/{shift_id}/attendances")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert not Attendance.objects.exists()


# --- planning ---------------------------------------------------------------------------------
def test_staff_plan_an_activity_and_its_shifts(lake, zhao, logged_in):
    client = logged_in(zhao)

    told = {"title": "99便民", "category": "便民", "place": "广场"}

    refused = client.post("/api/v1/communities/lake/activities", told | {"unknown": "ignored"})
    planned = client.post("/api/v1/communities/lake/activities", told)
    assert refused.status_code == 400
    assert [one["code"] for one in refused.json()["errors"]["unknown"]] == ["unknown_field"]
    activity = Activity.objects.get()
    shift = client.post(
        f"/api/v1/activities/{activity.pk}/shifts",
        {
            "starts_at": "2030-03-19T09:00:00+08:00",
            "ends_at": "2030-03-19T03:30:00Z",
            "capacity": 10_000,
        },
    )

    assert planned.status_code == 201
    assert planned.json() == {
        "id": str(activity.pk),
        "community": brief(lake),
        "title": "99便民",
        "category": "便民",
        "description": "",
        "place": "广场",
        "estate": None,
        "team": None,
        "series": None,
        "venue": None,
        "is_public": False,
        "check_in_mode": "in_out",
        "geofence_metres": None,
        "walk_ins": False,
        "min_age": None,
        "skills": [],
        "longest_minutes": None,
        "most_minutes": None,
        "serves_id": None,
        "status": "planned",
        "reason": "",
        "cancelled_at": None,
    }
    assert shift.status_code == 201
    assert shift.json() == {
        "id": str(Shift.objects.get().pk),
        "community": brief(lake),
        "activity": activity_of(Shift.objects.get()),
        "starts_at": "2030-03-19T01:00:00Z",
        "ends_at": "2030-03-19T03:30:00Z",
        "capacity": 10_000,
        "wanted": None,
        "places_taken": 0,
        "waiting": 0,
        "status": "planned",
        "reason": "",
        "cancelled_at": None,
        "check_in_opens_at": "2030-03-19T00:30:00Z",
        "my_attendance": None,
        "my_waiting_place": None,
    }


def test_a_shift_without_capacity_takes_any_number(zhao, dusk, logged_in):
    response = logged_in(zhao).post(
        f"/api/v1/activities/{dusk.activity_id}/shifts",
        {"starts_at": "2030-03-19T09:00:00+08:00", "ends_at": "2030-03-19T10:00:00+08:00"},
    )

    assert (response.status_code, response.json()["capacity"]) == (201, None)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"title": "required", "category": "required"}),
        ({"title": " ", "category": ""}, {"title": "blank", "category": "blank"}),
        (
            {"title": "邻" * 81, "category": "邻" * 41, "place": "邻" * 121},
            {"title": "max_length", "category": "max_length", "place": "max_length"},
        ),
        ([], {"non_field_errors": "invalid"}),
    ],
)
def test_an_activity_that_can_not_be_is_refused_by_field(lake, zhao, logged_in, body, errors):
    response = logged_in(zhao).post("/api/v1/communities/lake/activities", body)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert {name: found[0]["code"] for name, found in response.json()["errors"].items()} == errors
    assert not Activity.objects.exists()


START, END = "2030-03-19T09:00:00+08:00", "2030-03-19T10:00:00+08:00"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"starts_at": "required", "ends_at": "required"}),
        # Whose nine o'clock? Better asked than guessed.
        (
            {"starts_at": "2030-03-19T09:00:00", "ends_at": "2030-03-19 10:00"},
            {"starts_at": "naive", "ends_at": "naive"},
        ),
        ({"starts_at": "tomorrow", "ends_at": 7}, {"starts_at": "invalid", "ends_at": "invalid"}),
        (
            {"starts_at": "0001-01-01T00:00:00+14:00", "ends_at": END},
            {"starts_at": "date_out_of_range"},
        ),
        ({"starts_at": START, "ends_at": END, "capacity": 0}, {"capacity": "min_value"}),
        ({"starts_at": START, "ends_at": END, "capacity": 10_001}, {"capacity": "max_value"}),
        ({"starts_at": START, "ends_at": END, "capacity": "few"}, {"capacity": "invalid"}),
    ],
)
def test_a_shift_that_can_not_be_is_refused_by_field(zhao, dusk, logged_in, body, errors):
    response = logged_in(zhao).post(f"/api/v1/activities/{dusk.activity_id}/shifts", body)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert {name: found[0]["code"] for name, found in response.json()["errors"].items()} == errors
    assert Shift.objects.count() == 1


@pytest.mark.parametrize(
    "ends_at", [START, "2030-03-19T08:59:00+08:00", "2030-03-20T09:00:01+08:00"]
)
def test_a_shift_ends_after_it_begins_and_within_a_day(zhao, dusk, logged_in, ends_at):
    response = logged_in(zhao).post(
        f"/api/v1/activities/{dusk.activity_id}/shifts", {"starts_at": START, "ends_at": ends_at}
    )

    assert (response.status_code, response.json()["code"]) == (400, "shift_times_invalid")


def test_only_the_communitys_staff_plan(lake, wang, auditor, next_door, dusk, logged_in):
    for user in (wang, auditor, next_door):
        activity = logged_in(user).post(
            "/api/v1/communities/lake/activities", {"title": "x", "category": "x"}
        )
        shift = logged_in(user).post(
            f"/api/v1/activities/{dusk.activity_id}/shifts", {"starts_at": START, "ends_at": END}
        )
        assert (activity.status_code, activity.json()["code"]) == (404, "community_unknown")
        assert (shift.status_code, shift.json()["code"]) == (404, "not_found")
    assert (Activity.objects.count(), Shift.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "shifts"),
        ("post", "shifts/01900000-0000-7000-8000-000000000000/attendances"),
        ("post", "communities/lake/activities"),
        ("post", "activities/01900000-0000-7000-8000-000000000000/shifts"),
    ],
)
def test_every_address_of_activities_asks_for_a_log_in(lake, method, address):
    response = getattr(APIClient(), method)(f"/api/v1/{address}")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
