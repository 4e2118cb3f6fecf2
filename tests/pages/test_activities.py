"""What a volunteer can take part in: shifts, teams, and joining a community."""

from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from backend.communities.services import places
from tests.browser import needs_chromium
from volunteers.activities import services as activities
from volunteers.attendance.services import sign_ups
from volunteers.models import Attendance, JoinRequest, Shift, TeamMember, Volunteer, WaitingPlace
from volunteers.teams import services as teams


@pytest.fixture
def tomorrow(lake):
    """A shift of tomorrow, for one volunteer."""
    activity = activities.plan_activity(
        community=lake, title="清河行动", category="邻里服务", place="北岸", description="带手套"
    )
    begins = timezone.now() + timedelta(days=1)
    return activities.plan_shift(
        activity=activity, starts_at=begins, ends_at=begins + timedelta(hours=2), capacity=1
    )


def send(client, path, act, **typed):
    """Send a form of a page; returns the page that follows."""
    form = {"act": act, "key": str(uuid4())} | typed
    return client.post(path, form, follow=True)


def test_somebody_who_belongs_nowhere_is_shown_how_to_join(pocket, person, lake):
    stranger = pocket(person("new", "新来的"))

    page = stranger.get("/me/").content.decode()

    assert "新来的" in page
    assert 'href="/me/join"' in page
    assert 'href="/me/join/lake?code=ABC"' in stranger.get("/me/join?code=ABC").content.decode()


def test_the_posters_code_joins_at_once(pocket, person, lake, zhao):
    code = places.make_join_code(community=lake, made_by=zhao).join_code
    stranger = pocket(person("new"))
    assert f'value="{code}"' in stranger.get(f"/me/join/lake?code={code}").content.decode()

    page = send(stranger, "/me/join/lake", "join", kind="rider", join_code=code)

    assert page.redirect_chain == [("/me/", 302)]
    assert Volunteer.objects.get(user__username="new").kind == "rider"


def test_a_wrong_code_is_told_beside_it_and_without_one_staff_answer(pocket, person, lake):
    stranger = pocket(person("new"), language="en")

    refused = send(stranger, "/me/join/lake", "join", kind="rider", join_code="WRNGCDEF")
    page = send(stranger, "/me/join/lake", "join", kind="rider")

    assert refused.status_code == 400
    assert "This is not the code of this community." in refused.content.decode()
    assert "You asked to join 碧沙湖社区" in page.content.decode()
    asked = JoinRequest.objects.get()
    send(stranger, "/me/join", "withdraw", join_request_id=str(asked.pk))
    asked.refresh_from_db()
    assert asked.status == "withdrawn"


def test_shifts_are_found_by_day_words_and_place(pocket, lake, wang, patrol, tomorrow):
    mine = pocket(wang)

    def found(query):
        page = mine.get(f"/me/activities?{query}").content.decode()
        return [title for title in ("交通劝导", "清河行动") if title in page]

    day = timezone.localdate(tomorrow.starts_at, ZoneInfo(lake.timezone))
    assert found("") == ["交通劝导", "清河行动"]
    assert found(f"day={day}&text=清河") == ["清河行动"]
    assert found("category=交通劝导") == ["交通劝导"]
    assert found("near=28.200,112.900,3000,wgs84") == []
    assert mine.get("/me/activities?day=today").status_code == 200
    activity = mine.get(f"/me/activities/{tomorrow.activity_id}").content.decode()
    assert "带手套" in activity
    assert f"/me/shifts/{tomorrow.pk}" in activity


def test_a_place_is_taken_and_given_back(pocket, wang, tomorrow):
    mine, address = pocket(wang), f"/me/shifts/{tomorrow.pk}"

    page = send(mine, address, "sign_up").content.decode()
    place = Attendance.objects.get(volunteer=wang)
    assert "您已报名成功" in page
    assert "开放签到：" in page
    assert tomorrow.activity.title in mine.get("/me/").content.decode()

    send(mine, address, "cancel", attendance_id=str(place.pk))

    place.refresh_from_db()
    assert place.status == "cancelled"
    assert "报名" in mine.get(address).content.decode()


def test_where_all_places_are_taken_one_waits(pocket, wang, li, tomorrow):
    sign_ups.sign_up(shift=tomorrow, volunteer=li)
    mine, address = pocket(wang), f"/me/shifts/{tomorrow.pk}"
    assert 'value="wait"' in mine.get(address).content.decode()
    assert send(mine, address, "sign_up").status_code == 409

    page = send(mine, address, "wait", waits="1").content.decode()

    waiting = WaitingPlace.objects.get(volunteer=wang)
    assert "候补第 1 位" in page
    assert "候补第 1 位" in mine.get("/me/").content.decode()
    send(mine, address, "leave", waiting_place_id=str(waiting.pk))
    waiting.refresh_from_db()
    assert waiting.status == "left"


def test_a_shift_that_is_over_or_cancelled_takes_nobody(pocket, wang, tomorrow):
    Shift.objects.filter(pk=tomorrow.pk).update(
        starts_at=timezone.now() - timedelta(hours=3), ends_at=timezone.now() - timedelta(hours=1)
    )

    page = pocket(wang).get(f"/me/shifts/{tomorrow.pk}").content.decode()

    assert "此班次已结束" in page
    assert 'value="sign_up"' not in page


def test_an_open_team_is_joined_and_left(pocket, wang, lake, zhao):
    team = teams.found(place=lake, founded_by=zhao, name="绿丝带", is_open=True)
    mine, address = pocket(wang), f"/me/teams/{team.pk}"
    assert "绿丝带" in mine.get("/me/teams").content.decode()

    send(mine, address, "join")
    member = TeamMember.objects.get(volunteer=wang)
    assert member.status == "member"
    send(mine, address, "leave", place_id=str(member.pk))

    member.refresh_from_db()
    assert member.status == "left"


def test_activities_of_elsewhere_are_not_there(pocket, person, tomorrow, lake, zhao):
    team = teams.found(place=lake, founded_by=zhao, name="绿丝带")
    stranger = pocket(person("new"))

    for path in (
        f"activities/{tomorrow.activity_id}",
        f"shifts/{tomorrow.pk}",
        f"teams/{team.pk}",
        "join/nowhere",
    ):
        assert stranger.get(f"/me/{path}").status_code == 404
        assert Client().get(f"/me/{path}").status_code == 302


@needs_chromium
@pytest.mark.slow
def test_pages_of_activities_keep_nobody_out(phone, wang, tomorrow, patrol, lake, zhao):
    team = teams.found(place=lake, founded_by=zhao, name="绿丝带")
    sign_ups.sign_up(shift=patrol, volunteer=wang)
    window = phone(wang)

    for path in (
        "",
        "activities",
        f"activities/{tomorrow.activity_id}",
        f"shifts/{tomorrow.pk}",
        "teams",
        f"teams/{team.pk}",
        "join",
        "join/lake",
    ):
        window.goto(f"/me/{path}")
        assert window.barriers() == [], path
        assert not window.runs_over(), path
