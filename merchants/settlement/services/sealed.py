"""What a statement's digest is made of: a line of canonical JSON for its figures, and one each."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from merchants.settlement.models.statements import Statement

PAGE = 1_000  # lines in memory


def digest(statement: Statement) -> str:
    """SHA-256, in hexadecimal, over the UTF-8 lines of ``content``, each ended by a newline.

    A statement needs its number before.
    """
    made = sha256()
    for line in content(statement):
        made.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return made.hexdigest()


def content(statement: Statement) -> Iterator[dict[str, Any]]:
    """Its figures, then its redemptions and its refunds, each in the order of their ids.

    ``services`` is there if it received any.
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
    for name, lines, points in (
        ("redemption", statement.redemptions, "price_points"),
        ("refund", statement.refunds, "points"),
    ):
        wanted = lines.filter(community_id=statement.community_id).order_by("pk")
        after = None
        while page := list(
            (wanted.filter(pk__gt=after) if after else wanted).values_list(
                "pk", "quantity", points, "amount_fen"
            )[:PAGE]
        ):
            for pk, quantity, its_points, amount_fen in page:
                yield {
                    name: str(pk),
                    "quantity": quantity,
                    "points": its_points,
                    "amount_fen": amount_fen,
                }
            after = page[-1][0]
