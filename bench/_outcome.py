"""What a bench answers, and how its table looks."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """Ratios by name, and the bounds they must stay below."""

    figures: dict[str, float]
    bounds: dict[str, float] = field(default_factory=dict)

    def broken(self) -> list[str]:
        """A sentence for each figure that is not below its bound."""
        return [
            f"{name} is {self.figures[name]}, which is not below {bound}"
            for name, bound in self.bounds.items()
            if not self.figures[name] < bound
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
