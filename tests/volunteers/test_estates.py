"""A role at an estate reaches what is the estate's, and nothing else of its community."""

import pytest

from backend.communities.models import Role
from backend.communities.services import places, roles
from volunteers.activities import services as activities
from volunteers.attendance.services import presence, sign_ups
from volunteers.models import Activity, Attendance, JoinRequest, Report, Volunteer
from volunteers.people.services import joining, people
from volunteers.reports.services import submitting


@pytest.fixture
def east(lake):
    """东苑, an estate of the lake's."""
    return places.estate_named(community=lake, name="东苑")


@pytest.fixture
def wu(east, person):
    """吴网格员, staff at the estate alone."""
    user = person("wu", "吴网格员")
    roles.give(user=user, community=east, role=Role.STAFF)
    return user


@pytest.fixture
def ask(wu, logged_in):
    """Asks as the estate's staff: ``ask("get", "reports")`` answers status and body."""
    client = logged_in(wu)

    def ask(method, address, body=None):
        answer = getattr(client, method)(f"/api/v1/{address}", body)
        return answer.status_code, answer.json()

    return ask


def ids(answer):
    status, body = answer
    assert status == 200
    return [row["id"] for row in body["results"]]


def done(lake, place, user, signed_up_in):
    """Hours that wait for verification, of an activity of ``place``."""
    activity = activities.plan_activity(community=place, title="清扫", category="邻里服务")
    begins, ends = signed_up_in
    shift = activities.plan_shift(activity=activity, starts_at=begins, ends_at=ends)
    attendance = sign_ups.sign_up(shift=shift, volunteer=user, now=begins)
    presence.check_in(attendance=attendance, now=begins)
    return presence.check_out(attendance=attendance, now=ends)


def test_staff_of_an_estate_handle_its_hours_alone(lake, east, wang, li, zhao, ask, clock):
    morning = clock("2024-03-01 07:00"), clock("2024-03-01 09:00")
    here = done(lake, east, wang, morning)
    there = done(lake, lake, li, morning)

    assert ids(ask("get", "attendances")) == [str(here.pk)]
    assert ask("get", f"attendances/{there.pk}")[0] == 404
    assert ask("post", f"attendances/{there.pk}/verify")[0] == 404
    assert ask("post", f"attendances/{there.pk}/reject", {"reason": "x"})[0] == 404
    status, verified = ask("post", f"attendances/{here.pk}/verify")
    assert (status, verified["status"], verified["points"]) == (200, "verified", 20)
    there.refresh_from_db()
    assert there.status == "checked_out"


def test_staff_of_an_estate_do_not_verify_hours_of_their_own(lake, east, wu, ask, clock):
    people.enrol(user=wu, community=lake, kind=Volunteer.Kind.RESIDENT, estate=east)
    own = done(lake, east, wu, (clock("2024-03-01 07:00"), clock("2024-03-01 09:00")))

    status, body = ask("post", f"attendances/{own.pk}/verify")

    assert (status, body["code"]) == (403, "own_hours")


def test_a_report_belongs_to_the_estate_of_its_reporter_or_to_the_one_it_names(
    lake, east, wang, person, ask, logged_in
):
    west = places.estate_named(community=lake, name="西苑")
    neighbour = person("neighbour")
    people.enrol(user=neighbour, community=lake, kind=Volunteer.Kind.RESIDENT, estate=east)
    told = {"category": "hazard", "text": "井盖松动"}

    def report(user, **more):
        answer = logged_in(user).post("/api/v1/communities/lake/reports", told | more)
        return Report.objects.get(pk=answer.json()["id"])

    of_neighbour, there, nowhere = (
        report(neighbour),
        report(wang, estate_id=str(east.pk)),
        report(wang),
    )
    elsewhere = report(neighbour, estate_id=str(west.pk))

    assert (of_neighbour.estate, there.estate, nowhere.estate) == (east, east, None)
    assert elsewhere.estate == west
    assert ids(ask("get", "reports")) == [str(there.pk), str(of_neighbour.pk)]
    for hidden in (nowhere, elsewhere):
        for method, address in (("get", ""), ("post", "/status")):
            assert ask(method, f"reports/{hidden.pk}{address}")[0] == 404
    assert (
        ask("post", f"reports/{there.pk}/status", {"status": "accepted"})[1]["status"] == "accepted"
    )
    assert ask("post", f"reports/{there.pk}/status", {"status": "closed"})[1]["points"] == 20


def test_a_report_names_an_estate_of_its_own_community(lake, hill, wang, logged_in):
    other = places.estate_named(community=hill, name="山上")

    answer = logged_in(wang).post(
        "/api/v1/communities/lake/reports",
        {"category": "hazard", "text": "井盖松动", "estate_id": str(other.pk)},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "estate_unknown")
    assert not Report.objects.exists()


