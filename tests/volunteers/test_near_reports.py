"""Open reports near a place: nearest first, in whichever coordinates, by an index."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from backend.audit.models import AuditEntry
from backend.communities.models import CoordType, Role
from backend.communities.services import places, roles
from tests.volunteers.test_reporting import ADDRESS, HAZARD, with_key
from volunteers.attendance.positions import EARTH_METRES, Position, gcj02
from volunteers.models import Report, ReportPolicy
from volunteers.reports.near import near, near_report
from volunteers.reports.services import handling, submitting

LATITUDE, LONGITUDE = 28.2, 112.9
HERE = Position(LATITUDE, LONGITUDE, CoordType.WGS84)
DEGREE_METRES = 2 * 3.141592653589793 * EARTH_METRES / 360


@pytest.fixture
def reported(lake, wang):
    """Report a hazard so many metres to the north: ``reported(100)``."""

    def report(metres, **facts):
        north = {"latitude": LATITUDE + metres / DEGREE_METRES, "longitude": LONGITUDE}
        return submitting.submit(
            community=lake, reporter=wang, **HAZARD | {"text": f"{metres} 米"} | north | facts
        )

    return report


def test_the_nearest_come_first_with_their_metres(lake, reported):
    far, close, beyond = reported(249), reported(10), reported(252)

    assert list(near(lake, "hazard", HERE).items()) == [(close.pk, 10), (far.pk, 249)]
    ReportPolicy.objects.create(community=lake, near_metres=300)
    assert list(near(lake, "hazard", HERE)) == [close.pk, far.pk, beyond.pk]


def test_east_is_as_far_as_north(lake, reported):
    """A degree of longitude is shorter here by an eighth, so the map has to be right."""
    north = reported(200)
    east = reported(0, longitude=LONGITUDE + 0.00195)  # 191 m

    assert list(near(lake, "hazard", HERE).items()) == [(east.pk, 191), (north.pk, 200)]


def test_coordinates_of_phones_and_of_maps_are_compared(lake, reported):
    by_gps = reported(30)
    latitude, longitude = gcj02(LATITUDE + 20 / DEGREE_METRES, LONGITUDE)
    by_map = reported(0, latitude=latitude, longitude=longitude, coord_type=CoordType.GCJ02)
    same_numbers = reported(20, coord_type=CoordType.GCJ02)  # half a kilometre away in truth
    on_the_map = Position(*gcj02(LATITUDE, LONGITUDE), CoordType.GCJ02)

    for here in (HERE, on_the_map):
        assert list(near(lake, "hazard", here).items()) == [(by_map.pk, 20), (by_gps.pk, 30)]
    assert same_numbers.pk not in near(lake, "hazard", HERE)


@pytest.mark.parametrize(
    "hidden",
    [
        {"is_confidential": True},
        {"is_screened": False},
        {"is_by_child": True},
        {"category": "facility"},
        {"latitude": None, "longitude": None},
    ],
    ids=str,
)
def test_what_others_may_not_read_and_other_categories_are_never_near(lake, reported, hidden):
    report = reported(10)
    assert near(lake, "hazard", HERE)
    Report.objects.filter(pk=report.pk).update(**hidden)

    assert near(lake, "hazard", HERE) == {}


def test_one_told_by_somebody_who_is_known_as_a_child_since_is_not_near(lake, wang, reported):
    reported(10)
    type(wang).objects.filter(pk=wang.pk).update(
        born_on=timezone.localdate().replace(year=timezone.localdate().year - 10, day=1)
    )

    assert near(lake, "hazard", HERE) == {}


def test_ended_ones_are_not_near_and_open_ones_are(lake, zhao, reported):
    accepted, rejected = reported(10), reported(20)
    handling.accept(report=accepted, handler=zhao)
    handling.reject(report=rejected, handler=zhao, answer="没有")

    assert list(near(lake, "hazard", HERE)) == [accepted.pk]


def test_a_confidential_report_has_none_near_it(lake, reported):
    reported(0, category="dispute")
    assert near_report(reported(0, category="dispute")) == {}
    assert near_report(reported(0, latitude=None, longitude=None)) == {}


# --- over the API -----------------------------------------------------------------------------
def test_before_and_after_reporting_a_volunteer_is_shown_what_is_near(
    lake, li, reported, logged_in
):
    close, far = reported(10), reported(100)
    phone = logged_in(li)
    where = {"latitude": LATITUDE, "longitude": LONGITUDE}

    before = phone.get(f"{ADDRESS}/near", {"category": "hazard", **where})
    made = phone.post(ADDRESS, HAZARD | where, headers=with_key())

    assert before.status_code == 200
    assert [(row["id"], row["metres"]) for row in before.json()] == [
        (str(close.pk), 10),
        (str(far.pk), 100),
    ]
    assert {"text", "place", "reporter", "photos"}.isdisjoint(before.json()[0])
    assert made.json()["near"] in ([str(close.pk), str(far.pk)], [])


def test_only_volunteers_are_shown_what_is_near(zhao, reported, logged_in):
    reported(10)
    asked = {"category": "hazard", "latitude": LATITUDE, "longitude": LONGITUDE}

    answer = logged_in(zhao).get(f"{ADDRESS}/near", asked)

    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_volunteer_here")


def test_a_place_needs_both_coordinates_and_a_category(li, lake, logged_in):
    phone = logged_in(li)

    answer = phone.get(f"{ADDRESS}/near", {"latitude": "28.2"})
    outside = phone.get(f"{ADDRESS}/near", {"latitude": "91"})

    assert answer.status_code == outside.status_code == 400
    assert set(answer.json()["errors"]) == {"category", "longitude"}
    assert set(outside.json()["errors"]) == {"latitude"}
    assert phone.get(f"{ADDRESS}/near").json() == []


# --- around a report, for staff --------------------------------------------------------------
def around(client, report):
    return client.get(f"/api/v1/reports/{report.pk}/near")


def test_staff_see_what_was_reported_around_a_report_and_where(
    lake, wang, zhao, reported, logged_in
):
    here = reported(0)
    other_kind = reported(-30, category="facility")
    by_map = gcj02(LATITUDE, LONGITUDE + 0.001)  # 98 m to the east
    east = reported(0, latitude=by_map[0], longitude=by_map[1], coord_type=CoordType.GCJ02)
    ended = handling.reject(report=reported(200), handler=zhao, answer="不属实")
    reported(252)
    Report.objects.filter(pk=reported(5).pk).update(
        status="rejected", closed_by=zhao, closed_at=timezone.now() - timedelta(days=31)
    )

    answer = around(logged_in(zhao), here)

    assert answer.status_code == 200
    found = answer.json()
    assert [(one["id"], one["metres"]) for one in found] == [
        (str(other_kind.pk), 30),
        (str(east.pk), 98),
        (str(ended.pk), 200),
    ]
    assert [(one["metres_east"], one["metres_north"]) for one in found] == [
        (0, -30),
        (98, 0),
        (0, 200),
    ]
    assert (found[0]["text"], found[0]["photos"]) == ("-30 米", [])


def test_around_a_report_are_those_that_one_may_read_and_confidential_ones_are_noted(
    lake, zhao, reported, logged_in, person
):
    estate = places.estate_named(community=lake, name="一区")
    of_estate = person("estate")
    roles.give(user=of_estate, community=estate, role=Role.STAFF)
    here, dispute = reported(0), reported(10, category="dispute")
    inside = reported(20, estate=estate)

    told = around(logged_in(zhao), here).json()
    assert [one["id"] for one in told] == [str(dispute.pk), str(inside.pk)]
    assert AuditEntry.objects.filter(action="report.view", target_id=str(dispute.pk)).count() == 1
    assert around(logged_in(of_estate), inside).json() == []
    assert around(logged_in(of_estate), here).status_code == 404


def test_nothing_is_around_a_report_without_coordinates(zhao, reported, logged_in):
    reported(0)
    assert around(logged_in(zhao), reported(0, latitude=None, longitude=None)).json() == []


def test_whoever_reported_it_is_not_told_what_others_did_around_it(wang, reported, logged_in):
    assert around(logged_in(wang), reported(0)).status_code == 404


# --- its plan ---------------------------------------------------------------------------------
@pytest.mark.plain
def test_it_reads_an_index_of_the_map_and_no_other_report(
    lake, reported, django_assert_max_num_queries
):
    reported(10)
    many = [
        Report(
            community=lake,
            source="imported",
            category="hazard",
            is_confidential=False,
            colour="red",
            text="x",
            latitude=LATITUDE + number / 10_000,
            longitude=LONGITUDE,
        )
        for number in range(2_000)
    ]
    Report.objects.bulk_create(many)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE volunteers_report")  # as autovacuum does
        with django_assert_max_num_queries(2) as asked:
            found = near(lake, "hazard", HERE)
        cursor.execute("EXPLAIN (FORMAT JSON) " + asked.captured_queries[-1]["sql"])
        (plan,) = cursor.fetchone()

    assert len(found) == 20
    scans = [node for node in nodes(plan) if node.get("Index Name") == "report_near"]
    assert len(scans) == 2
    assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan) if is_of_reports(node)}


def is_of_reports(node):
    return node.get("Relation Name") == Report._meta.db_table


def nodes(plan):
    """Every node of a plan, whatever it stands in."""
    for node in plan if isinstance(plan, list) else [plan]:
        yield node
        yield from nodes([node["Plan"]] if "Plan" in node else node.get("Plans", []))
