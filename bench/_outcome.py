"""What a bench answers, and how its table looks."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """Ratios by name, and what they may be at most and must be at least."""

    figures: dict[str, float]
    at_most: dict[str, float] = field(default_factory=dict)
    at_least: dict[str, float] = field(default_factory=dict)

    def broken(self) -> list[str]:
        """A sentence for each figure that is out of bounds."""
        return [
            f"{name} is {self.figures[name]}, which is more than {bound}"
            for name, bound in self.at_most.items()
            if not self.figures[name] <= bound
        ] + [
            f"{name} is {self.figures[name]}, which is less than {bound}"
            for name, bound in self.at_least.items()
            if not self.figures[name] >= bound
        ]


def print_table(heading: Sequence[str], *rows: Sequence[str]) -> None:
    """Columns as wide as they need to be; the first to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(heading, *rows, strict=True)]
    for row in (heading, *rows):
        first, *others = (
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))
    print(flush=True)
