"""Metrics of the ledger: how quickly it grows, and how far behind its seals are."""

from collections.abc import Iterator

from django.db import connection
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from backend import clocks
from backend.ids import made_at
from backend.metrics import gauge, register
from points.seals.models import Unsealed


@register
def ledger() -> Iterator[Metric]:
    """Read how many transfers were posted, and since when the oldest waits for its seal.

    PostgreSQL counts what is inserted, also what is rolled back, and from 0 on after a crash: for a
    rate that is right enough, and costs nothing however many there are.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_tuples_inserted('points_transfer'::regclass)")
        (posted,) = cursor.fetchone()
    yield CounterMetricFamily("linli_transfers", "Transfers posted.", value=posted)
    oldest = Unsealed.objects.order_by("pk").values_list("pk", flat=True).first()
    age = (clocks.now() - made_at(oldest)).total_seconds() if oldest else 0
    yield gauge("linli_unsealed_oldest_seconds", "Since when the oldest is unsealed.", {(): age})
