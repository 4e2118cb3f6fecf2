"""The ledger against what else could be used, and against itself when it is larger."""

from bench import _growth, _rates
from bench._outcome import Outcome


def run() -> Outcome:
    """Return postings a second, ours ÷ theirs (``_rates``), and the cost of more (``_growth``)."""
    return Outcome(
        _rates.figures() | _growth.figures(),
        at_least={
            "function_vs_sql": 0.75,
            "post_vs_sql": 0.45,
            "hot_vs_spread": 0.9,
            "post_vs_hordak": 4.5,
            "bulk_vs_copy": 0.55,
        },
        at_most={
            "bulk_growth": 11,
            "wallet_growth": 2,
            "seal_growth": 11,
            "seal_memory": 1.5,
        },
    )
