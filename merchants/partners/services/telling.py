"""Notices to people around a merchant, queued as rows in the caller's transaction.

No facts name a person, because a notice is kept longer than the person's data.
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
    target_id: UUID | None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Queue a notice of ``about``, an id of what happened, for each recipient. Idempotent.

    ``target_id`` is that of what a tap opens, None where its address has none.
    """
    notices.owe_many(
        community=community,
        kind=kind,
        owed=[
            notices.Owed(
                key=f"{kind}:{about}:{person}",
                recipient_id=person,
                facts=facts or {},
                target_id=target_id,
            )
            for person in recipients
        ],
        due_at=timezone.now(),
    )


def owners_of(merchant_id: UUID) -> list[UUID]:
    """Return the user ids of the owners, who are told what concerns the merchant."""
    return list(selectors.owners_of(merchant_id).values_list("user", flat=True))
