"""Teams: founded and dissolved by staff, joined and left by volunteers, led by some of them."""

import csv
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from python_calamine import CalamineWorkbook

from backend.accounts import ages
from backend.accounts.errors import GuardianConsentRequired
from backend.accounts.services import profile
from backend.audit.models import AuditEntry
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.notices.words import words
from volunteers.models import TeamMember, Volunteer
from volunteers.people.services import people
from volunteers.teams import errors, selectors, services

RIDER = Volunteer.Kind.RIDER


@pytest.fixture
def team(lake, zhao):
    """绿丝带, whose leaders or the staff decide who joins."""
    return services.found(place=lake, founded_by=zhao, name="绿丝带")


@pytest.fixture
def asked(team, wang):
    """王小明's request to join."""
    return services.join(team=team, volunteer=wang)[0]


@pytest.fixture
def member(asked, zhao):
    """王小明, a member."""
    return services.accept(member=asked, decided_by=zhao)


@pytest.fixture
def leader(team, li, zhao):
    """李阿姨, who leads the team."""
    asked, _ = services.join(team=team, volunteer=li)
    accepted = services.accept(member=asked, decided_by=zhao)
    return services.appoint(member=accepted, appointed_by=zhao)


@pytest.fixture
def post(logged_in):
    """Posts as somebody: ``post(wang, "teams/…")`` answers the status and the body or its code."""

    def send(user, address, body=None):
        answer = logged_in(user).post(f"/api/v1/{address}", body)
        told = answer.json()
        return answer.status_code, told.get("code", told)

    return send


def place_of(member):
    return f"teams/{member.team_id}/members/{member.pk}"


# --- founding, changing, dissolving -----------------------------------------------------------
def test_staff_found_a_team_that_volunteers_find(lake, zhao, wang, logged_in, post):
    facts = {"name": "爱心顺风车", "kind": "interest_group", "is_open": True}

    status, told = post(zhao, "communities/lake/teams", facts)

    assert status == 201
    (listed,) = logged_in(wang).get("/api/v1/teams?is_dissolved=false").json()["results"]
    assert listed == told
    assert told == {
        "id": told["id"],
        "kind": "interest_group",
        "name": "爱心顺风车",
        "description": "",
        "is_open": True,
        "founded_at": told["founded_at"],
        "dissolved_at": None,
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "estate": None,
        "people": None,
        "my_place": None,
    }
    entry = AuditEntry.objects.get(action="team.found")
    assert (entry.actor, entry.after["name"]) == (zhao, "爱心顺风车")


def test_two_running_teams_of_a_community_are_not_called_alike(lake, hill, team, zhao, post):
    assert post(zhao, "communities/lake/teams", {"name": "绿 丝带"}) == (409, "team_name_taken")
    other = services.found(place=lake, founded_by=zhao, name="红马甲")
    with pytest.raises(errors.TeamNameTaken):
        services.change(team=other, changed_by=zhao, changes={"name": "绿丝带"})

    services.found(place=hill, founded_by=None, name="绿丝带")
    services.dissolve(team=team, dissolved_by=zhao, reason="合并")
    assert services.found(place=lake, founded_by=zhao, name="绿丝带").pk != team.pk


def test_a_change_is_on_record_and_keeps_what_it_leaves_out(team, zhao, wang, logged_in):
    address = f"/api/v1/teams/{team.pk}"

    answer = logged_in(zhao).patch(address, {"description": "护河"})

    assert (answer.json()["name"], answer.json()["description"]) == ("绿丝带", "护河")
    entry = AuditEntry.objects.get(action="team.change")
    assert (entry.before["description"], entry.after["description"]) == ("", "护河")
    assert logged_in(wang).patch(address, {"description": "x"}).status_code == 404
    assert logged_in(zhao).patch(address, {"description": "护河"}).status_code == 200
    assert AuditEntry.objects.filter(action="team.change").count() == 1


