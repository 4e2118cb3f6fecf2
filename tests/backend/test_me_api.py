"""Who is logged in, and the list of communities."""

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import User
from backend.api.throttling import PublicThrottle
from backend.communities.models import Community, Role
from backend.communities.services import places

pytestmark = pytest.mark.django_db


def test_me_is_who_logged_in_with_the_phone_masked(lake, hill, wang, logged_in):
    places.grant(user=wang, community=hill, role=Role.AUDITOR)

    response = logged_in(wang).get("/api/v1/me")

    assert response.status_code == 200
    assert response.json() == {
        "id": str(wang.pk),
        "username": "wang",
        "name": "王小明",
        "phone": "198****0001",
        "second_factor_required": True,
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
        "second_factor_required": False,
        "memberships": [],
    }


def test_nobody_is_not_somebody(db):
    response = APIClient().get("/api/v1/me")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


def test_everybody_sees_the_communities_that_keep_a_ledger(lake, hill):
    street = places.found(code="street", name="街道", kind=Community.Kind.STREET)
    places.found(code="estate", name="小区", kind=Community.Kind.ESTATE, parent=lake)
    east = places.found(code="east", name="东社区", parent=street, timezone="Asia/Urumqi")

    response = APIClient().get("/api/v1/communities")

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {"id": str(east.pk), "code": "east", "name": "东社区", "timezone": "Asia/Urumqi"},
            {"id": str(hill.pk), "code": "hill", "name": "山丹社区", "timezone": "Asia/Shanghai"},
            {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区", "timezone": "Asia/Shanghai"},
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
