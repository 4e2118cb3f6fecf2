"""Groups of reporters by API: managers make them and say who is in which."""

import pytest

from backend.communities.models import Role
from backend.communities.services import roles
from volunteers.models import ReporterGroup, ReporterGroupMember

GROUPS = "/api/v1/communities/lake/reporter-groups"
GRID = {"code": "grid", "name": "网格员"}


@pytest.fixture
def manager(lake, person, logged_in):
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return logged_in(user)


def key(number):
    return {"Idempotency-Key": f"{number}"}


def test_a_manager_makes_a_group_once(manager):
    answers = [manager.post(GROUPS, GRID, headers=key(number)) for number in "12"]

    group = ReporterGroup.objects.get()
    assert [answer.status_code for answer in answers] == [201, 201]
    made = {
        "id": str(group.pk),
        **GRID,
        "made_at": group.made_at.isoformat().replace("+00:00", "Z"),
    }
    assert [answer.json() for answer in answers] == [made, made]
    assert manager.get(GROUPS).json()["results"] == [made]
    assert manager.get(f"{GROUPS}/{group.pk}").json() == made
    taken = manager.post(GROUPS, GRID | {"code": "rider"}, headers=key(3))
    assert (taken.status_code, taken.json()["code"]) == (409, "group_code_taken")


def test_a_manager_puts_volunteers_in_and_takes_them_out(manager, wang, zhao):
    group = manager.post(GROUPS, GRID, headers=key(1)).json()
    members = f"{GROUPS}/{group['id']}/members"

    added = manager.post(
        members, {"person_id": str(wang.pk), "since": "2024-03-01"}, headers=key(2)
    )
    stranger = manager.post(members, {"person_id": str(zhao.pk)}, headers=key(3))
    member = f"{members}/{added.json()['id']}"
    before = manager.post(f"{member}/end", {"until": "2024-02-01"})
    ended = manager.post(f"{member}/end", {"until": "2024-04-30"})

    assert added.status_code == 201
    assert added.json() == {
        "id": str(ReporterGroupMember.objects.get().pk),
        "person": added.json()["person"],
        "since": "2024-03-01",
        "until": None,
    }
    assert added.json()["person"]["id"] == str(wang.pk)
    assert stranger.status_code == 403
    assert (before.status_code, before.json()["code"]) == (400, "group_days_wrong")
    assert ended.json() == added.json() | {"until": "2024-04-30"}
    assert manager.get(member).json() == ended.json()
    assert manager.get(members).json()["results"] == [ended.json()]


def test_staff_and_volunteers_have_no_groups_to_see(manager, wang, zhao, logged_in):
    group = manager.post(GROUPS, GRID, headers=key(1)).json()

    for user in (wang, zhao):
        for address in (GROUPS, f"{GROUPS}/{group['id']}", f"{GROUPS}/{group['id']}/members"):
            assert logged_in(user).get(address).status_code == 404
