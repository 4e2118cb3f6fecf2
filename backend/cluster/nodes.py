"""What the catalogues of all nodes say. A plain database is one node without a name."""

# ruff: noqa: S608  # SQL made of constants

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection
from tenacity import retry, stop_after_attempt, wait_fixed

from backend.cluster import tables

# What Citus adds to the names of a shard, and of what stands on it; before it stands a digest where
# the name would have become too long.
NUMBER = r"_[0-9]{6,}\M"
DIGEST = r"_[0-9a-f]{8}"


class Copy(NamedTuple):
    """A relation that has rows of ``table``, or through which a node reaches them."""

    node: str  # its host and port, "" for a plain database
    table: str
    relation: str  # of the same name, or a shard

    def __str__(self) -> str:
        return f"{self.relation} on {self.node}" if self.relation else f"on {self.node}"


def copies(names: Sequence[str]) -> list[Copy]:
    """Return which relations have to stand where for the tables of these names."""
    with connection.cursor() as cursor:
        if not tables.places(cursor):
            return [Copy("", name, name) for name in names]
        cursor.execute(_COPIES, [list(names)])
        return [Copy(*row) for row in cursor.fetchall()]


def ask(query: str, values: Mapping[str, Any]) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    """Yield the name of each node and what it answers to a query, of which each column has a name.

    The nodes of a cluster know nothing of this transaction. Raises RuntimeError for a node that
    does not answer.
    """
    with connection.cursor() as cursor:
        if not tables.places(cursor):
            cursor.execute(query, values)
            yield "", cursor.fetchall()
            return
        as_json = f"SELECT coalesce(json_agg(a), '[]') FROM ({query}) AS a"
        asked = cursor.mogrify(as_json, values)
    for node, answer in _answers(asked):
        yield node, [list(row.values()) for row in json.loads(answer)]


# What remains of a shard that was moved is dropped at any time, also while its description is read.
@retry(stop=stop_after_attempt(5), wait=wait_fixed(1), reraise=True)
def _answers(asked: Any) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [asked])
        answers = cursor.fetchall()
    for node, has_answered, answer in answers:
        if not has_answered:
            raise RuntimeError(f"{node} did not answer: {answer}")
    return [(node, answer) for node, _, answer in answers]


_NODES = (
    "(SELECT *, format('%%s:%%s', nodename, nodeport) AS node FROM pg_dist_node WHERE isactive)"
)
_ASK = f"""
    SELECT n.node, a.success, a.result
    FROM run_command_on_all_nodes(%s) AS a JOIN {_NODES} AS n USING (nodeid)
    ORDER BY 1
"""
# A table that the cluster does not know of stands on its coordinator alone.
_COPIES = f"""
    WITH given AS (
        SELECT name, to_regclass(quote_ident(name)) AS oid FROM unnest(%s::text[]) AS name
    )
    SELECT n.node, g.name, g.name
    FROM given AS g JOIN {_NODES} AS n
        ON n.groupid = 0 OR g.oid IN (SELECT logicalrelid FROM pg_dist_partition)
    UNION ALL
    SELECT n.node, g.name, shard_name(s.logicalrelid, s.shardid)
    FROM given AS g
    JOIN pg_dist_shard AS s ON s.logicalrelid = g.oid
    JOIN pg_dist_placement AS p USING (shardid)
    JOIN {_NODES} AS n USING (groupid)
    ORDER BY 1, 2, 3
"""
