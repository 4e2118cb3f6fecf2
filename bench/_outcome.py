"""The outcome of a bench, and its bounds."""

import operator
import os
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """Ratios by name, to three places, and what they may be at most and must be at least."""

    figures: dict[str, float]
    at_most: dict[str, float] = field(default_factory=dict)
    at_least: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.figures = {name: round(figure, 3) for name, figure in self.figures.items()}

    def broken(self) -> list[str]:
        """Return a sentence for each figure that is out of bounds."""
        return [
            f"{name} is {self.figures[name]}, which is {words} {bound}"
            for words, holds, bounds in (
                ("more than", operator.le, self.at_most),
                ("less than", operator.ge, self.at_least),
            )
            for name, bound in bounds.items()
            if not holds(self.figures[name], bound)  # NaN holds nothing
        ]

    def print(self) -> None:
        """Print a line for each figure, with its bound."""
        bounds = {name: f"at most {bound}" for name, bound in self.at_most.items()}
        bounds |= {name: f"at least {bound}" for name, bound in self.at_least.items()}
        for name, figure in self.figures.items():
            print(f"{name:<22} {figure:>10,.3f}  {bounds.get(name, '')}".rstrip())
        print(flush=True)


def asked(name: str, default: int) -> int:
    """Return the number that the environment gives, or ``default``."""
    return int(os.environ.get(f"BENCH_{name}", default))


def asked_pair(name: str, default: str = "100000,1000000") -> tuple[int, int]:
    """Return SMALL,LARGE of the environment: the two sizes that are compared.

    Where they are one, whoever compares measures it once.
    """
    small, large = os.environ.get(f"BENCH_{name}", default).split(",")
    return int(small), int(large)
