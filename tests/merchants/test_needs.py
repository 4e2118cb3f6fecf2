"""Partners' needs and resources, and volunteers' services, on statements without money."""

from datetime import UTC, date, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from backend.registries.checks import Kind
from merchants.models import Listing, Partnership, StatedAttendance, Statement
from merchants.partners import errors
from merchants.partners.services import listings
from merchants.partners.services import partnerships as partners
from merchants.settlement.services import statements as settlement
from tests.verified import found_in
from volunteers.attendance.services import hours

NEED, RESOURCE = Listing.Kind.NEED, Listing.Kind.RESOURCE
MARCH = {"period_start": date(2024, 3, 1), "period_end": date(2024, 4, 1)}
APRIL = {"period_start": date(2024, 4, 1), "period_end": date(2024, 5, 1)}
MAY = {"period_start": date(2024, 5, 1), "period_end": date(2024, 6, 1)}


@pytest.fixture
def add(tea_house, zhou):
    """A listing of the tea house: ``add()`` needs its doorstep swept."""

    def make(kind=NEED, title="门前清扫"):
        return listings.add(partnership=tea_house, kind=kind, title=title, description="", by=zhou)

    return make


@pytest.fixture
def qian(person):
    """钱出纳, who pays."""
    return person("qian", "钱出纳")


@pytest.fixture
def verified(served, zhao):
    """Hours that Zhao verified: ``verified(wang, "2024-03-01 07:00", "2024-03-01 09:00")``.

    Each is an activity of its own; ``on`` is when they were verified, by the clock of UTC.
    """

    def serve(user, checked_in, checked_out, on):
        attendance = served(user, checked_in, checked_out)
        moment = datetime.fromisoformat(on).replace(tzinfo=UTC)
        hours.verify(attendance=attendance, verifier=zhao, now=moment)
        return attendance

    return serve


@pytest.fixture
def also_there():
    """Ninety minutes of somebody else at the same shift: ``also_there(attendance, li)``."""

    def serve(attendance, user):
        shift = attendance.shift
        return attendance.__class__.objects.create(
            community=attendance.community,
            shift=shift,
            volunteer=user,
            status="checked_out",
            checked_in_at=shift.starts_at,
            checked_out_at=shift.ends_at,
            worked_minutes=90,
        )

    return serve


def draft(lake, period):
    return settlement.draft(community=lake, **period)


def test_services_stand_on_the_statement_and_are_no_money(
    lake, tea_house, add, verified, also_there, wang, li, zhao, redeemed
):
    redeemed("2024-03-05 10:00")
    attendance = verified(wang, "2024-03-02 08:00", "2024-03-02 10:00", "2024-03-03T00:00")
    shift, other = attendance.shift, also_there(attendance, li)
    hours.verify(attendance=other, verifier=zhao, now=datetime(2024, 3, 3, tzinfo=UTC))
    for _ in range(2):  # once is enough
        listings.match(listing=add(), activity_id=shift.activity_id, by=zhao)

    (statement,) = draft(lake, MARCH)

    assert statement.services == [
        {
            "activity_id": str(shift.activity_id),
            "title": shift.activity.title,
            "volunteers": 2,
            "minutes": 210,
        }
    ]
    assert (statement.points, statement.amount_fen) == (30, 300)


def test_services_alone_make_a_statement_and_each_hour_is_on_one(
    lake, add, verified, wang, zhao, qian
):
    listing = add()
    for day, verified_on in (
        ("01", "2024-03-31T15:59:59"),  # the last second of March at the lake
        ("02", "2024-03-31T16:00:00"),
    ):
        attendance = verified(wang, f"2024-03-{day} 08:00", f"2024-03-{day} 09:00", on=verified_on)
        listings.match(listing=listing, activity_id=attendance.shift.activity_id, by=zhao)

    (march,) = draft(lake, MARCH)
    (april,) = draft(lake, APRIL)
    assert draft(lake, APRIL) == []

    for statement in (march, april):
        assert [service["minutes"] for service in statement.services] == [60]
        assert (statement.redemptions_count, statement.due_fen) == (0, 0)
        approved = settlement.approve(statement=statement, approver=zhao)
        settlement.mark_paid(statement=approved, payer=qian)
    assert march.services[0]["activity_id"] != april.services[0]["activity_id"]
    assert found_in(lake) == []


def test_what_came_too_late_for_a_statement_stands_on_the_next_alone(
    lake, add, verified, served, wang, li, zhao
):
    listing = add()
    early = verified(wang, "2024-03-01 08:00", "2024-03-01 09:00", on="2024-03-02T00:00")
    late = served(li, "2024-03-03 08:00", "2024-03-03 10:00")
    unmatched = verified(wang, "2024-03-04 08:00", "2024-03-04 11:00", on="2024-03-05T00:00")
    for attendance in (early, late):
        listings.match(listing=listing, activity_id=attendance.shift.activity_id, by=zhao)
    (march,) = draft(lake, MARCH)
    # Verified in March, but committed after the draft was made; and matched only then.
    hours.verify(attendance=late, verifier=zhao, now=datetime(2024, 3, 31, tzinfo=UTC))
    listings.match(listing=listing, activity_id=unmatched.shift.activity_id, by=zhao)

    (april,) = draft(lake, APRIL)

    assert [service["minutes"] for service in march.services] == [60]
    assert [service["minutes"] for service in april.services] == [120, 180]
    assert draft(lake, MAY) == []
    stated = StatedAttendance.objects.values_list("attendance_id", "statement_id")
    assert dict(stated) == {early.pk: march.pk, late.pk: april.pk, unmatched.pk: april.pk}


