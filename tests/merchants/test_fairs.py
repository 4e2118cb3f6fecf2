"""Redemption fairs: one session, many merchants, and a report of its own."""

import csv
import io
from datetime import datetime, time, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from backend.events.errors import SeriesCancelled, VenueClosed
from backend.events.recurrence import Recurrence
from backend.events.services import series as events
from backend.events.services import venues
from backend.notices.models import Notice
from merchants.catalogue.errors import (
    FairBegun,
    FairCancelled,
    FairNotInOrder,
    FairOver,
    FairsOverlap,
)
from merchants.catalogue.services import fairs
from merchants.catalogue.services import offers as catalogue
from merchants.models import Fair, MerchantMember, Partnership, Redemption
from merchants.partners.errors import OwnMerchant, PartnerNotActive
from merchants.partners.services import partnerships as partners
from merchants.redemption.selectors import taken_at
from merchants.redemption.services import offline, refunds, voucher_tokens
from merchants.redemption.services import vouchers as redemption
from tests.cast import tell

AT_NINE = datetime.fromisoformat("2100-03-19T09:00:00+08:00")
AT_NOON = AT_NINE + timedelta(hours=3)


@pytest.fixture
def noodle_bar(lake, chen) -> Partnership:
    """面馆, where Chen works as well."""
    made = partners.sign_contract(
        community=lake, name="面馆", trade="餐饮", fen_per_point=5, is_donated=False
    )
    partners.employ(merchant=made.merchant, user=chen, role=MerchantMember.Role.CLERK)
    return made


@pytest.fixture
def announce(lake, tea_house, zhao):
    """A fair of the tea house's: ``announce(partnerships=…)``."""

    def make(**facts) -> Fair:
        given = {
            "community": lake,
            "title": "九九便民集市",
            "place": "广场",
            "starts_at": AT_NINE,
            "ends_at": AT_NOON,
            "partnerships": [tea_house],
            "by": zhao,
        }
        return fairs.announce(**given | facts)

    return make


@pytest.fixture
def fair(lake, zhao, tea_house, noodle_bar) -> Fair:
    """A past fair, at which both merchants were."""
    made = Fair.objects.create(
        community=lake,
        title="九九便民集市",
        starts_at=AT_NINE.replace(year=2024),
        ends_at=AT_NOON.replace(year=2024),
        announced_by=zhao,
    )
    made.partners.set([tea_house, noodle_bar], through_defaults={"community": lake})
    return made


def test_what_stalls_redeem_while_it_runs_is_its_report(
    fair, noodle_bar, redeemed, wang, li, chen, grant_points, logged_in, zhao
):
    noodles = catalogue.offer(
        partnership=noodle_bar, code="N", title="面", price_points=20, stock=9
    )
    redeemed("2024-03-19 08:59:59")  # before it began
    first = redeemed("2024-03-19 09:00", quantity=2)
    redeemed("2024-03-19 11:59:59", offer=noodles)
    redeemed("2024-03-19 12:00")  # it is over
    grant_points(li, 30)
    now = datetime.fromisoformat("2024-03-19T10:00:00+08:00")
    offer = first.offer
    taken = redemption.take(offer=offer, volunteer=li, now=now)
    shop = offer.partnership.merchant_id
    redemption.scan(merchant_id=shop, clerk=chen, code=taken.code, now=now)
    refunds.refund(redemption=first, refunded_by=zhao, reason="凉了", quantity=1, is_late=True)

    told = logged_in(zhao).get(f"/api/v1/fairs/{fair.pk}/report").json()

    rows = {row.pop("merchant")["name"]: row for row in told["stalls"]}
    assert rows == {
        "茶馆": {
            "redemptions_count": 2,
            "refunds_count": 1,
            "volunteers": 2,
            "points": 60,
            "amount_fen": 600,
        },
        "面馆": {
            "redemptions_count": 1,
            "refunds_count": 0,
            "volunteers": 1,
            "points": 20,
            "amount_fen": 100,
        },
    }
    assert told["together"] == {
        "redemptions_count": 3,
        "refunds_count": 1,
        "volunteers": 2,  # Wang was at both
        "points": 80,
        "amount_fen": 700,
    }
    file = logged_in(zhao).get(f"/api/v1/fairs/{fair.pk}/report.csv").getvalue().decode("utf-8-sig")
    *stalls, together = list(csv.reader(io.StringIO(file)))[1:]
    assert [row[0] for row in stalls] == ["茶馆", "面馆"]
    assert together == ["合计", "3", "1", "2", "80", "700"]
    assert logged_in(zhao).get(f"/api/v1/fairs/{fair.pk}/report.xlsx").status_code == 200


