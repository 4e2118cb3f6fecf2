"""A clerk's working life: invited, scanning, dismissed in the middle of a shift."""

from uuid import uuid4

import pytest

from tests.journeys.conftest import Caller

pytestmark = pytest.mark.slow


@pytest.fixture
def newcomer(linli):
    """A newcomer, logged in by the mini-program for the first time."""
    code = linli.wechat("codes", openid=f"o6_{uuid4().hex[:24]}")["code"]
    _, answer = linli.send("POST", "/_allauth/app/v1/auth/wechat", {"code": code}, {})
    return Caller(linli, answer["meta"]["access_token"])


def test_a_clerk_is_invited_scans_and_is_dismissed_in_the_middle_of_a_shift(linli, newcomer):
    owner, volunteer = linli.log_in("owner"), linli.log_in("volunteer")
    shop = owner.get("merchants")["results"][0]
    counter = f"merchants/{shop['id']}"
    # 抽纸, for 20 points.
    (offer,) = volunteer.get("offers?community=bishahu&code=BSH001")["results"]
    vouchers = [volunteer.post(f"offers/{offer['id']}/vouchers") for _ in range(2)]
    me = newcomer.get("me")["id"]
    stranger, _ = newcomer.send("POST", f"{counter}/scans", {"code": vouchers[0]["code"]})

    made = owner.post(f"{counter}/invitations", {"role": "clerk"})
    workplaces = [newcomer.post("invitations/accept", {"code": made["code"]}) for _ in range(2)]
    scanned = newcomer.post(f"{counter}/scans", {"code": vouchers[0]["code"]})

    assert stranger == 404
    assert workplaces == [shop | {"role": "clerk"}] * 2
    latest = owner.get(f"{counter}/redemptions")["results"][0]
    assert (latest["id"], latest["redeemed_by"]["id"]) == (scanned["id"], me)
    used = volunteer.send("POST", "invitations/accept", {"code": made["code"]})
    assert (used[0], used[1]["code"]) == (409, "invitation_used")

    clerk = next(
        one for one in owner.get(f"{counter}/clerks")["results"] if one["user"]["id"] == me
    )
    owner.post(f"{counter}/clerks/{clerk['id']}/dismiss")

    refused, answer = newcomer.send("POST", f"{counter}/scans", {"code": vouchers[1]["code"]})
    assert (refused, answer["code"]) == (404, "not_found")
    assert newcomer.get("merchants")["results"] == []
    again = newcomer.send("POST", "invitations/accept", {"code": made["code"]})
    assert (again[0], again[1]["code"]) == (409, "invitation_used")
    # Nothing came of it, and the volunteer has the points back.
    cancelled = volunteer.post(f"me/vouchers/{vouchers[1]['id']}/cancel")
    assert cancelled["status"] == "cancelled"
