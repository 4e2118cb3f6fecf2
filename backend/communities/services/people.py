"""Finding people by their phone number."""

from django.db import transaction

from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.audit import services as trail
from backend.communities import selectors
from backend.communities.models import Community


@transaction.atomic
def search(*, searcher: User, place: Community, phone: str) -> list[User]:
    """Find the person with this number for staff of ``place``: a list of one person or none.

    Each search is written into the audit trail, as an act on the person or, if nobody has the
    number, on the place. Raises TooManyAttempts beyond 120 searches an hour, so that nobody tries
    all numbers.
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
