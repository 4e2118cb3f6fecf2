"""Closing batches of transfers under chained heads, and receipts that prove what is in them.

Hashing is RFC 6962's (points/seals/merkle.py).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from backend.communities.models import Community
from points.ledger.models import Transfer
from points.ledger.triggers import FLOORED_SQL
from points.seals import errors, merkle
from points.seals.models import Seal

BATCH = 4096  # transfers in one seal at most: a receipt has twelve hashes and reads one seal
HASH_BYTES = 32


def seal(*, community: Community) -> list[Seal]:
    """Close all committed transfers that are in no seal yet. Returns the new seals."""
    return list(close_batches(community=community))


def close_batches(*, community: Community) -> Iterator[Seal]:
    """Close what ``seal`` closes, a batch and a transaction at a time. Yields each seal.

    Locks nothing that a posting needs. Transfers that commit meanwhile are closed by this run or
    the next. If another run is under way for this community, this one leaves the rest to it.
    """
    after = UUID(int=0)
    while closed := _close_batch(community, after):
        yield closed
        after = closed.last_id


@transaction.atomic
def _close_batch(community: Community, after: UUID) -> Seal | None:
    with connection.cursor() as cursor:
        cursor.execute(_TRY_LOCK, [f"points_seal:{community.pk}"])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_IN_ORDER)
        # From ``after`` on, so as not to walk over what the batches before have just deleted.
        cursor.execute(_WAITING, [community.pk, after, BATCH])
        waiting = [transfer_id for (transfer_id,) in cursor.fetchall()]
        batch = leaves_of(community.pk, waiting)
        if not batch:
            return None
        ids = sorted(batch)
        # A row whose transfer is gone stays: it is what verifying finds of it.
        cursor.execute(_NO_LONGER_WAITING, [community.pk, ids])
        cursor.execute("SELECT clock_timestamp()")
        (sealed_at,) = cursor.fetchone()
    # Looked up under the lock: two runs would both make it the next number.
    last = Seal.objects.filter(community=community).only("number", "head").order_by("number").last()
    leaves = [merkle.leaf_hash(batch[transfer_id].leaf.encode()) for transfer_id in ids]
    closed = Seal(
        community=community,
        number=last.number + 1 if last else 1,
        size=len(batch),
        transfer_ids=ids,
        first_id=ids[0],
        last_id=ids[-1],
        leaves=b"".join(leaves),
        root=merkle.root(leaves),
        previous=bytes(last.head) if last else bytes.fromhex(merkle.FIRST_PREVIOUS),
        sealed_at=sealed_at,
    )
    closed.head = merkle.head(header(closed))
    closed.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(_ROLL_UP, {"community": community.pk, "number": closed.number, "ids": ids})
    return closed


def header(closed: Seal) -> dict[str, Any]:
    """Return the fields of a seal's head (``merkle.SEAL_FIELDS``) as JSON shows them."""
    return {
        "community": str(closed.community_id),
        "number": closed.number,
        "size": closed.size,
        "root": bytes(closed.root).hex(),
        "previous": bytes(closed.previous).hex(),
        "sealed_at": _written(closed.sealed_at),
    }


def published(closed: Seal) -> dict[str, Any]:
    """Return what is published of a seal: the fields of its head, and the head."""
    return header(closed) | {"head": bytes(closed.head).hex()}


def receipt(transfer: Transfer) -> dict[str, Any]:
    """Return the receipt (points/verify_receipt.py) that ``transfer`` is in a published head.

    Raises NotSealedYet, or SealBroken if the transfer is not what was sealed.
    """
    closed = (
        Seal.objects.filter(
            community_id=transfer.community_id,
            first_id__lte=transfer.pk,
            last_id__gte=transfer.pk,
            transfer_ids__contains=[transfer.pk],
        )
        .order_by("-first_id")  # nearly always the first that is looked into
        .first()
    )
    if closed is None:
        raise errors.NotSealedYet
    leaves = split(bytes(closed.leaves))
    index = closed.transfer_ids.index(transfer.pk)
    leaf = leaves_of(transfer.community_id, [transfer.pk])[transfer.pk].leaf
    if merkle.leaf_hash(leaf.encode()) != leaves[index]:
        raise errors.SealBroken
    return {
        "format": "linli-receipt-1",
        "leaf": leaf,
        "index": index,
        "path": [step.hex() for step in merkle.inclusion_path(leaves, index)],
        "seal": header(closed),
        "head": bytes(closed.head).hex(),
    }


