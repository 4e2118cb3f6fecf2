"""Metrics of the ledger: how quickly it grows, and how far behind its seals are."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from backend import clocks
from backend.cluster import nodes
from backend.ids import made_at
from backend.metrics import gauge, register
from backend.tenants import HERE
from points.seals.models import Unsealed

_INSERTED = """
    SELECT coalesce(sum(pg_stat_get_tuples_inserted(to_regclass(quote_ident(relation)))), 0)::bigint
        AS inserted
    FROM unnest(%(relations)s::text[]) AS relation
"""


@register
def ledger() -> Iterator[Metric]:
    """Read how many transfers were posted, and since when the oldest waits for its seal.

    PostgreSQL counts what is inserted, also what is rolled back, and from 0 on after a crash: for a
    rate that is right enough, and costs nothing however many there are. On a cluster each node
    counts what is on it.
    """
    relations = [copy.relation for copy in nodes.copies(["points_transfer"])]
    counted = nodes.ask(_INSERTED, {"relations": relations})
    posted = sum(rows[0][0] for _, rows in counted)
    yield CounterMetricFamily("linli_transfers", "Transfers posted.", value=posted)
    unsealed = Unsealed.objects.filter(HERE)
    oldest = unsealed.order_by("pk").values_list("pk", flat=True).first()
    age = (clocks.now() - made_at(oldest)).total_seconds() if oldest else 0
    yield gauge("linli_unsealed_oldest_seconds", "Since when the oldest is unsealed.", {(): age})
