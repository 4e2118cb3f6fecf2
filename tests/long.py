"""How long the long proofs are: fuzzing, walks, models, faults, and the year at 碧沙湖.

They are short and always the same. ``LINLI_LONG=20 make test`` makes each twenty times as long or
leaves nothing out, with other examples each time.
"""

import os
from collections.abc import Sized

import hypothesis

IS_LONG = "LINLI_LONG" in os.environ
PARTS = range(40 if IS_LONG else 1)  # of a model's histories, for all workers to have some


def times(few: int) -> int:
    """Return how many of something there are, of which ``few`` make a short proof."""
    return few * int(os.environ.get("LINLI_LONG", "1"))


def examples(few: int, steps: int = 40, parts: Sized = (1,)) -> hypothesis.settings:
    """Return the settings of a proof by examples, of so many steps each if it has any.

    ``parts`` are those in which the proof is played, each its share of the examples.
    """
    return hypothesis.settings(
        max_examples=-(-times(few) // len(parts)),
        stateful_step_count=steps,
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
