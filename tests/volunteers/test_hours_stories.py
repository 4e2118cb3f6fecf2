"""Whole stories of hours, from the check-in to points, and back."""

from datetime import date

import pytest

from backend.communities.models import Role
from backend.communities.services import roles
from merchants.partners.services import listings
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from points.awards.selectors import award_of, explain
from points.ledger.selectors import wallet_of
from points.models import Transfer
from tests.verified import found_in
from volunteers.attendance import tasks
from volunteers.attendance.selectors import standing
from volunteers.attendance.services import hours, presence
from volunteers.models import Attendance

pytestmark = pytest.mark.usefixtures("_tasks_run_at_once")

MARCH, APRIL, MAY = (
    {"period_start": date(2024, month, 1), "period_end": date(2024, month + 1, 1)}
    for month in (3, 4, 5)
)


@pytest.fixture
def sun(lake, person):
    """A second member of staff."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


def balance(lake, user):
    wallet = wallet_of(lake.pk, user.pk)
    return wallet.available, wallet.shortfall


def test_a_rush_hour_from_the_check_in_to_points_and_their_explanation(
    lake, wang, zhao, signed_up, clock, logged_in
):
    place = signed_up(wang, "2024-03-01 07:30", "2024-03-01 09:00", "交通劝导")
    presence.check_in(attendance=place, nonce="tap", now=clock("2024-03-01 07:18"))
    presence.check_out(attendance=place, now=clock("2024-03-01 09:25"))
    tasks.sweep_signals()
    desk, phone = logged_in(zhao), logged_in(wang)

    (waiting,) = desk.get("/api/v1/communities/lake/hours-to-verify").json()["results"]
    decided = desk.post(
        "/api/v1/communities/lake/hours-to-verify",
        {"attendance_ids": [waiting["id"]], "outcome": "verified"},
    )

    assert (waiting["worked_minutes"], waiting["signals"]) == (90, [])
    (result,) = decided.json()["results"]
    assert (result["outcome"], result["points"]) == ("verified", 22)  # 22.5 is cut
    assert desk.get("/api/v1/communities/lake/hours-to-verify").json()["results"] == []
    mine = phone.get(f"/api/v1/attendances/{place.pk}").json()
    assert (mine["status"], mine["points"]) == ("verified", 22)
    why = explain(award_of(lake.pk, place.award_source).transfer)
    shown = ("minutes", "peak_minutes", "peak_multiplier_bp", "points_per_hour", "points")
    assert {name: why["arithmetic"][name] for name in shown} == {
        "minutes": 90,
        "peak_minutes": 90,
        "peak_multiplier_bp": 15000,
        "points_per_hour": 10,
        "points": 22,
    }
    assert balance(lake, wang) == (22, 0)


def test_a_forgotten_check_out_verified_spent_voided_and_repaid(
    lake, wang, zhao, sun, zhou, chen, tea, tea_house, signed_up, served, clock, logged_in
):
    place = signed_up(wang, "2024-03-01 09:00", "2024-03-01 12:00")
    listing = listings.add(
        partnership=tea_house, kind="need", title="门前清扫", description="", by=zhou
    )
    listings.match(listing=listing, activity_id=place.shift.activity_id, by=zhao)
    presence.check_in(attendance=place, now=clock("2024-03-01 09:00"))
    tasks.sweep_ended_shifts()
    tasks.sweep_signals()
    queue = "/api/v1/communities/lake/hours-to-verify?signal=forgotten_check_out"
    (waiting,) = logged_in(zhao).get(queue).json()["results"]
    assert (waiting["id"], waiting["worked_minutes"]) == (str(place.pk), 180)

    hours.verify(attendance=place, verifier=zhao, now=clock("2024-03-02 10:00"))
    assert balance(lake, wang) == (30, 0)
    assert standing(community_id=lake.pk, user_id=wang.pk).minutes == 180

    now = clock("2024-03-03 10:00")
    voucher = redemption.take(offer=tea, volunteer=wang, now=now)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=voucher.code, now=now)
    (march,) = settlement.draft(community=lake, **MARCH)
    settlement.approve(statement=march, approver=sun)
    assert (march.amount_fen, [one["minutes"] for one in march.services]) == (300, [180])

    hours.void(attendance=place, voider=sun, reason="提前离开")
    assert balance(lake, wang) == (0, 30)
    assert standing(community_id=lake.pk, user_id=wang.pk).minutes == 0
    (april,) = settlement.draft(community=lake, **APRIL)
    march.refresh_from_db()
    assert (march.amount_fen, [one["minutes"] for one in march.services]) == (300, [180])
    assert (april.amount_fen, [one["minutes"] for one in april.services]) == (0, [-180])

    for day, left in ((5, (0, 10)), (6, (10, 0))):
        again = served(wang, f"2024-03-0{day} 09:00", f"2024-03-0{day} 11:00")
        hours.verify(attendance=again, verifier=zhao)
        assert balance(lake, wang) == left
    assert standing(community_id=lake.pk, user_id=wang.pk).minutes == 240
    assert settlement.draft(community=lake, **MAY) == []
    assert Transfer.objects.filter(reason="hours").count() == 3
    assert Attendance.objects.get(pk=place.pk).reason == "提前离开"
    assert found_in(lake) == []
