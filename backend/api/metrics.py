"""Metrics of the replica, if there is one."""

from collections.abc import Iterator

from prometheus_client import Metric

from backend import replica
from backend.metrics import gauge, register


@register
def replicated() -> Iterator[Metric]:
    """Tell how the replica is, as this process knows it."""
    if not replica.is_configured():
        return
    told = replica.told()
    yield gauge("linli_replica_used", "Whether the replica answers.", {(): told["state"] == "used"})
    if told["lag_seconds"] is not None:
        yield gauge(
            "linli_replica_lag_seconds",
            "How far the replica is behind.",
            {(): told["lag_seconds"]},
        )
