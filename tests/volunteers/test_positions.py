"""Positions beside a venue: two datums, a distance, and what is kept of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.events.models import Venue
from volunteers.activities.models import Activity
from volunteers.attendance.positions import Position, distance_metres, gcj02, judged, wgs84

# Published pairs of both datums (github.com/googollee/eviltransform, its test data).
PAIRS = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),  # Shanghai
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),  # Shenzhen
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),  # Beijing
]
STATION = {"latitude": 31.17530398364597, "longitude": 121.531541859215, "coord_type": "gcj02"}


@pytest.mark.parametrize(("gps", "drawn"), PAIRS)
def test_a_position_of_gps_is_drawn_where_chinese_maps_draw_it(gps, drawn):
    assert gcj02(*gps) == pytest.approx(drawn, abs=1e-6)
    assert wgs84(Position(*drawn, "gcj02")) == pytest.approx(gps, abs=1e-6)


@given(st.floats(4, 53), st.floats(74, 134))
def test_the_way_to_chinese_maps_and_back_ends_where_it_began(latitude, longitude):
    there = Position(*gcj02(latitude, longitude), "gcj02")

    assert distance_metres(there, Position(latitude, longitude, "wgs84")) < 0.01


def test_outside_of_china_nothing_is_shifted():
    assert gcj02(48.8584, 2.2945) == (48.8584, 2.2945)


def test_a_degree_of_latitude_is_111_kilometres():
    one, other = Position(30, 110, "wgs84"), Position(31, 110, "wgs84")

    assert distance_metres(one, other) == pytest.approx(111_195, abs=1)


def at(metres, **more):
    """A phone so far north of the station, by GPS."""
    latitude, longitude = PAIRS[0][0]
    return Position(latitude + metres / 111_195, longitude, "wgs84", **more)


@pytest.mark.parametrize(
    ("position", "mark", "distance"),
    [
        (None, "none_sent", None),
        (at(0), "", 0),
        (at(99), "", 99),
        (at(101), "outside", 101),
        (at(101, accuracy_metres=5), "", 101),  # may be within
        (at(150, accuracy_metres=49), "outside", 150),
        (at(150, accuracy_metres=199), "", 150),
        (at(0, accuracy_metres=200), "inaccurate", 0),
        (at(9_000, accuracy_metres=5_000), "inaccurate", 9_000),
        (Position(**STATION), "", 0),
        # The station's numbers read by the wrong datum: half a kilometre off.
        (Position(**STATION | {"coord_type": "wgs84"}), "outside", 474),
    ],
)
def test_outside_inaccurate_and_no_position_are_told_apart(position, mark, distance):
    activity = Activity(geofence_metres=100, venue=Venue(**STATION))

    told = judged(position, activity)

    assert told["position_mark"] == mark
    assert told.get("distance_metres") == pytest.approx(distance, abs=1)


@pytest.mark.parametrize(
    "activity",
    [
        Activity(),
        Activity(venue=Venue(**STATION)),
        Activity(venue=Venue(), geofence_metres=100),
    ],
)
def test_without_a_fence_nothing_is_kept_of_a_position(activity):
    assert judged(at(5_000), activity) == {}
