"""Merkle trees over SHA-256, and the chain of the batches they seal.

The hashing is that of RFC 6962, section 2.1 (RFC 9162 keeps it): a leaf and a node begin with
different bytes, so neither passes for the other. ``verify_receipt.py`` repeats what a receipt
needs of it for people who have nothing of ours; ``tests/points/test_verify_receipt.py`` holds the
two together.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

# What the head of a batch is made of; "previous" is the head before, which chains them.
SEAL_FIELDS = ("community", "number", "previous", "root", "sealed_at", "size")
FIRST_PREVIOUS = "0" * 64  # "previous" of a community's first batch


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, in their order; that of no leaves is SHA-256 of nothing."""
    if not leaves:
        return sha256(b"").digest()
    level = leaves
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from leaf ``index``, counted from 0, to the root, lowest first.

    Raises ValueError if there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"leaf {index} of {len(leaves)}")
    path = []
    level = leaves
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        level, index = _level_above(level), index // 2
    return path


def root_from_path(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root of ``size`` leaves that ``path`` leads to from leaf ``index``.

    RFC 9162, 2.1.3.2. Raises ValueError if there is no such leaf, or ``path`` has the wrong length.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} of {size}")
    node, last, steps = leaf_hash, size - 1, iter(path)
    while last:
        if index % 2 or index < last:
            step = next(steps, None)
            if step is None:
                raise ValueError("the path is too short")
            node = _node_hash(step, node) if index % 2 else _node_hash(node, step)
        index, last = index // 2, last // 2
    if next(steps, None) is not None:
        raise ValueError("the path is too long")
    return node


def head(seal: Mapping[str, object]) -> bytes:
    """Return the head of a batch: SHA-256 of its SEAL_FIELDS as canonical JSON in UTF-8.

    Hashes in the JSON are lower-case hex; ``sealed_at`` is like 2026-11-23T21:20:32.123456Z.
    """
    canonical = json.dumps(
        {field: seal[field] for field in SEAL_FIELDS},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return sha256(canonical.encode()).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    above = [_node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    # An odd one out moves up as it is: the RFC's split at the largest power of two, from below.
    return above if len(level) % 2 == 0 else [*above, level[-1]]