def test_a_dissolved_team_lets_its_people_go_and_tells_them_why(team, zhao, wang, leader, post):
    waiting, _ = services.join(team=team, volunteer=wang)

    status, told = post(zhao, f"teams/{team.pk}/dissolve", {"reason": "合并到红马甲"})

    assert (status, told["people"]) == (200, None)
    assert list(TeamMember.objects.values_list("status", "is_leader")) == [("left", False)] * 2
    notices = Notice.objects.filter(kind="team_dissolved")
    assert {notice.recipient for notice in notices} == {wang, leader.volunteer}
    assert "合并到红马甲" in words(notices[0])[1]
    first = told["dissolved_at"]
    assert post(zhao, f"teams/{team.pk}/dissolve", {"reason": "x"})[1]["dissolved_at"] == first
    assert post(wang, f"teams/{team.pk}/members") == (409, "team_dissolved")
    with pytest.raises(errors.TeamDissolved):
        services.change(team=team, changed_by=zhao, changes={"name": "x"})
    assert not selectors.led_by(leader.volunteer).exists()
    assert waiting.pk in TeamMember.objects.values_list("pk", flat=True)


# --- joining and leaving ----------------------------------------------------------------------
def test_an_open_team_takes_volunteers_in_at_once(team, zhao, wang, logged_in, post):
    services.change(team=team, changed_by=zhao, changes={"is_open": True})

    status, told = post(wang, f"teams/{team.pk}/members")

    assert (status, told["status"], told["is_leader"]) == (201, "member", False)
    again = post(wang, f"teams/{team.pk}/members")
    assert (again[0], again[1]["id"]) == (200, told["id"])
    (mine,) = logged_in(wang).get("/api/v1/me/teams").json()["results"]
    assert mine["my_place"] == {"id": told["id"], "status": "member", "is_leader": False}
    assert mine["people"] is None


@pytest.mark.parametrize(("count", "told"), [(4, None), (5, 5)])
def test_a_team_tells_how_many_belong_to_it_from_five_on(
    lake, team, zhao, wang, person, logged_in, count, told
):
    services.change(team=team, changed_by=zhao, changes={"is_open": True})
    for number in range(count):
        people.enrol(user=person(f"u{number}"), community=lake, kind=RIDER)
        services.join(team=team, volunteer=Volunteer.objects.latest("pk").user)

    assert logged_in(wang).get(f"/api/v1/teams/{team.pk}").json()["people"] == told


def test_another_team_is_asked_and_a_leader_decides(team, wang, leader, post):
    status, told = post(wang, f"teams/{team.pk}/members")
    assert (status, told["status"]) == (201, "asked")

    status, told = post(leader.volunteer, f"teams/{team.pk}/members/{told['id']}/accept")

    assert (status, told["status"]) == (200, "member")
    assert told["volunteer"] == {"id": str(wang.pk), "name": "王小明", "phone": ""}
    accepted = TeamMember.objects.get(volunteer=wang)
    assert accepted.decided_by == leader.volunteer
    assert "绿丝带" in words(Notice.objects.get(kind="team_accepted", recipient=wang))[1]
    entry = AuditEntry.objects.filter(action="team_member.accept").latest("pk")
    assert (entry.actor, entry.after) == (leader.volunteer, {"status": "member"})


def test_a_rejection_has_a_reason_and_is_not_for_ever(team, zhao, wang, asked, post):
    address = place_of(asked)
    assert post(zhao, f"{address}/reject", {})[0] == 400

    status, told = post(zhao, f"{address}/reject", {"reason": "人满了"})

    assert (status, told["status"], told["reason"]) == (200, "rejected", "人满了")
    assert "人满了" in words(Notice.objects.get(kind="team_rejected"))[1]
    assert post(zhao, f"{address}/accept") == (409, "team_member_status_wrong")
    assert services.join(team=team, volunteer=wang)[1] is True


def test_only_volunteers_of_the_community_join(team, hill, person, zhao, post):
    stranger, neighbour = person("stranger"), person("neighbour")
    people.enrol(user=neighbour, community=hill, kind=RIDER)

    for user in (stranger, neighbour, zhao):
        assert post(user, f"teams/{team.pk}/members")[0] == 404
        with pytest.raises(NotAVolunteerHere):
            services.join(team=team, volunteer=user)


def test_a_child_without_a_guardian_joins_no_team(lake, team, person):
    child = person("child")
    people.enrol(user=child, community=lake, kind=Volunteer.Kind.RESIDENT)
    profile.change(user=child, born_on=ages.today() - timedelta(days=4_000))
    child.refresh_from_db()

    with pytest.raises(GuardianConsentRequired):
        services.join(team=team, volunteer=child)


