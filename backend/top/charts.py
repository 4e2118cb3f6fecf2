"""Charts drawn as SVG here: bars and lines over the months or days of a period, and shares.

A chart says its numbers as a table as well, for whoever does not see it. Places are worked out
here, in the units of the picture; colours are classes of the room's style sheet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.utils.formats import number_format
from django.utils.functional import Promise

WIDTH, HEIGHT = 440, 210
LEFT, RIGHT, TOP, BOTTOM = 60, 6, 12, 28  # margins: figures on the left, periods below
STEPS = 4  # lines across
Text: TypeAlias = str | Promise
SHADES = ("a", "b", "c", "d")  # classes of the series, in their order


@dataclass(frozen=True)
class Series:
    """One series: a number for each period; None where there is none."""

    name: Text
    values: Sequence[float | None]
    is_line: bool = False


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    shade: str
    says: str


@dataclass(frozen=True)
class Line:
    points: str
    dots: list[tuple[float, float, str]]
    shade: str


@dataclass(frozen=True)
class Chart:
    """A chart of ``series`` over ``periods``, in the numbers' own unit."""

    name: str  # of the element, unique on the page
    title: Text
    says: Text  # what is drawn, for whoever hears it
    heading: Text  # of the column of periods
    periods: Sequence[str]
    series: Sequence[Series]

    @property
    def is_empty(self) -> bool:
        return not any(value for one in self.series for value in one.values)

    @property
    def view_box(self) -> str:
        return f"0 0 {WIDTH} {HEIGHT}"

    @property
    def most(self) -> int:
        """The number at the upper end: a round one, not less than any that is drawn."""
        return _round_up(max((v or 0 for one in self.series for v in one.values), default=0))

    @property
    def least(self) -> int:
        """The number at the lower end: 0 unless something was taken back."""
        lowest = min((v or 0 for one in self.series for v in one.values), default=0)
        return -_round_up(-lowest) if lowest < 0 else 0

    def y(self, value: float) -> float:
        """Return how far down a number is drawn."""
        span = self.most - self.least or 1
        return round(TOP + (self.most - value) / span * (HEIGHT - TOP - BOTTOM), 1)

    @property
    def rules(self) -> list[tuple[float, str]]:
        """The lines across, each with its number."""
        span = self.most - self.least
        steps = [self.least + span * step / STEPS for step in range(STEPS + 1)]
        return [(self.y(step), counted(int(step))) for step in steps]

    @property
    def left(self) -> int:
        return LEFT

    @property
    def right(self) -> int:
        return WIDTH - RIGHT

    @property
    def slot(self) -> float:
        return (WIDTH - LEFT - RIGHT) / max(len(self.periods), 1)

    @property
    def names(self) -> list[tuple[float, int, str]]:
        """The periods below, as many as have room."""
        every = max(1, -(-len(self.periods) // 16))
        return [
            (round(LEFT + (at + 0.5) * self.slot, 1), HEIGHT - 8, name)
            for at, name in enumerate(self.periods)
            if at % every == 0
        ]

    @property
    def bars(self) -> list[Bar]:
        drawn = [(at, one) for at, one in enumerate(self.series) if not one.is_line]
        width = self.slot * 0.8 / max(len(drawn), 1)
        found = []
        for place, (at, one) in enumerate(drawn):
            for period, value in enumerate(one.values):
                if value:
                    x = LEFT + (period + 0.1) * self.slot + place * width
                    y, zero = self.y(max(value, 0)), self.y(0)
                    height = abs(self.y(value) - zero)
                    says = f"{self.periods[period]}: {one.name} {told(value)}"
                    found.append(
                        Bar(round(x, 1), y, round(width, 1), round(height, 1), SHADES[at], says)
                    )
        return found

    @property
    def lines(self) -> list[Line]:
        found = []
        for at, one in enumerate(self.series):
            if one.is_line:
                dots = [
                    (
                        round(LEFT + (period + 0.5) * self.slot, 1),
                        self.y(value),
                        f"{self.periods[period]}: {one.name} {told(value)}",
                    )
                    for period, value in enumerate(one.values)
                    if value is not None
                ]
                points = " ".join(f"{x},{y}" for x, y, _ in dots)
                found.append(Line(points, dots, SHADES[at]))
        return found

    @property
    def legend(self) -> list[tuple[str, Text]]:
        return [(SHADES[at], one.name) for at, one in enumerate(self.series)]

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The table: each period with its numbers."""
        return [
            (period, [told(one.values[at]) for one in self.series])
            for at, period in enumerate(self.periods)
        ]


@dataclass(frozen=True)
class Share:
    """A part of a whole, or one of several counts."""

    name: Text
    value: int
    says: str  # the number as people read it


@dataclass(frozen=True)
class Shares:
    """Counts side by side as bars that lie, the longest as wide as the chart."""

    title: Text
    heading: Text
    parts: Sequence[Share]
    unit: Text

    @property
    def is_empty(self) -> bool:
        return not any(part.value for part in self.parts)

    @property
    def bars(self) -> list[tuple[Share, float]]:
        most = max((part.value for part in self.parts), default=0) or 1
        return [(part, round(max(part.value, 0) / most * 100, 1)) for part in self.parts]


def counted(number: int | float) -> str:
    """Return a number with its thousands apart."""
    return number_format(number, force_grouping=True, use_l10n=True)


def told(value: Any) -> str:
    """Return a number as a table says it."""
    return "–" if value is None else counted(round(value, 1) if value % 1 else int(value))


def _round_up(number: float) -> int:
    """Return the next of 4, 8, 20, 40, 80, 200 … that is not less: a fourth of it is whole."""
    size = 1
    while True:
        for step in (4, 8, 20):
            if step * size >= number:
                return step * size
        size *= 10