@pytest.mark.parametrize(
    ("signed_at", "minutes", "counted"),
    [
        (3, -90, 0),
        (3, -30, 1),
        (3, -1, 0),
        (0, -30, 0),  # by a clock that is behind: there was no such code during the fair
        (3, -60 * 24 * 400, 0),
    ],
)
def test_what_was_scanned_there_without_signal_counts_once_it_is_told(
    lake, wang, chen, zhou, tea, tea_house, zhao, grant_points, signed_at, minutes, counted
):
    now = timezone.now()
    made = Fair.objects.create(
        community=lake,
        title="地下集市",
        starts_at=now - timedelta(hours=1),
        ends_at=now - timedelta(minutes=10),
        announced_by=zhao,
    )
    made.partners.set([tea_house], through_defaults={"community": lake})
    catalogue.change(offer=tea, by=zhao, scans_offline=True)
    tea.refresh_from_db()
    grant_points(wang, 30)
    code, _ = voucher_tokens.sign(redemption.take(offer=tea, volunteer=wang))
    Redemption.objects.update(signed_at=now - timedelta(hours=signed_at))
    device = offline.register_device(merchant=tea_house.merchant, name="平板", by=zhou)
    device.registered_at = now - timedelta(days=30)
    scan = offline.Told(nonce="1", code=code, device_time=now + timedelta(minutes=minutes))

    (told,) = offline.tell(device=device, clerk=chen, scans=[scan])

    assert told.outcome == "redeemed"
    assert taken_at(made)[1]["redemptions_count"] == counted


def test_it_is_announced_found_and_cancelled(lake, tea_house, shop, zhao, zhou, wang, logged_in):
    body = {
        "title": "年货集市",
        "starts_at": AT_NINE.isoformat(),
        "ends_at": AT_NOON.isoformat(),
        "partnership_ids": [str(tea_house.pk)] * 2,
    }
    made = logged_in(zhao).post("/api/v1/communities/lake/fairs", body, format="json")
    assert made.status_code == 201, made.json()

    for user, address in (
        (wang, "fairs"),
        (zhou, f"merchants/{shop.pk}/fairs"),
        (zhao, "communities/lake/fairs"),
    ):
        (found,) = logged_in(user).get(f"/api/v1/{address}").json()["results"]
        assert [merchant["name"] for merchant in found["merchants"]] == ["茶馆"]

    fair = f"/api/v1/fairs/{made.json()['id']}"
    first = logged_in(zhao).post(f"{fair}/cancel", {"reason": "下雨"}).json()
    assert (first["status"], first["reason"]) == ("cancelled", "下雨")
    assert logged_in(zhao).post(f"{fair}/cancel", {"reason": "又下"}).json() == first
    assert logged_in(wang).get("/api/v1/fairs").json()["results"] == []
    assert logged_in(zhao).get(f"{fair}/report").json()["together"]["redemptions_count"] == 0
    assert (
        logged_in(zhao).post("/api/v1/communities/lake/fairs", body, format="json").status_code
        == 201
    )


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"ends_at": AT_NINE}, FairNotInOrder),
        ({"ends_at": AT_NINE + timedelta(days=7, seconds=1)}, FairNotInOrder),
        (
            {"starts_at": AT_NINE.replace(year=2024), "ends_at": AT_NOON.replace(year=2024)},
            FairOver,
        ),
    ],
)
def test_a_fair_that_can_not_be_is_refused(announce, facts, refusal):
    with pytest.raises(refusal):
        announce(**facts)


def test_a_merchant_is_at_one_fair_at_a_time_and_active(
    announce, tea_house, noodle_bar, zhao, lake
):
    announce()
    with pytest.raises(FairsOverlap) as refused:
        announce(starts_at=AT_NOON - timedelta(seconds=1), ends_at=AT_NOON + timedelta(hours=1))
    assert refused.value.facts == {"merchants": ["茶馆"]}
    announce(starts_at=AT_NOON, ends_at=AT_NOON + timedelta(hours=1))
    announce(partnerships=[noodle_bar])

    partners.move(partnership=noodle_bar, status=Partnership.Status.SUSPENDED, by=zhao)
    with pytest.raises(PartnerNotActive):
        announce(starts_at=AT_NOON, ends_at=AT_NOON + timedelta(1), partnerships=[noodle_bar])


@pytest.mark.django_db(transaction=True)
def test_two_announce_the_same_merchants_at_once(at_once, announce, tea_house, noodle_bar):
    both = [tea_house, noodle_bar]

    outcomes = at_once(4, lambda number: announce(partnerships=both[:: 1 - number % 2 * 2]) and 1)

    assert sorted(outcomes, key=str) == [1, *["fairs_overlap"] * 3]