class Leaf(NamedTuple):
    """A transfer's key, and its text that is hashed."""

    key: str
    leaf: str


def leaves_of(community_id: UUID, transfer_ids: Sequence[UUID]) -> dict[UUID, Leaf]:
    """Return the hashed text of these transfers as they are now; one that is gone is absent."""
    with connection.cursor() as cursor:
        cursor.execute(_LEAVES, {"community": community_id, "ids": list(transfer_ids)})
        return {transfer_id: Leaf(key, leaf) for transfer_id, key, leaf in cursor.fetchall()}


def split(leaves: bytes) -> list[bytes]:
    """Split a seal's leaves into hashes of 32 bytes."""
    return [bytes(leaves[at : at + HASH_BYTES]) for at in range(0, len(leaves), HASH_BYTES)]


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"

# Without statistics PostgreSQL takes a million that wait for a few, and sorts all of them for each
# batch. It is told to read them in the order of their index.
_IN_ORDER = "SET LOCAL enable_bitmapscan = off"
_WAITING = "SELECT id FROM points_unsealed WHERE community_id = %s AND id > %s ORDER BY id LIMIT %s"

_NO_LONGER_WAITING = "DELETE FROM points_unsealed WHERE community_id = %s AND id = ANY(%s)"

# All columns of a transfer, and who the two accounts are. jsonb has one spelling.
_LEAVES = """
    SELECT t.id, t.key, jsonb_build_object(
        'format', 'linli-transfer-1',
        'id', t.id,
        'community', t.community_id,
        'key', t.key,
        'debit', jsonb_build_object(
            'id', t.debit_id, 'kind', d.kind, 'unit', d.unit, 'holder', d.holder),
        'credit', jsonb_build_object(
            'id', t.credit_id, 'kind', c.kind, 'unit', c.unit, 'holder', c.holder),
        'amount', t.amount,
        'reason', t.reason,
        'source', t.source,
        'explanation', t.explanation,
        'occurred_at', to_char(t.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'posted_at', to_char(t.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'reverses', t.reverses_id,
        'expires_on', to_char(t.expires_on, 'YYYY-MM-DD')
    )::text
    FROM unnest(%(ids)s::uuid[]) AS given (id)
    CROSS JOIN LATERAL (
        SELECT * FROM points_transfer t WHERE t.community_id = %(community)s AND t.id = given.id
        OFFSET 0  -- each by its id, whatever the planner knows of them
    ) AS t
    LEFT JOIN points_account d ON d.community_id = %(community)s AND d.id = t.debit_id
    LEFT JOIN points_account c ON c.community_id = %(community)s AND c.id = t.credit_id
"""

_ROLL_UP = f"""
    WITH moved AS MATERIALIZED (
        SELECT sides.account_id, sum(sides.credits) AS credits, sum(sides.debits) AS debits
        FROM unnest(%(ids)s::uuid[]) AS given (id)
        CROSS JOIN LATERAL (
            SELECT * FROM points_transfer t
            WHERE t.community_id = %(community)s AND t.id = given.id
            OFFSET 0  -- each by its id, whatever the planner knows of them
        ) AS t
        CROSS JOIN LATERAL (
            VALUES (t.debit_id, 0, t.amount), (t.credit_id, t.amount, 0)
        ) AS sides (account_id, credits, debits)
        GROUP BY sides.account_id
    )
    INSERT INTO points_rollup (id, community_id, account_id, number, credits, debits)
    SELECT gen_random_uuid(), %(community)s, moved.account_id, %(number)s,
        coalesce(before.credits, 0) + moved.credits, coalesce(before.debits, 0) + moved.debits
    FROM moved
    JOIN points_account a ON a.community_id = %(community)s AND a.id = moved.account_id
    LEFT JOIN LATERAL (
        SELECT r.credits, r.debits FROM points_rollup r
        WHERE r.community_id = %(community)s AND r.account_id = moved.account_id
        ORDER BY r.number DESC LIMIT 1
    ) AS before ON true
    WHERE a.kind NOT IN ({FLOORED_SQL})
"""  # noqa: S608
