"""Reads about fairs."""

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, communities_where
from merchants.models import Fair, FairStall, Merchant, Partnership
from merchants.selectors.partners import accepted


def fairs_open_to(user: User) -> QuerySet[Fair]:
    """Those that are or will be where ``user`` volunteers, newest first."""
    return _fairs(
        Fair.objects.filter(
            community__in=communities_of(user),
            ends_at__gt=timezone.now(),
            cancelled_at__isnull=True,
        )
    )


def fairs_with(merchant: Merchant) -> QuerySet[Fair]:
    """Those at which it has a stall, newest first."""
    its = FairStall.objects.filter(
        community__in=accepted(merchant.pk).values("community"), partnership__merchant=merchant
    )
    return _fairs(Fair.objects.filter(pk__in=its.values("fair")))


def fairs_in(community: Community) -> QuerySet[Fair]:
    """All that were ever announced there, newest first."""
    return _fairs(Fair.objects.filter(community=community))


def fairs_seen_by(user: User) -> QuerySet[Fair]:
    """Those of which ``user`` reads the report as staff or auditor."""
    return _fairs(Fair.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def fairs_handled_by(user: User) -> QuerySet[Fair]:
    """Those ``user`` may cancel as staff."""
    return _fairs(Fair.objects.filter(community__in=communities_where(user, HANDLES)))


def _fairs(fairs: QuerySet[Fair]) -> QuerySet[Fair]:
    return (
        fairs.select_related("community")
        .prefetch_related(Prefetch("partners", Partnership.objects.order_by("name")))
        .order_by("-id")
    )