def test_another_communitys_partner_is_not_there(hill, lake, zhao, logged_in):
    apiary = partners.sign_contract(
        community=hill, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
    )
    body = {
        "title": "集市",
        "starts_at": AT_NINE.isoformat(),
        "ends_at": AT_NOON.isoformat(),
        "partnership_ids": [str(apiary.pk)],
    }
    refused = logged_in(zhao).post("/api/v1/communities/lake/fairs", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (404, "partner_unknown")


def test_what_was_announced_stays_and_is_over_at_its_end(announce, fair, zhao):
    with pytest.raises(FairOver):
        fairs.cancel(fair=fair, by=zhao, reason="雨")
    with pytest.raises(DatabaseError), transaction.atomic():
        Fair.objects.update(ends_at=timezone.now())
    with pytest.raises(DatabaseError), transaction.atomic():
        fair.stalls.all().delete()


# --- moved, and told of -----------------------------------------------------------------------
def told(user, kind):
    return list(Notice.objects.filter(recipient=user, kind=kind).order_by("id"))


def test_owners_are_reminded_and_told_of_a_move_and_of_the_end(announce, zhao, zhou, chen, lake):
    fair = announce()
    square = venues.make(place=lake, by=zhao, name="湖滨广场")
    later = {
        "starts_at": AT_NINE + timedelta(days=1),
        "ends_at": AT_NOON + timedelta(days=1),
        "venue_id": square.pk,
        "place": "东侧",
    }

    (before,) = told(zhou, "fair_reminder")
    for _ in range(2):
        fairs.change(fair=fair, by=zhao, changes=later)
    withdrawn, reminder = told(zhou, "fair_reminder")
    (moved,) = told(zhou, "fair_moved")

    assert withdrawn == before
    assert withdrawn.withdrawn_at is not None
    assert before.due_at == AT_NINE - timedelta(hours=2)
    assert reminder.due_at == before.due_at + timedelta(days=1)
    assert moved.facts["place"] == "湖滨广场 东侧"
    assert moved.facts["merchant"] == "茶馆"

    fairs.cancel(fair=fair, by=zhao, reason="下雨")

    (cancelled,) = told(zhou, "fair_cancelled")
    assert cancelled.facts["reason"] == "下雨"
    reminder.refresh_from_db()
    assert reminder.withdrawn_at is not None
    assert not Notice.objects.filter(recipient=chen).exists()  # a clerk


def test_a_fair_that_moves_after_it_was_told_of_is_told_of_anew(announce, zhao, zhou):
    fair = announce()
    (first,) = told(zhou, "fair_reminder")
    assert tell(first)

    later = {"starts_at": AT_NINE + timedelta(days=1), "ends_at": AT_NOON + timedelta(days=1)}
    fairs.change(fair=fair, by=zhao, changes=later)
    assert tell(told(zhou, "fair_reminder")[1])

    assert [one.due_at for one in told(zhou, "fair_reminder")] == [
        start - timedelta(hours=2) for start in (AT_NINE, later["starts_at"])
    ]


def test_a_fair_moved_back_is_told_of_by_its_first_reminder(announce, zhao, zhou):
    fair = announce()
    for days in (1, 0):
        to = {
            "starts_at": AT_NINE + timedelta(days=days),
            "ends_at": AT_NOON + timedelta(days=days),
        }
        fair = fairs.change(fair=fair, by=zhao, changes=to)

    first, second = told(zhou, "fair_reminder")
    assert (first.withdrawn_at, second.withdrawn_at is not None) == (None, True)
    assert tell(first)


def test_a_fair_that_has_begun_or_was_cancelled_is_not_moved(announce, zhao, fair):
    later = {"ends_at": AT_NOON + timedelta(hours=1)}
    with pytest.raises(FairBegun):
        fairs.change(fair=fair, by=zhao, changes=later)
    coming = fairs.cancel(fair=announce(), by=zhao, reason="雨")
    with pytest.raises(FairCancelled):
        fairs.change(fair=coming, by=zhao, changes=later)
    for change in ({"title": "别的"}, {"cancelled_at": None, "status": "planned"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Fair.objects.filter(pk=coming.pk).update(**change)


def test_a_fair_is_moved_to_no_other_fair_of_its_merchants(announce, zhao):
    announce()
    second = announce(starts_at=AT_NOON, ends_at=AT_NOON + timedelta(hours=1))
    with pytest.raises(FairsOverlap):
        fairs.change(fair=second, by=zhao, changes={"starts_at": AT_NOON - timedelta(hours=1)})
    with pytest.raises(FairNotInOrder):
        fairs.change(fair=second, by=zhao, changes={"ends_at": AT_NOON})


def test_whoever_works_there_moves_no_fair_and_sets_no_stall(announce, tea_house, zhao, series):
    fair = announce()
    partners.employ(merchant=tea_house.merchant, user=zhao, role=MerchantMember.Role.CLERK)
    with pytest.raises(OwnMerchant):
        fairs.change(fair=fair, by=zhao, changes={"place": "我家门口"})
    with pytest.raises(OwnMerchant):
        fairs.set_stalls(series=series, partnerships=[tea_house], by=zhao)


def test_no_fair_is_announced_when_its_venue_is_closed(announce, lake, zhao):
    hours = [{"weekday": 1, "from_time": "08:00", "until_time": "09:00"}]
    hall = venues.make(place=lake, by=zhao, name="礼堂", opening_hours=hours)
    with pytest.raises(VenueClosed):
        announce(venue_id=hall.pk)


def test_staff_move_a_fair_and_find_it(announce, zhao, wang, logged_in):
    fair = announce()
    address = f"/api/v1/fairs/{fair.pk}"
    body = {"place": "西门", "ends_at": (AT_NOON + timedelta(hours=1)).isoformat()}

    moved = logged_in(zhao).patch(address, body, format="json").json()

    assert moved["place"] == "西门"
    assert datetime.fromisoformat(moved["ends_at"]) == AT_NOON + timedelta(hours=1)
    assert logged_in(wang).get(address).json() == moved
    assert logged_in(wang).patch(address, body, format="json").status_code == 404
    for asked, found in (("day=2100-03-19", 1), ("day=2100-03-20", 0), ("text=西门", 1)):
        listed = logged_in(zhao).get(f"/api/v1/communities/lake/fairs?{asked}").json()
        assert len(listed["results"]) == found


# --- of a series ------------------------------------------------------------------------------
@pytest.fixture
def series(lake, zhao):
    return events.plan(
        place=lake,
        by=zhao,
        title="99便民活动",
        recurrence=Recurrence("week", (6,)),
        starts_on=lake.today + timedelta(days=1),
        from_time=time(9),
        until_time=time(12),
    )


def test_each_occurrence_has_a_fair_with_the_stalls_of_the_series(
    series, tea_house, noodle_bar, zhao, zhou, announce
):
    first, second, *others = events.coming_occurrences(series)
    times = {"starts_at": second.starts_at, "ends_at": second.ends_at}
    announce(partnerships=[noodle_bar], **times)  # the noodle bar is there instead

    for _ in range(2):
        fairs.set_stalls(series=series, partnerships=[tea_house, noodle_bar], by=zhao)

    made = {fair.occurrence_id: fair for fair in Fair.objects.filter(occurrence__series=series)}
    assert len(made) == len(others) + 2
    assert set(made[first.pk].partners.all()) == {tea_house, noodle_bar}
    assert set(made[second.pk].partners.all()) == {tea_house}
    assert len(told(zhou, "fair_reminder")) == len(made)

    fairs.set_stalls(series=series, partnerships=[tea_house], by=zhao)
    partners.move(partnership=tea_house, status=Partnership.Status.SUSPENDED, by=zhao)
    events.make_occurrences(series=series, until=series.made_until + timedelta(days=7))
    assert Fair.objects.filter(occurrence__series=series).count() == len(made)  # nobody is there


def test_staff_set_the_stalls_of_a_series(series, tea_house, noodle_bar, zhao, wang, logged_in):
    address = f"/api/v1/series/{series.pk}/stalls"
    body = {"partnership_ids": [str(noodle_bar.pk), str(tea_house.pk)]}

    told = logged_in(zhao).put(address, body, format="json").json()

    assert [stall["merchant"]["name"] for stall in told["stalls"]] == ["茶馆", "面馆"]
    assert logged_in(zhao).get(address).json() == told
    assert logged_in(wang).get(address).status_code == 404
    unknown = {"partnership_ids": [str(series.pk)]}
    refused = logged_in(zhao).put(address, unknown, format="json")
    assert (refused.status_code, refused.json()["code"]) == (404, "partner_unknown")
    events.cancel(series=series, by=zhao, reason="不办了")
    with pytest.raises(SeriesCancelled):
        fairs.set_stalls(series=series, partnerships=[], by=zhao)
    assert set(Fair.objects.values_list("status", flat=True)) == {"cancelled"}
