"""A community's own page."""

import pytest
from rest_framework.test import APIClient

from backend.communities.models import Community
from backend.communities.services import places
from points.kinds import AccountKind
from points.ledger import services as ledger


def page(code):
    return APIClient().get(f"/api/v1/communities/{code}")


def test_a_community_shows_everybody_what_became_of_its_points(lake, wang, li, grant_points):
    wallet = grant_points(wang, 100)
    grant_points(li, 7)
    for kind, holder in [(AccountKind.MERCHANT, "merchant:1"), (AccountKind.SETTLED, "")]:
        ledger.post(
            ledger.Movement(
                debit=wallet,
                credit=ledger.account(community=lake, kind=kind, holder=holder),
                amount=20,
                key=f"to {kind}",
                reason="redemption",
                source=f"test:to {kind}",
            )
        )

    response = page("lake")

    assert response.status_code == 200
    assert response.json() == {
        "id": str(lake.pk),
        "code": "lake",
        "name": "碧沙湖社区",
        "timezone": "Asia/Shanghai",
        "latitude": None,
        "longitude": None,
        "coord_type": "wgs84",
        "volunteers": 2,
        "points": {"issued": 107, "redeemed": 40, "outstanding": 67},
    }


def test_a_community_where_nothing_happened_yet_shows_zeros(hill):
    body = page("hill").json()

    assert (body["volunteers"], body["points"]) == (
        0,
        {"issued": 0, "redeemed": 0, "outstanding": 0},
    )


@pytest.mark.parametrize("code", ["nowhere", "street", "邻里", "a b"])
@pytest.mark.parametrize(
    "address", ["", "/reports", "/reports/0190163d-8694-739b-aea5-966c26f8ad91"]
)
def test_a_place_that_keeps_no_ledger_has_no_page(db, code, address):
    places.found(code="street", name="街道", kind=Community.Kind.STREET)

    response = page(code + address)

    assert (response.status_code, response.json()["code"]) == (404, "community_unknown")
