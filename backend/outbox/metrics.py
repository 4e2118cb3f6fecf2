"""Metrics of what is owed, and what was given up, by kind."""

from collections.abc import Iterator

from prometheus_client import Metric

from backend import clocks
from backend.metrics import gauge, register
from backend.outbox import selectors

KIND = ("kind",)


@register
def owed() -> Iterator[Metric]:
    """Read what is owed in all communities."""
    now, found = clocks.now(), selectors.figures()
    yield gauge("linli_owed", "How much is due.", {(one.kind,): one.owed for one in found}, KIND)
    yield gauge(
        "linli_owed_oldest_seconds",
        "Since when the oldest is due.",
        {
            (one.kind,): (now - one.oldest_at).total_seconds() if one.oldest_at else 0
            for one in found
        },
        KIND,
    )
    yield gauge(
        "linli_given_up",
        "Dead letters, which wait for somebody to retry them.",
        {(one.kind,): one.given_up for one in found},
        KIND,
    )
