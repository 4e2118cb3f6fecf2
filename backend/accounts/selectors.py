"""Reads about people."""

from django.db.models import Q, QuerySet

from backend.accounts.models import Consent, User
from backend.accounts.purposes import TEXTS


def consents_in_force(user: User) -> QuerySet[Consent]:
    """What ``user`` agrees to now: not withdrawn, and to the words of today."""
    current = Q()
    for purpose, text in TEXTS.items():
        current |= Q(purpose=purpose, version=text.version)
    return Consent.objects.filter(current, user=user, withdrawn_at=None)