def test_a_member_leaves_and_may_come_back(team, wang, member, logged_in, post):
    status, told = post(wang, f"{place_of(member)}/leave")

    assert (status, told["status"]) == (200, "left")
    assert post(wang, f"{place_of(member)}/leave")[1]["left_at"] == told["left_at"]
    assert logged_in(wang).get("/api/v1/me/teams").json()["results"] == []
    assert services.join(team=team, volunteer=wang)[0].pk != member.pk


def test_whoever_leaves_the_community_leaves_its_teams(lake, team, wang, li, leader, asked, zhao):
    for user in (li, wang):
        people.leave(volunteer=Volunteer.objects.get(user=user, community=lake))

    statuses = TeamMember.objects.values_list("status", "is_leader")
    assert list(statuses) == [("left", False)] * 2
    assert not selectors.led_by(li).exists()
    with pytest.raises(NotAVolunteerHere):
        services.accept(member=asked, decided_by=zhao)


def test_a_member_is_removed_with_a_reason(member, leader, post):
    status, told = post(leader.volunteer, f"{place_of(member)}/remove", {"reason": "多次未到"})

    assert (status, told["status"], told["reason"]) == (200, "left", "多次未到")
    assert "多次未到" in words(Notice.objects.get(kind="team_removed"))[1]
    again = post(leader.volunteer, f"{place_of(member)}/remove", {"reason": "x"})
    assert again == (409, "team_member_status_wrong")


# --- leading ----------------------------------------------------------------------------------
def test_a_leader_makes_a_second_and_staff_dismiss_one(member, leader, zhao, wang, post):
    status, told = post(leader.volunteer, f"{place_of(member)}/appoint")
    assert (status, told["is_leader"]) == (200, True)
    assert list(selectors.led_by(wang)) == [member.team]

    assert post(wang, f"{place_of(leader)}/dismiss")[0] == 404  # leaders do not dismiss another
    assert post(wang, f"{place_of(leader)}/remove", {"reason": "x"}) == (409, "leader_stays")
    status, told = post(zhao, f"{place_of(leader)}/dismiss")

    assert (status, told["is_leader"], told["status"]) == (200, False, "member")
    assert not selectors.led_by(leader.volunteer).exists()
    acts = AuditEntry.objects.filter(action__startswith="team_member.").exclude(
        action="team_member.accept"
    )
    assert [(entry.action, entry.after["is_leader"]) for entry in acts.order_by("pk")][1:] == [
        ("team_member.appoint", True),
        ("team_member.dismiss", False),
    ]


def test_nobody_leads_a_team_that_they_do_not_belong_to(asked, zhao, post):
    assert post(zhao, f"{place_of(asked)}/appoint") == (409, "team_member_status_wrong")
    with pytest.raises(IntegrityError), transaction.atomic():
        TeamMember.objects.filter(pk=asked.pk).update(is_leader=True)


@pytest.mark.parametrize("verb", ["accept", "reject", "remove", "appoint", "dismiss"])
def test_nobody_decides_on_their_own_place(lake, team, zhao, verb, post):
    people.enrol(user=zhao, community=lake, kind=RIDER)
    own, _ = services.join(team=team, volunteer=zhao)
    body = {"reason": "x"} if verb in ("reject", "remove") else None

    assert post(zhao, f"{place_of(own)}/{verb}", body) == (403, "own_team_place")

    own.refresh_from_db()
    assert own.status == "asked"
    with pytest.raises(IntegrityError), transaction.atomic():
        TeamMember.objects.update(decided_by=zhao)