def test_voided_hours_are_taken_off_the_next_statement_once_and_are_no_money(
    lake, add, verified, wang, li, zhao, qian, redeemed
):
    listing = add()
    attendance = verified(wang, "2024-03-02 08:00", "2024-03-02 10:00", "2024-03-03T00:00")
    early, unstated = (
        verified(li, "2024-03-04 08:00", "2024-03-04 09:00", "2024-03-05T00:00"),
        verified(li, "2024-03-06 08:00", "2024-03-06 09:00", "2024-04-05T00:00"),
    )
    for one in (attendance, early, unstated):
        listings.match(listing=listing, activity_id=one.shift.activity_id, by=zhao)
    redeemed("2024-03-05 10:00")
    (march,) = draft(lake, MARCH)
    for one in (attendance, unstated):
        hours.void(attendance=one, voider=qian, reason="不在场")
    redeemed("2024-04-05 10:00")

    (april,) = draft(lake, APRIL)

    assert sorted(service["minutes"] for service in march.services) == [60, 120]
    assert april.services == [
        {
            "activity_id": str(attendance.shift.activity_id),
            "title": attendance.shift.activity.title,
            "volunteers": 1,
            "minutes": -120,
        }
    ]
    assert (march.amount_fen, april.amount_fen) == (300, 300)
    assert draft(lake, MAY) == []
    assert found_in(lake, Kind.SETTLEMENTS) == []


def test_each_partner_that_an_activity_served_is_told_of_it(
    lake, tea_house, add, verified, wang, zhao, zhou
):
    bookshop = partners.sign_contract(
        community=lake, name="书店", trade="文化", fen_per_point=10, is_donated=False
    )
    theirs = listings.add(partnership=bookshop, kind=NEED, title="扫雪", description="", by=zhou)
    attendance = verified(wang, "2024-03-02 08:00", "2024-03-02 10:00", "2024-03-03T00:00")
    for listing in (add(), theirs):
        listings.match(listing=listing, activity_id=attendance.shift.activity_id, by=zhao)

    statements = draft(lake, MARCH)

    assert {statement.partnership for statement in statements} == {tea_house, bookshop}
    assert [one.services[0]["minutes"] for one in statements] == [120, 120]
    assert draft(lake, APRIL) == []


@pytest.mark.django_db(transaction=True)
def test_two_drafts_at_once_state_hours_once(lake, add, verified, wang, zhao, at_once):
    attendance = verified(wang, "2024-03-02 08:00", "2024-03-02 10:00", "2024-03-03T00:00")
    listings.match(listing=add(), activity_id=attendance.shift.activity_id, by=zhao)

    made = at_once(4, lambda number: len(draft(lake, MARCH if number % 2 else APRIL)))

    assert StatedAttendance.objects.get().attendance_id == attendance.pk
    assert sum(len(statement.services) for statement in Statement.objects.all()) == 1
    assert sum(made) == Statement.objects.count()


@pytest.mark.parametrize(
    "altered",
    [
        "UPDATE merchants_statedattendance SET attendance_id = id",
        "DELETE FROM merchants_statedattendance",
    ],
)
def test_what_was_stated_stays(lake, add, verified, wang, zhao, altered):
    attendance = verified(wang, "2024-03-02 08:00", "2024-03-02 10:00", "2024-03-03T00:00")
    listings.match(listing=add(), activity_id=attendance.shift.activity_id, by=zhao)
    draft(lake, MARCH)

    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        connection.cursor().execute(altered)


def test_what_is_lent_not_matched_any_more_or_not_verified_is_no_service(
    lake, add, verified, served, wang, li, zhao
):
    lent, ended = (
        verified(user, "2024-03-02 08:00", "2024-03-02 10:00", "2024-03-03T00:00")
        for user in (wang, li)
    )
    waiting = served(wang, "2024-03-05 08:00", "2024-03-05 09:00")
    listings.match(listing=add(RESOURCE), activity_id=lent.shift.activity_id, by=zhao)
    need = add()
    listings.match(listing=need, activity_id=waiting.shift.activity_id, by=zhao)
    match = listings.match(listing=need, activity_id=ended.shift.activity_id, by=zhao)
    first = listings.end_match(match=match, by=zhao).ended_at
    assert listings.end_match(match=match, by=zhao).ended_at == first

    assert draft(lake, MARCH) == []


