"""Digests of statements, which prove what they say."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from backend.documents.selectors import streamed
from merchants.settlement.models.statements import Statement


def digest(statement: Statement) -> str:
    """Return the SHA-256, in hexadecimal, of the UTF-8 lines of ``content``, each with a newline.

    The statement needs its number first.
    """
    made = sha256()
    for line in content(statement):
        made.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return made.hexdigest()


def content(statement: Statement) -> Iterator[dict[str, Any]]:
    """Yield the statement's figures, then its redemptions and refunds, each in order of id.

    The figures have ``services`` only if there are any.
    """
    figures: dict[str, Any] = {
        "statement": str(statement.pk),
        "community": str(statement.community_id),
        "partnership": str(statement.partnership_id),
        "number": statement.number,
        "period_start": statement.period_start.isoformat(),
        "period_end": statement.period_end.isoformat(),
        "redemptions": statement.redemptions_count,
        "refunds": statement.refunds_count,
        "points": statement.points,
        "amount_fen": statement.amount_fen,
        "carried_fen": statement.carried_fen,
    }
    yield figures | ({"services": statement.services} if statement.services else {})
    for name, lines, column in (
        ("redemption", statement.redemptions, "price_points"),
        ("refund", statement.refunds, "points"),
    ):
        its = lines.filter(community_id=statement.community_id).order_by("pk")
        for pk, quantity, points, fen in streamed(
            its.values_list("pk", "quantity", column, "amount_fen")
        ):
            yield {name: str(pk), "quantity": quantity, "points": points, "amount_fen": fen}
