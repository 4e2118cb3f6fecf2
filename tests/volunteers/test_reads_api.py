"""Pages of volunteers, staff and newcomers: activities, shifts, rosters, claims and totals."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from backend.communities.models import Role
from backend.communities.services import places, roles
from volunteers.activities import services as activities
from volunteers.attendance.errors import CheckInTooLate
from volunteers.attendance.services import hours, planning, presence, sign_ups
from volunteers.models import Attendance, RefusedClaim, Volunteer
from volunteers.people.services import joining, people

NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def plan(lake):
    """Plans a shift: ``plan("夜巡", begins, ends)``."""

    def plan(title, begins, ends, place=lake, **more):
        activity = activities.plan_activity(
            community=place, title=title, category="邻里服务", **more
        )
        return activities.plan_shift(activity=activity, starts_at=begins, ends_at=ends)

    return plan


def ids(client, address, **asked):
    answer = client.get(f"/api/v1/{address}", asked)
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def queries(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


# --- activities and shifts --------------------------------------------------------------------
def test_shifts_are_narrowed_down_by_day_period_status_activity_and_text(
    lake, wang, zhao, plan, clock, logged_in
):
    first = plan("夜巡", clock("2024-03-01 22:00"), clock("2024-03-02 02:00"))
    second = plan("清扫", clock("2024-03-03 08:00"), clock("2024-03-03 10:00"))
    to_come = plan("夜巡", NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2))
    off = plan("送餐", NOW + timedelta(days=2), NOW + timedelta(days=2, hours=2))
    planning.cancel_shift(shift=off, cancelled_by=zhao, reason="下雨")
    one, two, three, four = (str(shift.pk) for shift in (first, second, to_come, off))

    for user in (wang, zhao):
        client = logged_in(user)
        assert ids(client, "shifts") == [three]
        assert ids(client, "shifts", day="2024-03-01") == [one]
        assert ids(client, "shifts", day="2024-03-02") == [one]
        assert ids(client, "shifts", day="2024-03-04") == []
        assert ids(client, "shifts", since="2024-03-02", until="2024-03-03") == [one, two]
        assert ids(client, "shifts", until="2024-03-02") == [one]
        assert ids(client, "shifts", status="cancelled") == [four]
        assert ids(client, "shifts", text="夜", until="2100-01-01") == [one, three]
        assert ids(client, "shifts", activity=str(second.activity_id), until="2100-01-01") == [two]
        assert ids(client, f"activities/{first.activity_id}/shifts") == [one]
        assert client.get(f"/api/v1/shifts/{four}").json()["reason"] == "下雨"


def test_activities_are_narrowed_down_by_the_day_of_one_shift(
    lake, hill, wang, zhao, plan, clock, logged_in
):
    early = plan("夜巡", clock("2024-03-01 08:00"), clock("2024-03-01 09:00")).activity
    late = plan("清扫", clock("2024-03-05 08:00"), clock("2024-03-05 09:00")).activity
    activities.plan_shift(
        activity=early, starts_at=clock("2024-03-09 08:00"), ends_at=clock("2024-03-09 09:00")
    )
    plan("山上", NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2), place=hill)
    planning.change_activity(activity=late, changed_by=zhao, changes={"place": "西门"})
    one, two = str(early.pk), str(late.pk)

    for user in (wang, zhao):
        client = logged_in(user)
        assert ids(client, "activities") == [two, one]
        assert ids(client, "activities", day="2024-03-05") == [two]
        # No shift of the first is between these days, though one is before and one after.
        assert ids(client, "activities", since="2024-03-02", until="2024-03-08") == [two]
        assert ids(client, "activities", text="西门") == [two]
        assert ids(client, "activities", status="cancelled") == []
        assert ids(client, "activities", community="hill") == []
        assert client.get(f"/api/v1/activities/{two}").json()["place"] == "西门"


def test_whether_i_am_in_a_shift_costs_nothing_more_for_each_row(lake, wang, li, plan, logged_in):
    client = logged_in(wang)
    mine = plan("夜巡", NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2))
    attendance = sign_ups.sign_up(shift=mine, volunteer=wang)
    sign_ups.sign_up(shift=mine, volunteer=li)
    few = queries(client, "/api/v1/shifts")
    for day in range(2, 6):
        shift = plan("夜巡", NOW + timedelta(days=day), NOW + timedelta(days=day, hours=2))
        sign_ups.sign_up(shift=shift, volunteer=li)

    rows = client.get("/api/v1/shifts").json()["results"]

    assert rows[0]["my_attendance"] == {"id": str(attendance.pk), "status": "signed_up"}
    assert [row["my_attendance"] for row in rows[1:]] == [None] * 4
    assert [row["places_taken"] for row in rows] == [2, 1, 1, 1, 1]
    assert queries(client, "/api/v1/shifts") == few


def test_staff_change_and_cancel_over_http(lake, wang, zhao, plan, logged_in):
    shift = plan("夜巡", NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2))
    sign_ups.sign_up(shift=shift, volunteer=wang)
    staff, address = logged_in(zhao), f"/api/v1/shifts/{shift.pk}"

    small = staff.patch(address, {"capacity": 0})
    changed = staff.patch(address, {"capacity": 4})
    cancelled = staff.post(f"{address}/cancel", {"reason": "下雨"})

    assert small.json()["errors"]["capacity"][0]["code"] == "min_value"
    assert (changed.status_code, changed.json()["capacity"]) == (200, 4)
    assert changed.json()["places_taken"] == 1
    assert (cancelled.json()["status"], cancelled.json()["places_taken"]) == ("cancelled", 0)
    assert logged_in(wang).get(address).json()["my_attendance"]["status"] == "cancelled"
    for method, body in (("patch", {"capacity": 5}), ("post", None)):
        where = address if method == "patch" else f"{address}/attendances"
        client = staff if method == "patch" else logged_in(wang)
        refused = getattr(client, method)(where, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "shift_cancelled")
    assert logged_in(wang).patch(address, {"capacity": 5}).status_code == 404


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda c, s: c.patch(f"/api/v1/shifts/{s.pk}", {"capacity": 1}), "capacity_too_small"),
        (
            lambda c, s: c.patch(
                f"/api/v1/shifts/{s.pk}", {"ends_at": (s.ends_at + timedelta(hours=1)).isoformat()}
            ),
            "shift_attended",
        ),
        (
            lambda c, s: c.patch(f"/api/v1/activities/{s.activity_id}", {"category": "别的"}),
            "activity_attended",
        ),
    ],
)
def test_what_people_who_are_there_forbid_is_refused_with_its_code(
    wang, li, zhao, patrol, logged_in, act, code
):
    for user in (wang, li):
        presence.check_in(attendance=sign_ups.sign_up(shift=patrol, volunteer=user))

    refused = act(logged_in(zhao), patrol)

    assert (refused.status_code, refused.json()["code"]) == (409, code)


def test_a_roster_is_for_staff_in_the_order_of_signing_up(
    lake, hill, wang, li, zhao, patrol, person, logged_in
):
    for user in (li, wang):
        sign_ups.sign_up(shift=patrol, volunteer=user)
    address = f"shifts/{patrol.pk}/attendances"
    other = person("other")
    roles.give(user=other, community=hill, role=Role.STAFF)

    rows = logged_in(zhao).get(f"/api/v1/{address}").json()["results"]

    assert [row["volunteer"] for row in rows] == [
        {"id": str(user.pk), "name": user.name, "phone": f"198****{user.phone[-4:]}"}
        for user in (li, wang)
    ]
    assert ids(logged_in(zhao), address, text="王") == [rows[1]["id"]]
    assert ids(logged_in(zhao), address, status="cancelled") == []
    for user in (wang, other):
        assert logged_in(user).get(f"/api/v1/{address}").status_code == 404


# --- before joining ---------------------------------------------------------------------------
def test_a_newcomer_reads_public_activities_with_their_shifts_to_come(
    lake, hill, wang, zhao, plan, clock
):
    later = NOW + timedelta(days=1)
    public = plan("夜巡", later, later + timedelta(hours=2), is_public=True)
    activities.plan_shift(
        activity=public.activity,
        starts_at=clock("2024-03-01 08:00"),
        ends_at=clock("2024-03-01 09:00"),
    )
    plan("探访", later, later + timedelta(hours=2))  # a place that may be a home
    plan("旧事", clock("2024-03-01 08:00"), clock("2024-03-01 09:00"), is_public=True)
    off = plan("送餐", later, later + timedelta(hours=2), is_public=True)
    planning.cancel_activity(activity=off.activity, cancelled_by=zhao, reason="下雨")
    sign_ups.sign_up(shift=public, volunteer=wang)

    answer = APIClient().get("/api/v1/communities/lake/activities")

    assert answer.status_code == 200
    assert answer.json()["results"] == [
        {
            "id": str(public.activity_id),
            "estate": None,
            "title": "夜巡",
            "category": "邻里服务",
            "place": "",
            "description": "",
            "min_age": None,
            "skills": [],
            "venue": None,
            "shifts": [
                {
                    "id": str(public.pk),
                    "starts_at": public.starts_at.isoformat().replace("+00:00", "Z"),
                    "ends_at": public.ends_at.isoformat().replace("+00:00", "Z"),
                    "capacity": None,
                    "wanted": None,
                    "places_taken": 1,
                    "waiting": 0,
                }
            ],
        }
    ]
    one = APIClient().get(f"/api/v1/communities/lake/activities/{public.activity_id}")
    assert one.json() == answer.json()["results"][0]
    for place, hidden in [("hill", public), ("lake", off)]:
        unknown = APIClient().get(f"/api/v1/communities/{place}/activities/{hidden.activity_id}")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert ids(APIClient(), "communities/hill/activities") == []
    nowhere = APIClient().get("/api/v1/communities/nowhere/activities")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "community_unknown")


# --- whatever is listed can be opened ---------------------------------------------------------
def test_staff_open_what_a_phone_told_and_was_refused(
    lake, wang, li, zhao, patrol, person, logged_in
):
    attendance = sign_ups.sign_up(
        shift=patrol, volunteer=wang, now=patrol.starts_at - timedelta(days=9)
    )
    with pytest.raises(CheckInTooLate):
        presence.check_in(
            attendance=attendance, at=patrol.starts_at, now=patrol.starts_at + timedelta(hours=80)
        )
    claim = RefusedClaim.objects.get()

    staff = logged_in(zhao)
    listed = staff.get("/api/v1/refused-claims").json()["results"]

    assert listed == [staff.get(f"/api/v1/refused-claims/{claim.pk}").json()]
    assert (listed[0]["attendance_id"], listed[0]["volunteer"]["name"]) == (
        str(attendance.pk),
        "王小明",
    )
    assert (listed[0]["act"], listed[0]["refused_as"]) == ("check_in", "check_in_too_late")
    assert ids(staff, "refused-claims", person=str(li.pk)) == []
    assert ids(staff, "refused-claims", text="小明") == [str(claim.pk)]
    assert ids(logged_in(wang), "refused-claims") == []
    assert logged_in(wang).get(f"/api/v1/refused-claims/{claim.pk}").status_code == 404


def test_a_request_to_join_is_opened_by_its_asker_and_by_staff(lake, zhao, li, person, logged_in):
    asker = person("sun", "孙")
    asked, _ = joining.join(user=asker, community=lake, kind=Volunteer.Kind.RIDER)

    mine = logged_in(asker).get(f"/api/v1/join-requests/{asked.pk}")
    theirs = logged_in(zhao).get(f"/api/v1/join-requests/{asked.pk}")

    assert mine.json() == theirs.json()
    assert theirs.json()["user"]["name"] == "孙"
    assert logged_in(li).get(f"/api/v1/join-requests/{asked.pk}").status_code == 404
    listed = "communities/lake/join-requests"
    assert ids(logged_in(zhao), listed, text="孙", person=str(asker.pk)) == [str(asked.pk)]
    assert ids(logged_in(zhao), listed, until="2024-01-01") == []


def test_staff_find_attendances_by_person_day_shift_activity_and_text(
    lake, wang, li, zhao, served, logged_in
):
    one = served(wang, "2024-03-01 07:00", "2024-03-01 09:00", category="巡逻")
    two = served(li, "2024-03-02 07:00", "2024-03-02 09:00")
    first, second = str(one.pk), str(two.pk)
    staff = logged_in(zhao)

    assert ids(staff, "attendances") == [second, first]
    assert ids(staff, "attendances", person=str(wang.pk)) == [first]
    assert ids(staff, "attendances", day="2024-03-02") == [second]
    assert ids(staff, "attendances", since="2024-03-02") == [second]
    assert ids(staff, "attendances", shift=str(one.shift_id)) == [first]
    assert ids(staff, "attendances", activity=str(two.shift.activity_id)) == [second]
    assert ids(staff, "attendances", text="巡逻") == [first]
    assert ids(staff, "attendances", text="李阿姨") == [second]
    assert ids(logged_in(wang), "me/attendances", until="2024-02-29") == []


def test_staff_find_volunteers_by_name_kind_and_whether_they_left(
    lake, hill, wang, li, zhao, logged_in
):
    people.leave(volunteer=Volunteer.objects.get(user=li))
    rider, resident = (str(Volunteer.objects.get(user=user).pk) for user in (wang, li))
    staff, address = logged_in(zhao), "communities/lake/volunteers"

    assert ids(staff, address) == [resident, rider]
    assert ids(staff, address, has_left="true") == [resident]
    assert ids(staff, address, has_left="false") == [rider]
    assert ids(staff, address, kind="rider", text="小明") == [rider]
    opened = staff.get(f"/api/v1/volunteers/{rider}").json()
    assert (opened["kind"], opened["user"]["phone"][3:7], opened["estate"]) == (
        "rider",
        "****",
        None,
    )
    assert logged_in(wang).get(f"/api/v1/{address}").status_code == 404


# --- my totals --------------------------------------------------------------------------------
def test_my_totals_by_community_and_category_and_over_a_period(
    lake, hill, wang, li, zhao, served, logged_in
):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RESIDENT)
    for user, day, category in (
        (wang, "2024-03-01", "巡逻"),
        (wang, "2024-03-02", "巡逻"),
        (wang, "2024-04-01", "清扫"),
        (li, "2024-03-01", "巡逻"),
    ):
        waiting = served(user, f"{day} 07:00", f"{day} 09:00", category=category)
        hours.verify(attendance=waiting, verifier=zhao)
    served(wang, "2024-03-05 07:00", "2024-03-05 09:00")  # nobody verified it

    def totals(**asked):
        return logged_in(wang).get("/api/v1/me/totals", asked).json()

    def brief(community):
        return {"id": str(community.pk), "code": community.code, "name": community.name}

    at_the_lake = {
        "community": brief(lake),
        "kind": "rider",
        "stars": 0,
        "verified_minutes": 360,
        "attendances": 3,
        "categories": [
            {"category": "巡逻", "verified_minutes": 240, "attendances": 2},
            {"category": "清扫", "verified_minutes": 120, "attendances": 1},
        ],
    }
    at_the_hill = {
        "community": brief(hill),
        "kind": "resident",
        "stars": 0,
        "verified_minutes": 0,
        "attendances": 0,
        "categories": [],
    }
    assert totals() == {
        "verified_minutes": 360,
        "attendances": 3,
        "communities": [at_the_hill, at_the_lake],
    }
    march = totals(since="2024-03-02", until="2024-03-31")
    assert (march["verified_minutes"], march["attendances"]) == (120, 1)
    assert march["communities"][1]["categories"] == [
        {"category": "巡逻", "verified_minutes": 120, "attendances": 1}
    ]
    bad = logged_in(wang).get("/api/v1/me/totals", {"since": "March"})
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid_input")


def test_stars_count_all_hours_whatever_the_period(lake, wang, zhao, served, logged_in):
    waiting = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    Attendance.objects.filter(pk=waiting.pk).update(
        status="verified",
        worked_minutes=300 * 60,
        verified_by=zhao,
        verified_at=timezone.now(),
    )

    totals = logged_in(wang).get("/api/v1/me/totals", {"since": "2025-01-01"}).json()

    (there,) = totals["communities"]
    assert (there["stars"], there["verified_minutes"]) == (2, 0)


def test_what_somebody_served_stays_theirs_to_read_after_leaving(
    lake, wang, zhao, served, logged_in
):
    waiting = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    hours.verify(attendance=waiting, verifier=zhao)
    people.leave(volunteer=Volunteer.objects.get(user=wang))

    assert logged_in(wang).get("/api/v1/me/totals").json()["verified_minutes"] == 120


def test_a_community_is_found_by_its_point(lake, db):
    places.found(code="pond", name="池塘社区", latitude=28.2, longitude=112.9, coord_type="gcj02")

    rows = APIClient().get("/api/v1/communities").json()["results"]

    assert {row["code"]: (row["latitude"], row["coord_type"]) for row in rows} == {
        "lake": (None, "wgs84"),
        "pond": (28.2, "gcj02"),
    }
