"""The map of a report: its point and what is near it, drawn without a map service.

Points alone, in metres to the east and north: whoever handles it knows the place, and no other
host learns where a report was made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIDE = 320  # of the drawing, in its own units
MARGIN = 24
STEPS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)  # metres that a scale bar may stand for
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
    """A drawing of ``SIDE`` units; the report itself is in the middle.

    The scale bar stands for ``bar_metres``; each ring is that far from the last.
    """

    points: list[Point]
    bar_metres: int
    rings: list[float]
    bar_x: float  # where it ends
    bar_y: int = SIDE - 6
    side: int = SIDE
    middle: float = SIDE / 2
    margin: int = MARGIN


def drawn(report: Mapping[str, Any], around: Sequence[Mapping[str, Any]]) -> Map | None:
    """Return the map of a report and of those ``around`` it; None if it has no coordinates."""
    if report.get("latitude") is None or report.get("longitude") is None:
        return None
    farthest = max((one["metres"] for one in around), default=0)
    reach = max(farthest, NEAREST_METRES)
    room = SIDE / 2 - MARGIN
    scale = room / reach  # units a metre
    metres = max((step for step in STEPS if step <= reach / 2), default=STEPS[0])
    rings = [ring * metres * scale for ring in range(1, int(reach // metres) + 1)]
    points = [
        Point(
            number=number,
            x=round(SIDE / 2 + one["metres_east"] * scale, 1),
            y=round(SIDE / 2 - one["metres_north"] * scale, 1),
            colour=one["colour"],
            is_open=one["closed_at"] is None,
            label=one["text"],
        )
        for number, one in enumerate(around, start=1)
    ]
    end = round(MARGIN + metres * scale, 1)
    return Map(points, metres, [round(ring, 1) for ring in rings], bar_x=end)
