"""Metrics of what is owed, and what was given up, by kind."""

from collections.abc import Iterator

from django.db.models import Min
from prometheus_client import Metric

from backend import clocks
from backend.metrics import gauge, register
from backend.outbox import selectors, services
from backend.outbox.kinds import registered

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
    late: dict[tuple[str, ...], float] = {}
    for name, kind in registered.items():
        rows = services.due(kind, now) if kind.is_ready() else kind.model._default_manager.none()
        first = rows.aggregate(at=Min("next_at"))["at"]
        late[name,] = (now - first).total_seconds() if first else 0
    yield gauge(
        "linli_owed_late_seconds",
        "How late the next try of what is owed is.",
        late,
        KIND,
    )
    yield gauge(
        "linli_given_up",
        "Dead letters, which wait for somebody to retry them.",
        {(one.kind,): one.given_up for one in found},
        KIND,
    )