# --- who sees whom ----------------------------------------------------------------------------
def test_members_are_shown_to_leaders_and_staff(
    lake, team, member, leader, zhao, person, logged_in
):
    auditor, other = person("auditor"), person("other")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    people.enrol(user=other, community=lake, kind=RIDER)
    address = f"/api/v1/teams/{team.pk}/members"

    def phones(user):
        answer = logged_in(user).get(f"{address}?status=member")
        if answer.status_code != 200:
            return answer.status_code
        return {
            row["volunteer"]["name"]: row["volunteer"]["phone"] for row in answer.json()["results"]
        }

    masked = {"王小明": "198****0001", "李阿姨": "198****0002"}
    assert phones(zhao) == masked
    assert phones(auditor) == masked
    assert phones(leader.volunteer) == {"王小明": "", "李阿姨": "198****0002"}  # her own
    assert phones(member.volunteer) == 404
    assert phones(other) == 404
    own = f"/api/v1/{place_of(member)}"
    assert logged_in(member.volunteer).get(own).json()["volunteer"]["phone"] == "198****0001"
    assert logged_in(leader.volunteer).get(own).json()["volunteer"]["phone"] == ""
    assert logged_in(other).get(own).status_code == 404
    elsewhere = services.found(place=lake, founded_by=zhao, name="红马甲")
    wrong = f"/api/v1/teams/{elsewhere.pk}/members/{member.pk}"
    assert logged_in(zhao).get(wrong).status_code == 404


def test_staff_of_an_estate_handle_its_teams_alone(lake, team, asked, zhao, person, post):
    east = places.estate_named(community=lake, name="东苑")
    wu = person("wu")
    roles.give(user=wu, community=east, role=Role.STAFF)
    theirs = services.found(place=east, founded_by=wu, name="东苑巡逻队")
    waiting, _ = services.join(team=theirs, volunteer=asked.volunteer)

    assert post(wu, f"{place_of(asked)}/accept")[0] == 404
    assert post(wu, f"teams/{team.pk}/dissolve", {"reason": "x"})[0] == 404
    assert post(wu, f"{place_of(waiting)}/accept")[1]["status"] == "member"
    assert post(zhao, f"{place_of(waiting)}/appoint")[1]["is_leader"] is True


# --- races ------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_twenty_taps_at_once_join_once(team, wang, zhao, at_once):
    services.change(team=team, changed_by=zhao, changes={"is_open": True})

    answers = at_once(20, lambda _: services.join(team=team, volunteer=wang))

    assert len({member.pk for member, _ in answers}) == 1
    assert sum(is_new for _, is_new in answers) == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_people_who_join_at_once_are_twenty_members(lake, team, zhao, person, at_once):
    services.change(team=team, changed_by=zhao, changes={"is_open": True})
    users = [person(f"u{number}") for number in range(20)]
    for user in users:
        people.enrol(user=user, community=lake, kind=RIDER)

    answers = at_once(20, lambda number: services.join(team=team, volunteer=users[number]))

    assert all(is_new for _, is_new in answers)
    assert TeamMember.objects.filter(status="member").count() == 20


@pytest.mark.django_db(transaction=True)
def test_two_leaders_who_decide_at_once_decide_once(team, asked, leader, zhao, at_once):
    deciders = [leader.volunteer, zhao]

    def decide(number):
        if number:
            return services.reject(member=asked, decided_by=zhao, reason="人满了").status
        return services.accept(member=asked, decided_by=deciders[0]).status

    answers = at_once(2, decide)

    assert answers.count("team_member_status_wrong") == 1
    asked.refresh_from_db()
    assert asked.status in answers
    assert Notice.objects.filter(recipient=asked.volunteer).count() == 1


@pytest.mark.django_db(transaction=True)
def test_joining_while_the_team_is_dissolved_leaves_nobody_in_it(lake, team, zhao, person, at_once):
    services.change(team=team, changed_by=zhao, changes={"is_open": True})
    users = [person(f"u{number}") for number in range(8)]
    for user in users:
        people.enrol(user=user, community=lake, kind=RIDER)

    def act(number):
        if number == 4:
            return services.dissolve(team=team, dissolved_by=zhao, reason="合并")
        return services.join(team=team, volunteer=users[number])

    at_once(8, act)

    assert not TeamMember.objects.exclude(status="left").exists()
    team.refresh_from_db()
    assert team.dissolved_at <= timezone.now()


# --- spreadsheets -----------------------------------------------------------------------------
HEADER = "队伍,类型,小区,姓名,手机号,队长\n"


@pytest.fixture
def take(lake, tmp_path):
    """Imports lines below the header: ``take("绿丝带,…", "--dry-run")`` answers what it said."""

    def run(lines, *arguments):
        path = tmp_path / "teams.csv"
        path.write_text(HEADER + lines)
        out, err = StringIO(), StringIO()
        with translation.override("en"):
            try:
                call_command(
                    "import_teams",
                    str(path),
                    "--community=lake",
                    *arguments,
                    stdout=out,
                    stderr=err,
                )
            except CommandError as error:
                out.write(str(error))
        return out.getvalue().strip(), err.getvalue().strip()

    return run


