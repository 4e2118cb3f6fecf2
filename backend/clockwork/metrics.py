"""Metrics of periodic work: how late each is."""

from collections.abc import Iterator

from prometheus_client import Metric

from backend import clocks
from backend.celery import CLOCK
from backend.clockwork import selectors
from backend.metrics import gauge, register


@register
def lateness() -> Iterator[Metric]:
    """Read how late each work is that is later than it may be; 0 for the others."""
    now = clocks.now()
    since = selectors.late_since(now=now)
    late: dict[tuple[str, ...], float] = {(name,): 0.0 for name in CLOCK}
    late |= {(name,): (now - at).total_seconds() for name, at in since.items() if at}
    yield gauge(
        "linli_work_late_seconds", "How late periodic work is that is too late.", late, ("work",)
    )
