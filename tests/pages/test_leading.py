"""Leading a shift on a phone: the roster, who was there, and their hours."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from backend import codes as drawn
from tests.browser import needs_chromium
from volunteers.attendance import codes
from volunteers.attendance.services import presence, sign_ups
from volunteers.models import Activity, Attendance, Gate, ServicePolicy, Volunteer
from volunteers.people.services import people
from volunteers.teams import services as teams


@pytest.fixture
def leader(lake, person, patrol, zhao):
    """孙队长, who leads the team whose shift is on."""
    user = person("sun", "孙队长")
    people.enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
    team = teams.found(place=lake, founded_by=zhao, name="绿丝带", is_open=True)
    member, _ = teams.join(team=team, volunteer=user)
    teams.appoint(member=member, appointed_by=zhao)
    Activity.objects.filter(pk=patrol.activity_id).update(team=team, walk_ins=True)
    return user


@pytest.fixture
def places(patrol, wang, li):
    """The places of Wang and Li."""
    signed_up_at = patrol.starts_at - timedelta(days=1)
    return [sign_ups.sign_up(shift=patrol, volunteer=one, now=signed_up_at) for one in (wang, li)]


def test_a_leader_finds_the_shifts_of_their_teams_and_who_comes(pocket, leader, places, patrol):
    mine = pocket(leader)

    assert "我带的队伍" in mine.get("/me/").content.decode()
    assert f"/me/leading/shifts/{patrol.pk}" in mine.get("/me/leading").content.decode()
    roster = mine.get(f"/me/leading/shifts/{patrol.pk}").content.decode()
    assert ("王小明" in roster, "李阿姨" in roster, "19810000001" in roster) == (True, True, False)
    assert "核实时长" not in roster  # where the community has not let them


def test_nobody_else_opens_a_roster(pocket, leader, places, wang, patrol):
    mine = pocket(wang)

    assert "您目前没有带队" in mine.get("/me/leading").content.decode()
    assert mine.get(f"/me/leading/shifts/{patrol.pk}").status_code == 404
    assert mine.get(f"/me/leading/shifts/{patrol.pk}/hours").status_code == 404


def test_a_leader_makes_the_link_of_the_page_at_the_door_and_ends_it(pocket, leader, patrol):
    mine, address = pocket(leader), f"/me/leading/shifts/{patrol.pk}"

    page = mine.post(address, {"act": "open_gate", "key": str(uuid4())}, follow=True)
    assert "http://testserver/gate/" in page.content.decode()
    mine.post(address, {"act": "close_gate", "key": str(uuid4())})

    assert Gate.objects.get().closed_at is not None


def test_a_leader_verifies_where_they_may_and_reads_what_they_may_not(
    pocket, lake, leader, places, patrol
):
    ServicePolicy.objects.create(community=lake, leaders_verify=True)
    own, other = places
    presence.mark(attendance=own, by=leader, until=timezone.now() - timedelta(minutes=5))
    presence.check_in(attendance=other, now=patrol.starts_at)
    presence.check_out(attendance=other, now=patrol.starts_at + timedelta(minutes=30))
    Attendance.objects.filter(pk=own.pk).update(signals=["told_late"])
    mine, address = pocket(leader), f"/me/leading/shifts/{patrol.pk}/hours"
    assert address in mine.get(address.removesuffix("/hours")).content.decode()
    form = {"act": "decide", "key": str(uuid4()), "community": "lake", "outcome": "verified"}

    page = mine.post(address, form | {"attendance_ids": [str(one.pk) for one in places]})

    assert "已处理 1 条" in page.content.decode()
    assert "事后补报" in page.content.decode()
    assert "须由代为签到或更正的人以外的人审核" in page.content.decode()
    assert set(Attendance.objects.values_list("volunteer", "status")) == {
        (own.volunteer_id, "checked_out"),
        (other.volunteer_id, "verified"),
    }
    refused = mine.post(address, form | {"outcome": "rejected", "attendance_ids": [str(own.pk)]})
    assert refused.status_code == 400


@needs_chromium
@pytest.mark.slow
def test_two_who_are_marked_without_signal_are_told_once(phone, leader, places, patrol):
    window = phone(leader, works_offline=True)
    page, address = window.page, f"/me/leading/shifts/{patrol.pk}"
    window.goto(address)
    assert window.keeps(address)

    page.context.set_offline(True)
    for place in places:
        row = page.locator(f"[data-person='{place.volunteer_id}']")
        row.locator("button[value=mark]").click()
        row.locator(".amber", has_text="已记下").wait_for()
    page.reload()
    page.locator("[data-count]", has_text="2").wait_for()
    sent = []
    page.on("request", lambda one: one.url.endswith("/attendance/sync") and sent.append(one))
    page.context.set_offline(False)
    page.locator("[data-noted] .good").nth(1).wait_for()

    assert len(sent) == 1
    assert page.locator("[data-roster] .done", has_text="签到").count() == 2
    assert set(Attendance.objects.values_list("status", "proof")) == {("checked_in", "leader")}
    assert window.barriers() == []
    assert not window.runs_over()
    window.wrong = [one for one in window.wrong if "net::ERR" not in one]


@needs_chromium
@pytest.mark.slow
def test_a_leader_scans_the_code_of_somebody_who_comes_without_sign_up(
    at_camera, leader, wang, patrol, tmp_path
):
    record = Volunteer.objects.get(user=wang)
    picture = tmp_path / "code.png"
    picture.write_bytes(
        drawn.picture(codes.code_of(codes.Kind.OWN, record, at=timezone.now()), "png")
    )
    window = at_camera(leader, picture)
    window.goto(f"/me/leading/shifts/{patrol.pk}")

    window.page.locator("[data-start]").click()
    window.page.locator("[data-noted] .good").wait_for()

    place = Attendance.objects.get(volunteer=wang)
    assert (place.proof, place.is_walk_in, place.was_offline) == ("own_code", True, False)
