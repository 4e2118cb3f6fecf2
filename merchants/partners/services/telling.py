"""What the people around a merchant are told: rows of what is owed, in the caller's transaction.

No facts name a person, for a notice outlives the person it is about.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils import timezone

from backend.communities.models import Community
from backend.notices import services as notices
from merchants.partners import selectors
from merchants.settlement.models.statements import Statement


def tell(
    kind: str,
    *,
    community: Community,
    recipients: Iterable[UUID],
    about: object,
    facts: dict[str, Any] | None = None,
) -> None:
    """Owe each of them a notice of ``about``, an id of what happened; again, once."""
    notices.owe_many(
        community=community,
        kind=kind,
        owed=[
            notices.Owed(key=f"{kind}:{about}:{person}", recipient_id=person, facts=facts or {})
            for person in recipients
        ],
        due_at=timezone.now(),
    )


def owners_of(merchant_id: UUID) -> list[UUID]:
    """Who is told what concerns the merchant."""
    return list(selectors.owners_of(merchant_id).values_list("user", flat=True))


def facts_of(statement: Statement) -> dict[str, Any]:
    """What a notice about a statement says of it."""
    return {
        "community": statement.community.name,
        "merchant": statement.partnership.name,
        "first_day": statement.period_start.isoformat(),
        "last_day": statement.last_day.isoformat(),
        "number": statement.number,
        "points": statement.points,
        "yuan": f"{statement.due_fen / 100:.2f}",
    }