def on_teams():
    return {
        (one.team.name, one.volunteer.name, one.is_leader)
        for one in TeamMember.objects.filter(status="member")
    }


LINES = (
    "绿丝带,服务队,东苑,王小明,19810000001,是\n"
    "绿丝带,服务队,东苑,李阿姨,19810000002,\n"
    "棋社,兴趣小组,,李阿姨,19810000002,否\n"
)


def test_a_list_of_teams_is_imported_once(lake, wang, li, take):
    assert take(LINES, "--dry-run")[0].startswith("Nothing was imported. Rows good and new: 3")
    assert not TeamMember.objects.exists()

    assert take(LINES) == ("Rows created: 3, unchanged: 0, skipped: 0.", "")

    assert on_teams() == {
        ("绿丝带", "王小明", True),
        ("绿丝带", "李阿姨", False),
        ("棋社", "李阿姨", False),
    }
    green = TeamMember.objects.filter(volunteer=wang).get().team
    assert (green.kind, green.estate.name) == ("service_team", "东苑")
    assert take(LINES) == ("Rows created: 0, unchanged: 3, skipped: 0.", "")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("绿丝带,服务队,,没有人,19899999999,否", "volunteer_unknown"),
        ("绿丝带,服务队,,王大明,19810000001,否", "phone_belongs_to_another"),
        ("绿丝带,合唱团,,王小明,19810000001,否", "choice_unknown"),
        ("绿丝带,服务队,,王小明,19810000001,大概", "yes_no_invalid"),
        ("=A1,服务队,,王小明,19810000001,否", "formula"),
        ("棋社,服务队,,王小明,19810000001,否", "team_differs"),
        ("棋社,兴趣小组,西苑,王小明,19810000001,否", "team_differs"),
        ("棋社,兴趣小组,,李阿姨,19810000002,否", "team_member_left"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named(lake, wang, li, take, line, code):
    take(LINES)
    services.leave(member=TeamMember.objects.get(team__name="棋社"))
    before = on_teams()

    said, errors_told = take(f"{line}\n")

    assert errors_told.startswith("line 2, ")
    assert f": {code}: " in errors_told
    assert on_teams() == before
    assert "created: 0" in said or "new: 0" in said


def test_a_former_volunteer_is_put_on_no_team_by_a_list(lake, wang, take):
    people.leave(volunteer=Volunteer.objects.get(user=wang, community=lake))

    _said, told = take("绿丝带,服务队,,王小明,19810000001,否\n")

    assert "volunteer_left" in told
    assert not TeamMember.objects.exists()


def test_teams_are_exported_with_their_members(lake, wang, li, zhao, take, person, logged_in):
    take(LINES)
    services.found(place=lake, founded_by=zhao, name="=空队")
    east = lake.children.get()
    wu = person("wu")
    roles.give(user=wu, community=east, role=Role.STAFF)

    def rows(user, code):
        answer = logged_in(user).get(f"/api/v1/communities/{code}/teams.csv")
        if answer.status_code != 200:
            return answer.status_code
        text = answer.getvalue().decode("utf-8-sig")
        return [row[:6] for row in csv.reader(StringIO(text, newline=""))][1:]

    of_east = [
        ["绿丝带", "服务队", "东苑", "王小明", "198****0001", "是"],
        ["绿丝带", "服务队", "东苑", "李阿姨", "198****0002", "否"],
    ]
    assert rows(zhao, "lake") == [
        ["'=空队", "服务队", "", "", "", ""],
        ["棋社", "兴趣小组", "", "李阿姨", "198****0002", "否"],
        *of_east,
    ]
    assert rows(wu, east.code) == of_east
    assert rows(wu, "lake") == 404
    assert rows(wang, "lake") == 404
    book = logged_in(zhao).get("/api/v1/communities/lake/teams.xlsx")
    sheet = CalamineWorkbook.from_filelike(BytesIO(book.getvalue())).get_sheet_by_index(0)
    assert len(sheet.to_python()) == 5
