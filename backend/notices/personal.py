"""Notices about a person's own account, which concern no community."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.notices import services as notices
from backend.registries.homes import home_of


def tell(
    kind: str,
    *,
    person: User,
    about: object,
    facts: dict[str, Any],
    moments: dict[str, datetime],
    stale_at: datetime | None = None,
) -> None:
    """Owe ``person`` a notice of ``about``, an id of what happened. Idempotent.

    Their home community tells it, by its clock; whoever belongs nowhere is not told. ``moments``
    are facts as well.
    """
    home = home_of(person)
    if home is None:
        return
    community = Community.objects.get(pk=home)
    told = {
        name: f"{moment.astimezone(community.clock):%Y-%m-%d %H:%M}"
        for name, moment in moments.items()
    }
    notices.owe(
        community=community,
        key=f"{kind}:{about}",
        recipient=person,
        kind=kind,
        facts=facts | told,
        due_at=timezone.now(),
        stale_at=stale_at,
    )
