"""Reach of leaders and staff: a team's activities, seen, handled, marked and verified."""

import io
from datetime import timedelta

import pytest
from django.utils import timezone
from python_calamine import CalamineWorkbook

from backend.communities.models import Role
from backend.communities.services import places, roles
from volunteers.activities import selectors as activities_seen
from volunteers.activities import services as activities
from volunteers.attendance import selectors
from volunteers.attendance.services import presence, sign_ups
from volunteers.models import RefusedClaim, ServicePolicy, Volunteer
from volunteers.people.services import people
from volunteers.teams import services as teams


@pytest.fixture
def east(lake):
    """东苑, an estate of the lake's."""
    return places.estate_named(community=lake, name="东苑")


@pytest.fixture
def lead(lake, person, zhao):
    """Found a team and somebody who leads it: ``lead("li", "绿丝带", place=east)``."""

    def make(name, title, place=lake):
        user = person(name)
        people.enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
        team = teams.found(place=place, founded_by=zhao, name=title, is_open=True)
        member, _ = teams.join(team=team, volunteer=user)
        teams.appoint(member=member, appointed_by=zhao)
        return user, team

    return make


@pytest.fixture
def done(lake, wang):
    """Hours of 王小明 that wait for verification: ``done(team)``, of a team's activity if given."""
    begins = iter(timezone.now() - timedelta(days=day) for day in range(100, 1, -1))

    def serve(team=None, place=lake, user=wang):
        activity = activities.plan_activity(community=place, title="护河", category="邻里服务")
        activity.save_with(team=team)
        begin = next(begins)
        end = begin + timedelta(hours=2)
        shift = activities.plan_shift(activity=activity, starts_at=begin, ends_at=end)
        attendance = sign_ups.sign_up(shift=shift, volunteer=user, now=begin)
        presence.check_in(attendance=attendance, now=begin)
        return presence.check_out(attendance=attendance, now=end)

    return serve


@pytest.fixture
def claim(lake):
    """Keep a claim of an attendance that was refused."""

    def refused(attendance):
        return RefusedClaim.objects.create(
            community=lake,
            attendance=attendance,
            shift=attendance.shift,
            volunteer=attendance.volunteer,
            told_by=attendance.volunteer,
            act="check_out",
            claimed_at=timezone.now(),
            refused_as="check_in_too_late",
            told_at=timezone.now(),
        )

    return refused


def test_a_leader_reaches_the_teams_own_and_verifies_where_the_community_lets_them(
    lake, hill, east, lead, done, claim, zhao, wang, person
):
    leader, team = lead("li2", "绿丝带", place=east)
    other, _ = lead("zhou2", "红马甲")
    of_team = done(team, place=east)
    of_nobody = done()
    claims = [claim(of_team), claim(of_nobody)]
    stranger = person("stranger")
    cast = {"leader": leader, "other": other, "staff": zhao, "volunteer": wang}
    for name, place, role in (
        ("estate staff", east, Role.STAFF),
        ("auditor", lake, Role.AUDITOR),
        ("hill staff", hill, Role.STAFF),
    ):
        cast[name] = person(name.replace(" ", "_"))
        roles.give(user=cast[name], community=place, role=role)
    cast["stranger"] = stranger

    def reach(user):
        """The person's reach: t of the team's, n of nobody's."""
        rows = {
            "activity": [one.shift.activity for one in (of_team, of_nobody)],
            "shift": [one.shift for one in (of_team, of_nobody)],
            "attendance": [of_team, of_nobody],
            "claim": claims,
        }
        told = []
        for name, selector in (
            ("activity", activities_seen.activities_handled_by),
            ("shift", activities_seen.shifts_handled_by),
            ("shift", activities_seen.shifts_watched_by),
            ("attendance", selectors.attendances_watched_by),
            ("attendance", selectors.attendances_marked_by),
            ("attendance", selectors.attendances_handled_by),
            ("attendance", selectors.attendances_voided_by),
            ("claim", selectors.refused_claims_watched_by),
        ):
            reached = selector(user)
            told.append(
                "".join(
                    letter
                    for letter, row in zip("tn", rows[name], strict=True)
                    if reached.filter(pk=row.pk).exists()
                )
                or "-"
            )
        return " ".join(told)

    #               activity, shift | watched: shift, attendance | marked, verified, voided, claims
    expected = {
        "leader": "t t t t t - - t",
        "other": "- - - - - - - -",
        "staff": "tn tn tn tn tn tn tn tn",
        "estate staff": "t t t t t t t t",
        "auditor": "- - tn tn - - - tn",
        "hill staff": "- - - - - - - -",
        "volunteer": "- - - - - - - -",
        "stranger": "- - - - - - - -",
    }
    assert {name: reach(user) for name, user in cast.items()} == expected

    policy = ServicePolicy.objects.create(community=lake, leaders_verify=True)
    expected["leader"] = "t t t t t t - t"
    assert {name: reach(user) for name, user in cast.items()} == expected

    policy.delete()
    ServicePolicy.objects.create(community=hill, leaders_verify=True)  # is not the lake's
    expected["leader"] = "t t t t t - - t"
    assert reach(leader) == expected["leader"]


