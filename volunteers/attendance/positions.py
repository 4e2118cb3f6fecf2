"""Positions that phones send, and how far they are from a venue. None of them is stored."""

from dataclasses import dataclass
from math import asin, cos, hypot, pi, radians, sin, sqrt
from typing import Any

from backend.communities.models import CoordType
from backend.events.models import Venue
from volunteers.activities.models import Activity
from volunteers.attendance.models.attendances import PositionMark

INACCURATE_FROM_METRES = 200  # a phone that knows no better says nothing about a venue
EARTH_METRES = 6_371_008.8
# The ellipsoid by which the datum of Chinese maps is shifted (Krasovsky 1940).
_AXIS, _ECCENTRICITY = 6_378_245.0, 0.00669342162296594323


@dataclass(frozen=True)
class Position:
    """Where a phone says it is, and how exactly it knows (``None``: it did not say)."""

    latitude: float
    longitude: float
    coord_type: str = CoordType.GCJ02
    accuracy_metres: int | None = None


def judged(position: Position | None, activity: Activity) -> dict[str, Any]:
    """Return what an attendance keeps of a position: mark, distance and accuracy.

    Empty for an activity without a geofence. Whoever may be within it, given the accuracy, is not
    outside.
    """
    if (fence := activity.geofence_metres) is None:
        return {}
    venue = activity.venue
    if venue is None or venue.latitude is None:
        return {}
    if position is None:
        return {"position_mark": PositionMark.NONE_SENT}
    distance = round(distance_metres(position, _of(venue)))
    mark = ""
    if (position.accuracy_metres or 0) >= INACCURATE_FROM_METRES:
        mark = PositionMark.INACCURATE
    elif distance > fence + (position.accuracy_metres or 0):
        mark = PositionMark.OUTSIDE
    return {
        "position_mark": mark,
        "distance_metres": distance,
        "accuracy_metres": position.accuracy_metres,
    }


def distance_metres(one: Position, other: Position) -> float:
    """Return the distance of two positions on a sphere, whatever their datum."""
    (south, west), (north, east) = (
        (radians(at[0]), radians(at[1])) for at in (wgs84(one), wgs84(other))
    )
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin((east - west) / 2) ** 2
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(half)))


def wgs84(position: Position) -> tuple[float, float]:
    """Return latitude and longitude as GPS has them.

    GCJ-02 is defined by the way there, so the way back is found step by step, to a millimetre.
    """
    told = position.latitude, position.longitude
    if position.coord_type == CoordType.WGS84:
        return told
    latitude, longitude = told
    for _ in range(10):
        north, east = gcj02(latitude, longitude)
        latitude, longitude = latitude + told[0] - north, longitude + told[1] - east
        if hypot(told[0] - north, told[1] - east) < 1e-9:
            break
    return latitude, longitude


def gcj02(latitude: float, longitude: float) -> tuple[float, float]:
    """Return a position of GPS as Chinese maps draw it; outside of China they shift nothing."""
    if not (0.8293 <= latitude <= 55.8271 and 72.004 <= longitude <= 137.8347):
        return latitude, longitude
    x, y = longitude - 105.0, latitude - 35.0
    waves = 20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    north += (waves + 20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
    north += (160 * sin(y / 12 * pi) + 320 * sin(y / 30 * pi)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    east += (waves + 20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
    east += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    flat = 1 - _ECCENTRICITY * sin(radians(latitude)) ** 2
    north = north * 180 / (_AXIS * (1 - _ECCENTRICITY) / (flat * sqrt(flat)) * pi)
    east = east * 180 / (_AXIS / sqrt(flat) * cos(radians(latitude)) * pi)
    return latitude + north, longitude + east


def _of(venue: Venue) -> Position:
    assert venue.latitude is not None
    assert venue.longitude is not None
    return Position(venue.latitude, venue.longitude, venue.coord_type)
