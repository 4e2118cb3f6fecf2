"""Reads about pay codes."""

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.selectors import communities_of
from merchants.models import PayCode


def pay_codes_of(user: User) -> QuerySet[PayCode]:
    """What the phone of ``user`` shows or showed where they volunteer."""
    return PayCode.objects.filter(community__in=communities_of(user), volunteer=user)