@pytest.mark.parametrize("end", ["dismissed", "left the team", "left the community", "dissolved"])
def test_a_leader_reaches_nothing_once_they_lead_no_more(lake, lead, done, zhao, end):
    leader, team = lead("li2", "绿丝带")
    done(team)
    (member,) = team.members.all()
    assert selectors.attendances_watched_by(leader).exists()

    if end == "dismissed":
        teams.dismiss(member=member, dismissed_by=zhao)
    elif end == "left the team":
        teams.leave(member=member)
    elif end == "left the community":
        people.leave(volunteer=Volunteer.objects.get(user=leader, community=lake))
    else:
        teams.dissolve(team=team, dissolved_by=zhao, reason="合并")

    assert not selectors.attendances_watched_by(leader).exists()
    assert not activities_seen.shifts_handled_by(leader).exists()


def test_a_leader_reads_names_and_no_phone_numbers(lead, done, claim, zhao, wang, logged_in):
    leader, team = lead("li2", "绿丝带")
    attendance = done(team)
    claim(attendance)

    def phones(user):
        client = logged_in(user)
        lists = (f"shifts/{attendance.shift_id}/attendances", "attendances", "refused-claims")
        told = [client.get(f"/api/v1/{one}").json()["results"] for one in lists]
        told.append([client.get(f"/api/v1/attendances/{attendance.pk}").json()])
        return [
            [(one["volunteer"]["name"], one["volunteer"]["phone"]) for one in all_] for all_ in told
        ]

    assert phones(leader) == [[("王小明", "")]] * 4
    assert phones(zhao) == [[("王小明", "198****0001")]] * 4
    own = logged_in(wang).get("/api/v1/me/attendances").json()["results"]
    assert [one["volunteer"]["phone"] for one in own] == ["198****0001"]


def test_a_leader_plans_changes_and_cancels_what_is_the_teams(lead, done, lake, logged_in):
    leader, team = lead("li2", "绿丝带")
    other, _ = lead("zhou2", "红马甲")
    activity = done(team).shift.activity
    tomorrow = timezone.now() + timedelta(days=1)
    body = {
        "starts_at": tomorrow.isoformat(),
        "ends_at": (tomorrow + timedelta(hours=2)).isoformat(),
    }

    def plan(user):
        return logged_in(user).post(f"/api/v1/activities/{activity.pk}/shifts", body)

    assert plan(other).status_code == 404
    shift = plan(leader).json()
    address = f"/api/v1/shifts/{shift['id']}"
    assert logged_in(other).patch(address, {"capacity": 5}).status_code == 404
    assert logged_in(leader).patch(address, {"capacity": 5}).json()["capacity"] == 5
    assert logged_in(other).post(f"{address}/cancel", {"reason": "x"}).status_code == 404
    cancelled = logged_in(leader).post(f"{address}/cancel", {"reason": "下雨"}).json()
    assert cancelled["status"] == "cancelled"
    renamed = logged_in(leader).patch(f"/api/v1/activities/{activity.pk}", {"title": "巡河"})
    assert renamed.json()["title"] == "巡河"


def test_a_leader_verifies_others_hours_alone_and_voids_none(lake, lead, done, zhao, logged_in):
    leader, team = lead("li2", "绿丝带")
    theirs, own = done(team), done(team, user=leader)
    client = logged_in(leader)

    def verify(attendance):
        answer = client.post(f"/api/v1/attendances/{attendance.pk}/verify")
        return answer.status_code, answer.json().get("code", answer.json()["status"])

    assert verify(theirs)[0] == 404
    ServicePolicy.objects.create(community=lake, leaders_verify=True)
    assert verify(theirs) == (200, "verified")
    assert verify(own) == (403, "own_hours")
    voided = client.post(f"/api/v1/attendances/{theirs.pk}/void", {"reason": "x"})
    assert voided.status_code == 404
    voided = logged_in(zhao).post(f"/api/v1/attendances/{theirs.pk}/void", {"reason": "x"})
    assert voided.json()["status"] == "voided"


# --- the roster as a file ---------------------------------------------------------------------
def rows_of(answer):
    assert answer.status_code == 200, answer.content
    text = answer.getvalue().decode("utf-8-sig")
    return [line.split(",") for line in text.splitlines()]


def test_the_roster_is_a_file_for_staff_and_leaders(lead, done, zhao, wang, logged_in):
    leader, team = lead("li2", "绿丝带")
    attendance = done(team)
    wang.name = "=HYPERLINK(1)"
    wang.save(update_fields=["name"])
    address = f"/api/v1/shifts/{attendance.shift_id}/roster"

    title, row = rows_of(logged_in(zhao).get(f"{address}.csv"))
    assert title == ["姓名", "电话号码", "状态", "报名时间", "签到时间", "签退时间", "分钟"]
    assert row[:3] == ["'=HYPERLINK(1)", "198****0001", "已签退"]
    assert row[-1] == "120"
    _, row = rows_of(logged_in(leader).get(f"{address}.csv"))
    assert row[:2] == ["'=HYPERLINK(1)", ""]
    book = logged_in(leader).get(f"{address}.xlsx")
    read = CalamineWorkbook.from_filelike(io.BytesIO(book.getvalue()))
    _, cells = read.get_sheet_by_index(0).to_python()
    assert (cells[0], cells[-1]) == ("=HYPERLINK(1)", 120)  # text, not what it would compute
    for user in (wang, lead("zhou2", "红马甲")[0]):
        assert logged_in(user).get(f"{address}.csv").status_code == 404
