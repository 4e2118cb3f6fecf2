"""Waiting lists, call-outs and skills over the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import places, roles
from volunteers.activities import services as activities
from volunteers.attendance.services import planning, sign_ups
from volunteers.models import Attendance, CallOut, Shift, Team, Volunteer, WaitingPlace
from volunteers.people.services import people

HOUR = timedelta(hours=1)


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def tomorrow(lake):
    activity = activities.plan_activity(
        community=lake, title="夜巡", category="邻里服务", place="东门"
    )
    start = timezone.now().replace(microsecond=0) + timedelta(days=1)
    return activities.plan_shift(
        activity=activity, starts_at=start, ends_at=start + 2 * HOUR, capacity=1
    )


@pytest.fixture
def nina(lake, person):
    user = person("nina", "护士小宁")
    people.enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
    return user


def brief_of(user):
    masked = f"{user.phone[:3]}****{user.phone[-4:]}"
    return {"id": str(user.pk), "name": user.name, "phone": masked}


def refusal(response):
    return response.status_code, response.json()["code"]


# --- waiting ----------------------------------------------------------------------------------
def test_who_signs_up_for_a_full_shift_may_say_that_they_wait(lake, tomorrow, wang, li, logged_in):
    sign_ups.sign_up(shift=tomorrow, volunteer=wang)
    address = f"/api/v1/shifts/{tomorrow.pk}/attendances"
    client = logged_in(li)

    assert refusal(client.post(address)) == (409, "shift_full")
    key = {"Idempotency-Key": "one"}
    first = client.post(address, {"waits": True}, headers=key)
    repeated = client.post(address, {"waits": True}, headers=key)
    again = client.post(address, {"waits": True})

    place = WaitingPlace.objects.get()
    expected = {
        "id": str(place.pk),
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "shift": {
            "id": str(tomorrow.pk),
            "starts_at": iso(tomorrow.starts_at),
            "ends_at": iso(tomorrow.ends_at),
            "activity": {
                "id": str(tomorrow.activity_id),
                "title": "夜巡",
                "category": "邻里服务",
                "place": "东门",
            },
        },
        "volunteer": brief_of(li),
        "status": "waiting",
        "position": 1,
        "since_at": iso(place.since_at),
        "ended_at": None,
    }
    for answer in (first, repeated, again):
        assert (answer.status_code, answer.json()) == (202, expected)
    (listed,) = client.get("/api/v1/me/waiting-places").json()["results"]
    assert listed == expected == client.get(f"/api/v1/waiting-places/{place.pk}").json()
    shown = client.get(f"/api/v1/shifts/{tomorrow.pk}").json()
    assert (shown["waiting"], shown["my_attendance"]) == (1, None)
    assert shown["my_waiting_place"] == {"id": str(place.pk), "position": 1}

    sign_ups.cancel(attendance=Attendance.objects.get(volunteer=wang))
    repeated = client.post(address, {"waits": True}, headers=key)
    assert (repeated.status_code, repeated.json()["status"]) == (202, "promoted")
    assert repeated.json()["position"] is None
    held = client.post(address, {"waits": True})
    assert (held.status_code, held.json()["status"]) == (200, "signed_up")
    assert client.get(f"/api/v1/shifts/{tomorrow.pk}").json()["my_waiting_place"] is None


def test_a_place_that_is_free_is_taken_by_who_would_also_wait(tomorrow, wang, logged_in):
    answer = logged_in(wang).post(f"/api/v1/shifts/{tomorrow.pk}/attendances", {"waits": True})

    assert (answer.status_code, answer.json()["status"]) == (201, "signed_up")


def test_leaving_a_list_is_mine_to_do_and_may_be_sent_twice(
    tomorrow, wang, li, nina, zhao, logged_in
):
    for user in (wang, li, nina):
        sign_ups.sign_up_or_wait(shift=tomorrow, volunteer=user)
    place, behind = WaitingPlace.objects.order_by("since_at")
    address = f"/api/v1/waiting-places/{place.pk}"

    assert logged_in(nina).get(address).status_code == 404
    for user in (nina, zhao):
        assert logged_in(user).post(f"{address}/leave").status_code == 404
    answers = [logged_in(li).post(f"{address}/leave") for _ in range(2)]

    assert [answer.json()["status"] for answer in answers] == ["left", "left"]
    roster = logged_in(zhao).get(f"/api/v1/shifts/{tomorrow.pk}/waiting-places").json()["results"]
    assert [(one["volunteer"], one["position"], one["status"]) for one in roster] == [
        (brief_of(li), None, "left"),
        (brief_of(nina), 1, "waiting"),
    ]
    (waiting,) = (
        logged_in(zhao)
        .get(f"/api/v1/shifts/{tomorrow.pk}/waiting-places?status=waiting")
        .json()["results"]
    )
    assert waiting["id"] == str(behind.pk)
    assert logged_in(zhao).get(f"/api/v1/waiting-places/{behind.pk}").status_code == 200
    assert logged_in(li).get(f"/api/v1/shifts/{tomorrow.pk}/waiting-places").status_code == 404


def test_shifts_are_found_that_still_want_people(lake, tomorrow, wang, li, logged_in):
    def plan(hours, **more):
        start = tomorrow.starts_at + hours * HOUR
        shift = activities.plan_shift(
            activity=tomorrow.activity, starts_at=start, ends_at=start + HOUR
        )
        Shift.objects.filter(pk=shift.pk).update(**more)
        return shift

    wants_two, has_enough = plan(3, wanted=2, capacity=9), plan(5, wanted=1, capacity=9)
    endless = plan(7)
    for shift in (tomorrow, wants_two, has_enough, endless):
        sign_ups.sign_up(shift=shift, volunteer=wang)

    def found(asked):
        rows = logged_in(li).get(f"/api/v1/shifts?wants_people={asked}").json()["results"]
        return [row["id"] for row in rows]

    assert found("true") == [str(wants_two.pk), str(endless.pk)]
    assert found("false") == [str(tomorrow.pk), str(has_enough.pk)]
    assert logged_in(li).get(f"/api/v1/shifts/{wants_two.pk}").json()["wanted"] == 2


@pytest.mark.parametrize(("min_age", "code"), [(16, "age_unknown"), (None, None)])
def test_an_age_that_is_asked_for_is_told_in_the_refusal(tomorrow, wang, logged_in, min_age, code):
    tomorrow.activity.save_with(min_age=min_age)

    answer = logged_in(wang).post(f"/api/v1/shifts/{tomorrow.pk}/attendances")

    if code:
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert answer.json()["min_age"] == min_age
    else:
        assert answer.status_code == 201


# --- call-outs --------------------------------------------------------------------------------
def test_staff_call_out_once_whoever_they_ask_for(lake, tomorrow, wang, li, zhao, logged_in):
    estate = places.estate_named(community=lake, name="一区")
    team = Team.objects.create(community=lake, name="扫雪队")
    Volunteer.objects.filter(user=li).update(estate=estate, skills=["急救"])
    address = f"/api/v1/shifts/{tomorrow.pk}/call-outs"
    body = {
        "message": "请带铁锹。",
        "estate_id": str(estate.pk),
        "skill": "急救",
        "kind": "resident",
    }
    client, key = logged_in(zhao), {"Idempotency-Key": "snow"}

    first = client.post(address, body, headers=key)
    repeated = client.post(address, body, headers=key)

    made = CallOut.objects.get()
    assert (first.status_code, first.json()) == (
        201,
        {
            "id": str(made.pk),
            "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
            "shift": repeated.json()["shift"],
            "team": None,
            "estate": {"id": str(estate.pk), "code": estate.code, "name": "一区"},
            "called_by": brief_of(zhao),
            "message": "请带铁锹。",
            "kind": "resident",
            "skill": "急救",
            "told": 1,
            "called_at": iso(made.called_at),
            "ended_at": None,
        },
    )
    assert repeated.json() == first.json()
    assert refusal(client.post(address, body | {"skill": "木工"})) == (
        409,
        "call_out_reaches_nobody",
    )
    assert refusal(client.post(address, {"message": "x", "team_id": str(team.pk)})) == (
        409,
        "call_out_reaches_nobody",
    )
    unknown = str(tomorrow.pk)
    assert refusal(client.post(address, {"message": "x", "team_id": unknown})) == (
        404,
        "team_unknown",
    )
    assert refusal(client.post(address, {"message": "x", "estate_id": unknown})) == (
        400,
        "estate_unknown",
    )
    assert refusal(client.post(address, {"message": ""})) == (400, "invalid_input")

    (listed,) = client.get(address).json()["results"]
    opened = client.get(f"/api/v1/call-outs/{made.pk}")
    assert listed == opened.json() == first.json()
    ended = [client.post(f"/api/v1/call-outs/{made.pk}/end").json() for _ in range(2)]
    assert ended[0] == ended[1] == first.json() | {"ended_at": ended[0]["ended_at"]}


def test_volunteers_call_nobody_out(lake, tomorrow, wang, li, zhao, person, logged_in):
    auditor = person("auditor")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    made = logged_in(zhao).post(f"/api/v1/shifts/{tomorrow.pk}/call-outs", {"message": "x"})
    address = f"/api/v1/call-outs/{made.json()['id']}"

    assert made.json()["told"] == 2
    for user in (wang, auditor):
        client = logged_in(user)
        asked = client.post(f"/api/v1/shifts/{tomorrow.pk}/call-outs", {"message": "x"})
        assert asked.status_code == 404
        assert client.post(f"{address}/end").status_code == 404
    assert logged_in(wang).get(address).status_code == 404
    assert logged_in(auditor).get(address).status_code == 200
    planning.cancel_shift(shift=tomorrow, cancelled_by=zhao, reason="雪停了")
    cancelled = logged_in(zhao).post(f"/api/v1/shifts/{tomorrow.pk}/call-outs", {"message": "x"})
    assert refusal(cancelled) == (409, "shift_cancelled")


# --- skills -----------------------------------------------------------------------------------
def test_skills_are_set_by_the_person_and_by_staff_and_found(lake, hill, wang, li, zhao, logged_in):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    mine = {
        row["community"]["code"]: row
        for row in logged_in(wang).get("/api/v1/me/volunteers").json()["results"]
    }
    address = f"/api/v1/volunteers/{mine['lake']['id']}"

    told = logged_in(wang).patch(address, {"skills": ["急救", "木工", "急救"]})
    assert told.json() == mine["lake"] | {"skills": ["急救", "木工"]}
    assert logged_in(wang).patch(address, {}).json() == told.json()
    assert logged_in(zhao).patch(address, {"skills": ["木工"]}).json()["skills"] == ["木工"]
    assert logged_in(wang).get(address).json()["skills"] == ["木工"]
    assert logged_in(li).patch(address, {"skills": []}).status_code == 404
    assert logged_in(li).get(address).status_code == 404
    elsewhere = f"/api/v1/volunteers/{mine['hill']['id']}"
    assert logged_in(zhao).patch(elsewhere, {"skills": []}).status_code == 404

    def found(skill):
        asked = f"/api/v1/communities/lake/volunteers?skill={skill}"
        return [row["user"] for row in logged_in(zhao).get(asked).json()["results"]]

    assert (found("木工"), found("急救")) == ([brief_of(wang)], [])
    people.leave(volunteer=Volunteer.objects.get(user=wang, community=lake))
    assert logged_in(wang).patch(address, {"skills": []}).status_code == 404
    assert logged_in(wang).get(address).status_code == 200


# --- no-shows ---------------------------------------------------------------------------------
def test_staff_see_who_misses_shifts_and_how_often(lake, hill, wang, li, zhao, served, logged_in):
    for day, status in ((1, "no_show"), (2, "no_show"), (3, "checked_out"), (4, "rejected")):
        place = served(wang, f"2024-03-0{day} 07:00", f"2024-03-0{day} 09:00")
        if status == "no_show":
            place.checked_in_at = place.checked_out_at = place.worked_minutes = None
        place.status = status
        place.save()
    served(li, "2024-03-01 07:00", "2024-03-01 09:00")

    def figures(asked=""):
        address = f"/api/v1/communities/lake/volunteers?{asked}"
        rows = logged_in(zhao).get(address).json()["results"]
        return {row["user"]["name"]: (row["attended"], row["no_shows"]) for row in rows}

    assert figures() == {"王小明": (1, 2), "李阿姨": (1, 0)}
    assert figures("has_missed=true") == {"王小明": (1, 2)}
    assert figures("has_missed=false") == {"李阿姨": (1, 0)}
    missed = logged_in(zhao).get(f"/api/v1/attendances?status=no_show&person={wang.pk}")
    assert len(missed.json()["results"]) == 2
