"""The map of a report: its point in the middle, and what is near it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.top.maps import Plane

NEAREST_METRES = 20  # so much is shown at least


@dataclass(frozen=True)
class Point:
    """A report on the map; ``number`` is its place in the list beside it."""

    number: int
    x: float
    y: float
    colour: str
    is_open: bool
    label: str


@dataclass(frozen=True)
class Map:
    """What is near a report, on a plane with the report in the middle."""

    plane: Plane
    points: list[Point]


def drawn(report: Mapping[str, Any], around: Sequence[Mapping[str, Any]]) -> Map | None:
    """Return the map of a report and of those ``around`` it; None if it has no coordinates."""
    if report.get("latitude") is None or report.get("longitude") is None:
        return None
    farthest = max((one["metres"] for one in around), default=0)
    plane = Plane(max(farthest, NEAREST_METRES))
    points = []
    for number, one in enumerate(around, start=1):
        x, y = plane.at(one["metres_east"], one["metres_north"])
        points.append(
            Point(
                number=number,
                x=x,
                y=y,
                colour=one["colour"],
                is_open=one["closed_at"] is None,
                label=one["text"],
            )
        )
    return Map(plane, points)
