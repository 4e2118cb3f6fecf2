"""The logged-in user, and the list of communities."""

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import User
from backend.api.throttling import PublicThrottle
from backend.audit.models import OwnAct
from backend.communities.models import Community, Role
from backend.communities.services import places, roles

pytestmark = pytest.mark.django_db


def test_me_is_who_logged_in_with_the_phone_masked(lake, hill, wang, logged_in):
    roles.give(user=wang, community=hill, role=Role.AUDITOR)

    response = logged_in(wang).get("/api/v1/me")

    assert response.status_code == 200
    assert response.json() == {
        "id": str(wang.pk),
        "username": "wang",
        "name": "王小明",
        "phone": "198****0001",
        "born_on": None,
        "guardian_is_missing": False,
        "second_factor_required": True,
        "erased_from": None,
        "memberships": [
            {
                "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
                "role": "volunteer",
            },
            {
                "community": {"id": str(hill.pk), "code": "hill", "name": "山丹社区"},
                "role": "auditor",
            },
        ],
    }


def test_who_has_no_phone_and_no_role_is_somebody_too(person, logged_in):
    sun = person("sun", "孙")
    User.objects.filter(pk=sun.pk).update(phone_encrypted="", phone_digest=None)

    assert logged_in(sun).get("/api/v1/me").json() == {
        "id": str(sun.pk),
        "username": "sun",
        "name": "孙",
        "phone": "",
        "born_on": None,
        "guardian_is_missing": False,
        "second_factor_required": False,
        "erased_from": None,
        "memberships": [],
    }


def test_people_tell_their_name_and_once_their_birthday(wang, logged_in):
    caller = logged_in(wang)
    before = caller.get("/api/v1/me").json()

    told = caller.patch("/api/v1/me", {"name": "  王 小明 ", "born_on": "1990-05-01"})
    again = caller.patch("/api/v1/me", {"born_on": "1990-05-01"})
    changed = caller.patch("/api/v1/me", {"name": "别人", "born_on": "1990-05-02"})

    assert (told.status_code, again.status_code) == (200, 200)
    assert told.json() == before | {"name": "王 小明", "born_on": "1990-05-01"}
    assert (changed.status_code, changed.json()["code"]) == (409, "born_on_is_final")
    assert caller.get("/api/v1/me").json() == again.json() == told.json()
    written = OwnAct.objects.filter(action__startswith="person.").order_by("pk")
    assert list(written.values_list("action", "actor", "before", "after")) == [
        ("person.tell_birthday", wang.pk, {}, {}),
        ("person.rename", wang.pk, {}, {}),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": ""}, "invalid_input"),
        ({"name": "   "}, "invalid_input"),
        ({"name": "王" * 61}, "invalid_input"),
        ({"name": "王\n小明"}, "invalid_input"),
        ({"name": "王\u202e小明"}, "invalid_input"),
        ({"name": None}, "invalid_input"),
        ({"born_on": "1899-12-31"}, "invalid_input"),
        ({"born_on": "2099-01-01"}, "born_on_implausible"),
        ({"born_on": "2001-02-29"}, "invalid_input"),
        ({"born_on": None}, "invalid_input"),
    ],
)
def test_what_can_not_be_is_not_put_on_record(wang, logged_in, body, code):
    answer = logged_in(wang).patch("/api/v1/me", {"name": "另一个"} | body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    wang.refresh_from_db()
    assert (wang.name, wang.born_on) == ("王小明", None)


def test_who_owes_a_second_factor_reads_and_changes_nothing(lake, person, logged_in):
    sun = person("sun", "孙")
    caller = logged_in(sun)
    roles.give(user=sun, community=lake, role=Role.MANAGER)

    assert caller.get("/api/v1/me").json()["second_factor_required"]
    for refused in (caller.patch("/api/v1/me", {"name": "钱"}), caller.delete("/api/v1/me")):
        assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")


def test_nobody_is_not_somebody(db):
    response = APIClient().get("/api/v1/me")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


def test_everybody_sees_the_communities_that_keep_a_ledger(lake, hill):
    street = places.found(code="street", name="街道", kind=Community.Kind.STREET)
    places.found(code="estate", name="小区", kind=Community.Kind.ESTATE, parent=lake)
    here = {"latitude": 43.8, "longitude": 87.6, "coord_type": "gcj02"}
    nowhere = {"latitude": None, "longitude": None, "coord_type": "wgs84"}
    east = places.found(code="east", name="东社区", parent=street, timezone="Asia/Urumqi", **here)

    response = APIClient().get("/api/v1/communities")

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {"id": str(place.pk), "code": code, "name": name, "timezone": zone} | point
            for place, code, name, zone, point in (
                (east, "east", "东社区", "Asia/Urumqi", here),
                (hill, "hill", "山丹社区", "Asia/Shanghai", nowhere),
                (lake, "lake", "碧沙湖社区", "Asia/Shanghai", nowhere),
            )
        ],
    }


@pytest.mark.parametrize("address", ["communities", "communities/lake", "communities/lake/reports"])
def test_what_is_public_is_not_for_grabbing(lake, wang, logged_in, monkeypatch, address):
    monkeypatch.setattr(PublicThrottle, "rate", "1/hour", raising=False)
    stranger, wang = APIClient(), logged_in(wang)

    assert stranger.get(f"/api/v1/{address}").status_code == 200
    refused = stranger.get(f"/api/v1/{address}")

    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert int(refused["Retry-After"]) > 0
    assert wang.get(f"/api/v1/{address}").status_code == 200