def test_staff_of_an_estate_do_not_close_a_report_of_their_own(lake, east, wu, ask):
    people.enrol(user=wu, community=lake, kind=Volunteer.Kind.RESIDENT, estate=east)
    own = submitting.submit(community=lake, reporter=wu, category="hazard", text="井盖松动")

    status, body = ask("post", f"reports/{own.pk}/status", {"status": "closed"})

    assert (status, body["code"]) == (403, "own_report")


def test_staff_of_an_estate_answer_its_requests_to_join_alone(lake, east, person, ask):
    def asked(name, estate):
        user = person(name)
        return joining.join(user=user, community=lake, kind=Volunteer.Kind.RESIDENT, estate=estate)[
            0
        ]

    here, there = asked("here", east), asked("there", None)

    assert ids(ask("get", f"communities/{east.code}/join-requests")) == [str(here.pk)]
    assert ids(ask("get", "communities/lake/join-requests")) == [str(here.pk)]
    assert ask("get", f"join-requests/{there.pk}")[0] == 404
    assert ask("post", f"join-requests/{there.pk}/approve")[0] == 404
    assert ask("get", f"join-requests/{here.pk}")[1]["user"]["name"] == "here"
    assert ask("post", f"join-requests/{here.pk}/approve")[1]["status"] == "approved"
    assert JoinRequest.objects.get(pk=there.pk).status == "pending"
    (enrolled,) = ids(ask("get", f"communities/{east.code}/volunteers"))
    assert ask("get", f"volunteers/{enrolled}")[1]["estate"]["code"] == east.code


def test_staff_of_an_estate_do_not_answer_a_request_of_their_own(lake, east, wu, ask):
    own, _ = joining.join(user=wu, community=lake, kind=Volunteer.Kind.RESIDENT, estate=east)

    status, body = ask("post", f"join-requests/{own.pk}/approve")

    assert (status, body["code"]) == (403, "own_join_request")


def test_staff_of_an_estate_see_its_volunteers_and_no_other(lake, east, wang, person, ask):
    resident = person("resident")
    enrolled, _ = people.enrol(
        user=resident, community=lake, kind=Volunteer.Kind.RESIDENT, estate=east
    )

    assert ids(ask("get", f"communities/{east.code}/volunteers")) == [str(enrolled.pk)]
    assert ask("get", "communities/lake/volunteers")[0] == 404
    assert ask("get", f"volunteers/{Volunteer.objects.get(user=wang).pk}")[0] == 404


def test_an_estate_plans_activities_of_its_own(lake, east, wang, zhao, ask, logged_in):
    status, planned = ask(
        "post", f"communities/{east.code}/activities", {"title": "清扫", "category": "邻里服务"}
    )
    assert (status, planned["community"]["code"], planned["estate"]["code"]) == (
        201,
        "lake",
        east.code,
    )
    other = activities.plan_activity(community=lake, title="夜巡", category="邻里服务")
    times = {"starts_at": "2031-05-01T08:00:00+08:00", "ends_at": "2031-05-01T10:00:00+08:00"}

    assert ask("post", "communities/lake/activities", {"title": "x", "category": "x"})[0] == 404
    assert ids(ask("get", "activities")) == [planned["id"]]
    status, shift = ask("post", f"activities/{planned['id']}/shifts", times)
    assert status == 201
    assert ids(ask("get", "shifts")) == [shift["id"]]
    for method, address, body in (
        ("get", "", None),
        ("patch", "", {"title": "x"}),
        ("post", "/cancel", {"reason": "x"}),
        ("post", "/shifts", times),
    ):
        assert ask(method, f"activities/{other.pk}{address}", body)[0] == 404
    # The community's volunteers and staff see it as any other.
    assert logged_in(wang).post(f"/api/v1/shifts/{shift['id']}/attendances").status_code == 201
    assert ids(ask("get", f"shifts/{shift['id']}/attendances")) == [
        str(Attendance.objects.get().pk)
    ]
    seen = logged_in(zhao).get("/api/v1/activities", {"estate": east.code}).json()["results"]
    assert [row["id"] for row in seen] == [planned["id"]]
    assert ask("post", f"activities/{planned['id']}/cancel", {"reason": "下雨"})[0] == 200
    assert Activity.objects.get(pk=other.pk).status == "planned"


def test_an_auditor_of_an_estate_reads_and_changes_nothing(lake, east, person, logged_in):
    auditor = person("auditor")
    roles.give(user=auditor, community=east, role=Role.AUDITOR)
    activity = activities.plan_activity(community=east, title="清扫", category="邻里服务")
    client = logged_in(auditor)

    assert client.get(f"/api/v1/activities/{activity.pk}").status_code == 200
    assert client.patch(f"/api/v1/activities/{activity.pk}", {"title": "x"}).status_code == 404
