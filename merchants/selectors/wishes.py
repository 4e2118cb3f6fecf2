"""Reads about wishes."""

from django.db.models import Q, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, communities_of, communities_where
from merchants.models import Merchant, Partnership, Wish


def wishes_of(user: User) -> QuerySet[Wish]:
    """What ``user`` wished for, newest first."""
    return _wishes(Wish.objects.filter(volunteer=user))


def wishes_open_to(user: User) -> QuerySet[Wish]:
    """What neighbours wish for where ``user`` volunteers, and what ``user`` fulfils or did."""
    published = Q(community__in=communities_of(user), state=Wish.State.PUBLISHED)
    return _wishes(Wish.objects.filter(published | Q(donor=user)))


def wishes_adopted_by(user: User) -> QuerySet[Wish]:
    """Those ``user`` is to fulfil as a neighbour."""
    return _wishes(Wish.objects.filter(donor=user))


def wishes_open_to_merchant(merchant: Merchant) -> QuerySet[Wish]:
    """What is wished for where the merchant is an active partner, and what it fulfils or did."""
    active = merchant.partnerships.filter(state=Partnership.State.ACTIVE).values("community")
    return _wishes(
        Wish.objects.filter(
            Q(community__in=active, state=Wish.State.PUBLISHED) | Q(partnership__merchant=merchant)
        )
    )


def wishes_in(community: Community) -> QuerySet[Wish]:
    """All of them, newest first."""
    return _wishes(Wish.objects.filter(community=community))


def wishes_handled_by(user: User) -> QuerySet[Wish]:
    """Those ``user`` decides on as staff."""
    return _wishes(Wish.objects.filter(community__in=communities_where(user, HANDLES)))


def _wishes(wishes: QuerySet[Wish]) -> QuerySet[Wish]:
    return wishes.select_related(
        "community", "partnership", "volunteer", "donor", "decided_by"
    ).order_by("-id")
