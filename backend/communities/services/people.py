"""Looking people up."""

from django.db import transaction

from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.audit import services as trail
from backend.communities import selectors
from backend.communities.models import Community


@transaction.atomic
def search(*, searcher: User, place: Community, phone: str) -> list[User]:
    """Whoever has that number, for staff of ``place``: one person or none; it is written down.

    The entry is about whom was found, or about the place if that was nobody. Nobody needs to try
    all numbers: raises TooManyAttempts beyond 120 an hour.
    """
    attempts.take(attempts.SEARCHES, searcher.pk)
    found = selectors.person_with(phone)
    trail.record(
        "person.search",
        actor=searcher,
        community=place,
        target=found or place,
        after={"found": found is not None},
    )
    return [found] if found else []