def test_the_digest_is_of_the_services_too(lake, add, verified, wang, zhao):
    attendance = verified(wang, "2024-03-02 08:00", "2024-03-02 10:00", "2024-03-03T00:00")
    listings.match(listing=add(), activity_id=attendance.shift.activity_id, by=zhao)
    (statement,) = draft(lake, MARCH)
    settlement.approve(statement=statement, approver=zhao)

    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Statement.objects.update(services=[])
    with transaction.atomic():
        connection.cursor().execute("SET LOCAL session_replication_role = replica")
        Statement.objects.update(services=[])
    assert [str(finding) for finding in found_in(lake, Kind.SETTLEMENTS)] != []


def test_an_entry_is_closed_once_and_takes_no_more_activities(add, zhou, zhao, patrol):
    listing = add()
    closed_at = listings.close(listing=listing, by=zhou).closed_at

    assert listings.close(listing=listing, by=zhao).closed_at == closed_at
    with pytest.raises(errors.ListingClosed):
        listings.match(listing=listing, activity_id=patrol.activity_id, by=zhao)
    with pytest.raises(DatabaseError), transaction.atomic():
        Listing.objects.update(title="别的")
    with pytest.raises(DatabaseError), transaction.atomic():
        Listing.objects.all().delete()


def test_what_can_not_be_listed_is_refused(tea_house, add, zhao, hill, served, wang, monkeypatch):
    elsewhere = served(wang, "2024-03-01 07:00", "2024-03-01 08:00", community=hill)
    with pytest.raises(errors.ActivityUnknown):
        listings.match(listing=add(), activity_id=elsewhere.shift.activity_id, by=zhao)

    monkeypatch.setattr(listings, "OPEN_AT_MOST", 2)
    listings.close(listing=add(), by=zhao)
    add()
    with pytest.raises(errors.ListFull) as refused:
        add()
    assert refused.value.facts == {"limit": 2}

    partners.move(partnership=tea_house, status=Partnership.Status.ENDED, by=zhao)
    with pytest.raises(errors.PartnerEnded):
        add()


def test_an_owner_lists_staff_match_and_volunteers_find_it(
    logged_in, lake, tea_house, shop, zhou, zhao, wang, patrol, redeemed
):
    mine = f"/api/v1/partnerships/{tea_house.pk}/needs"
    added = logged_in(zhou).post(mine, {"title": "门前清扫"}, format="json")
    assert added.status_code == 201, added.json()
    listing = added.json()["id"]
    matched = logged_in(zhao).post(
        f"/api/v1/needs/{listing}/matches",
        {"activity_id": str(patrol.activity_id)},
        format="json",
    )
    assert matched.status_code == 201, matched.json()

    (found,) = logged_in(wang).get("/api/v1/needs").json()["results"]
    assert found["merchant"]["name"] == "茶馆"
    assert [one["activity_id"] for one in found["activities"]] == [str(patrol.activity_id)]

    matches = f"/api/v1/needs/{listing}/matches"
    one = f"{matches}/{matched.json()['id']}"
    assert logged_in(zhao).get(one).json() == matched.json() | {"ended_at": None}
    logged_in(zhao).post(f"{one}/end")
    (ended,) = logged_in(zhao).get(matches).json()["results"]
    assert ended == logged_in(zhao).get(one).json()
    assert ended["ended_at"]
    assert logged_in(zhou).get(matches).status_code == 404
    logged_in(zhou).post(f"/api/v1/needs/{listing}/close")
    assert logged_in(wang).get("/api/v1/needs").json()["results"] == []
    (kept,) = logged_in(zhou).get(mine).json()["results"]
    everywhere = "/api/v1/communities/lake/needs"
    assert logged_in(zhao).get(everywhere).json()["results"] == [kept]
    for query in ("is_open=true", "text=会议室", f"partnership={listing}"):
        assert logged_in(zhao).get(f"{everywhere}?{query}").json()["results"] == [], query
    assert logged_in(zhao).get("/api/v1/communities/lake/resources").json()["results"] == []
    assert logged_in(zhou).get(everywhere).status_code == 404
    assert kept["closed_at"]
    assert kept["activities"] == []


@pytest.mark.parametrize(("language", "words"), [("zh-hans", "收到的志愿服务"), ("en", "Services")])
def test_the_page_to_print_says_what_was_received(
    language, words, lake, add, verified, wang, zhao, logged_in, shop, zhou
):
    attendance = verified(wang, "2024-03-02 08:00", "2024-03-02 09:30", "2024-03-03T00:00")
    listings.match(listing=add(), activity_id=attendance.shift.activity_id, by=zhao)
    (statement,) = draft(lake, MARCH)

    address = f"/api/v1/statements/{statement.pk}/lines"
    page = logged_in(zhou).get(f"{address}.html", HTTP_ACCEPT_LANGUAGE=language).getvalue().decode()

    assert words in page
    assert attendance.shift.activity.title in page
    assert "<td>1.5</td>" in page
    assert logged_in(zhou).get(f"{address}.pdf").status_code == 200
