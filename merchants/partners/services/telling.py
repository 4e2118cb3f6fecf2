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


def tell(
    kind: str,
    *,
    community: Community,
    recipients: Iterable[UUID],
    about: object,
    facts: dict[str, Any] | None = None,
) -> None:
    """Owe each of them a notice of ``about``, an id of what happened. Idempotent."""
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
    """Return who is told what concerns a merchant."""
    return list(selectors.owners_of(merchant_id).values_list("user", flat=True))
