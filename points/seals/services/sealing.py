"""Closing batches of rows under chained heads, and receipts that prove what is in them.

Hashing is RFC 6962's (points/seals/merkle.py).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from backend.communities.models import Community, TenantModel
from backend.registries import sealed
from points.ledger.triggers import FLOORED_SQL
from points.seals import errors, merkle
from points.seals.models import Seal

BATCH = 4096  # rows of a kind in one seal at most: a receipt has some twelve hashes
HASH_BYTES = 32


def seal(*, community: Community) -> list[Seal]:
    """Close all committed rows that are in no seal yet. Returns the new seals."""
    return list(close_batches(community=community))


def close_batches(*, community: Community) -> Iterator[Seal]:
    """Close what ``seal`` closes, a batch and a transaction at a time. Yields each seal.

    Locks nothing that a posting needs. What commits meanwhile is closed by this run or the next. If
    another run is under way for this community, this one leaves the rest to it.
    """
    after = dict.fromkeys(sealed.registered(), UUID(int=0))
    while closed := _close_batch(community, after):
        yield closed


@transaction.atomic
def _close_batch(community: Community, after: dict[str, UUID]) -> Seal | None:
    """Close the first rows of each kind whose marks come ``after``, and move it on."""
    with connection.cursor() as cursor:
        cursor.execute(_TRY_LOCK, [f"points_seal:{community.pk}"])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_IN_ORDER)
        waits: dict[str, list[tuple[UUID, UUID]]] = {}
        for kind in after:
            cursor.execute(_WAITING, [community.pk, kind, after[kind], BATCH])
            waits[kind] = cursor.fetchall()
        # Where more waits of a kind than one batch holds, none of another kind overtakes it: what
        # is left would seem to have come after the seal.
        full = [max(marked)[0] for marked in waits.values() if len(marked) == BATCH]
        batch: dict[tuple[str, UUID], str] = {}
        for kind, marked in waits.items():
            waiting = {row_id: mark for mark, row_id in marked if not full or mark <= min(full)}
            if not waiting:
                continue
            after[kind] = max(waiting.values())
            found = leaves_of(community.pk, kind, list(waiting))
            batch |= {(kind, row_id): leaf for row_id, leaf in found.items()}
            # A mark whose row is gone stays: it is what verifying finds of it.
            closing = [waiting[row_id] for row_id in found]
            cursor.execute(_NO_LONGER_WAITING, [community.pk, kind, closing])
        if not batch:
            return None
        cursor.execute("SELECT clock_timestamp()")
        (sealed_at,) = cursor.fetchone()
    rows = sorted(batch, key=in_order)
    leaves = [merkle.leaf_hash(batch[row].encode()) for row in rows]
    ids = [row_id for _, row_id in rows]
    transfers = sum(kind == "transfer" for kind, _ in rows)
    # Looked up under the lock: two runs would both make it the next number.
    last = Seal.objects.filter(community=community).only("number", "head").order_by("number").last()
    closed = Seal(
        community=community,
        number=last.number + 1 if last else 1,
        size=len(rows),
        transfer_ids=ids[:transfers],
        other_ids=ids[transfers:],
        other_kinds=[kind for kind, _ in rows[transfers:]],
        first_id=min(ids),
        last_id=max(ids),
        leaves=b"".join(leaves),
        root=merkle.root(leaves),
        previous=bytes(last.head) if last else bytes.fromhex(merkle.FIRST_PREVIOUS),
        sealed_at=sealed_at,
    )
    closed.head = merkle.head(header(closed))
    closed.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _ROLL_UP,
            {"community": community.pk, "number": closed.number, "ids": closed.transfer_ids},
        )
    return closed


def in_order(row: tuple[str, UUID]) -> tuple[bool, str, UUID]:
    """Return what sorts the rows of a seal by kind and id, transfers first."""
    return row[0] != "transfer", *row


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


def receipt(row: TenantModel, kind: str = "transfer") -> dict[str, Any]:
    """Return the receipt (points/verify_receipt.py) that ``row`` is in a published head.

    Raises NotSealedYet, or SealBroken if the row is not what was sealed.
    """
    seals = Seal.objects.filter(
        community_id=row.community_id, first_id__lte=row.pk, last_id__gte=row.pk
    ).order_by("-first_id")  # nearly always the first that is looked into
    if kind == "transfer":
        seals = seals.filter(transfer_ids__contains=[row.pk])
    else:
        seals = seals.filter(other_ids__contains=[row.pk], other_kinds__contains=[kind])
    closed = next((one for one in seals.iterator() if (kind, row.pk) in one.rows), None)
    if closed is None:
        raise errors.NotSealedYet
    leaves = split(bytes(closed.leaves))
    index = closed.rows.index((kind, row.pk))
    leaf = leaves_of(row.community_id, kind, [row.pk]).get(row.pk)
    if leaf is None or merkle.leaf_hash(leaf.encode()) != leaves[index]:
        raise errors.SealBroken
    return {
        "format": "linli-receipt-1",
        "leaf": leaf,
        "index": index,
        "path": [step.hex() for step in merkle.inclusion_path(leaves, index)],
        "seal": header(closed),
        "head": bytes(closed.head).hex(),
    }


def leaves_of(community_id: UUID, kind: str, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the hashed text of these rows as they are now; one that is gone is absent."""
    if not ids or kind not in sealed.registered():
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            sealed.registered()[kind].leaves, {"community": community_id, "ids": list(ids)}
        )
        return dict(cursor.fetchall())


def split(leaves: bytes) -> list[bytes]:
    """Split a seal's leaves into hashes of 32 bytes."""
    return [bytes(leaves[at : at + HASH_BYTES]) for at in range(0, len(leaves), HASH_BYTES)]


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"

# Without statistics PostgreSQL takes a million that wait for a few, and sorts all of them for each
# batch. It is told to read them in the order of their index.
_IN_ORDER = "SET LOCAL enable_bitmapscan = off"
# From an id on, so as not to walk over what the batches before have just deleted.
_WAITING = """
    SELECT u.id, coalesce(u.row_id, u.id) FROM points_unsealed u
    WHERE u.community_id = %s AND u.kind = %s AND u.id > %s ORDER BY u.id LIMIT %s
"""
_NO_LONGER_WAITING = """
    DELETE FROM points_unsealed u WHERE u.community_id = %s AND u.kind = %s AND u.id = ANY(%s)
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
