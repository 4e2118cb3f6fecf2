"""Maps drawn as SVG without a map service: points alone, in metres to the east and north.

Whoever looks at one knows the place, and no other host learns what they look at.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import cos, hypot, radians

SIDE = 320  # of the drawing, in its own units
MARGIN = 24
STEPS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)  # metres that a scale bar may stand for
Mark = tuple[str, float, float]  # a name, and metres to the east and north, or units
DEGREE_METRES = 111_195.0  # of latitude


@dataclass(frozen=True)
class Plane:
    """A drawing of ``SIDE`` units, whose edge is ``reach`` metres from the place in its middle.

    The scale bar stands for ``bar_metres``; each ring is that far from the last.
    """

    reach: float
    side: int = SIDE
    middle: float = SIDE / 2
    margin: int = MARGIN
    bar_y: int = SIDE - 6

    @property
    def scale(self) -> float:
        """Units a metre."""
        return (SIDE / 2 - MARGIN) / self.reach

    @property
    def bar_metres(self) -> int:
        return max((step for step in STEPS if step <= self.reach / 2), default=STEPS[0])

    @property
    def bar_x(self) -> float:
        """Where the scale bar ends."""
        return self.length(self.bar_metres) + MARGIN

    @property
    def rings(self) -> list[float]:
        """The radii of the rings."""
        count = int(self.reach // self.bar_metres)
        return [self.length(ring * self.bar_metres) for ring in range(1, count + 1)]

    def length(self, metres: float) -> float:
        return round(metres * self.scale, 1)

    def at(self, metres_east: float, metres_north: float) -> tuple[float, float]:
        """Return where a place is drawn that is so far from the middle."""
        x = SIDE / 2 + metres_east * self.scale
        y = SIDE / 2 - metres_north * self.scale
        return round(x, 1), round(y, 1)

    def marks(self, places: Iterable[Mark]) -> list[Mark]:
        """Return where places are drawn, by their names, of which the map reaches some."""
        return [
            (name, *self.at(east, north))
            for name, east, north in places
            if hypot(east, north) <= self.reach
        ]


def offset(origin: tuple[float, float], place: tuple[float, float]) -> tuple[float, float]:
    """Return how many metres to the east and to the north a place is, if it is near.

    Both are latitude and longitude of one datum.
    """
    north = (place[0] - origin[0]) * DEGREE_METRES
    east = (place[1] - origin[1]) * DEGREE_METRES * cos(radians(origin[0]))
    return east, north
