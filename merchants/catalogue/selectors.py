"""Reads about offers."""

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, communities_where
from merchants.catalogue.models.fairs import Fair, FairStall
from merchants.catalogue.models.offers import Offer, OfferPrice, StockMove
from merchants.partners.models.merchants import Merchant
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import accepted


def offers_known_to(user: User) -> QuerySet[Offer]:
    """All that was ever on offer in the communities where ``user`` volunteers, newest first."""
    return (
        Offer.objects.filter(
            community__in=communities_of(user),
            state__in=[Offer.State.LISTED, Offer.State.WITHDRAWN],
        )
        .exclude(kind__in=Offer.MADE_BY_US)
        .select_related("partnership", "community")
        .order_by("-id")
    )


def offers_open_to(user: User) -> QuerySet[Offer]:
    """What ``user`` may spend points on now, newest first; sold out ones are shown as such."""
    return offers_known_to(user).filter(
        state=Offer.State.LISTED, partnership__state=Partnership.State.ACTIVE
    )


def offers_once_listed() -> QuerySet[Offer]:
    """Those of which everybody may see the picture: somebody decided that it may be shown."""
    return Offer.objects.filter(state__in=[Offer.State.LISTED, Offer.State.WITHDRAWN])


def offers_at(merchant: Merchant) -> QuerySet[Offer]:
    """What the merchant ever offered, in all its communities, newest first."""
    return _with_partner(Offer.objects.filter(partnership__merchant=merchant))


def offers_in(community: Community) -> QuerySet[Offer]:
    """All that was ever offered or proposed there, newest first."""
    return _with_partner(Offer.objects.filter(community=community))


def offers_seen_by(user: User) -> QuerySet[Offer]:
    """All that was ever offered or proposed where ``user`` is staff or auditor, newest first."""
    return _with_partner(Offer.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def offers_handled_by(user: User) -> QuerySet[Offer]:
    """Those ``user`` decides on as staff, newest first."""
    return _with_partner(Offer.objects.filter(community__in=communities_where(user, HANDLES)))


def prices_of(offer: Offer) -> QuerySet[OfferPrice]:
    """What it cost when, newest first."""
    return (
        OfferPrice.objects.filter(community_id=offer.community_id, offer=offer)
        .select_related("set_by")
        .order_by("-id")
    )


def stock_moves_of(offer: Offer) -> QuerySet[StockMove]:
    """What was put in or taken out by hand, newest first."""
    return (
        StockMove.objects.filter(community_id=offer.community_id, offer=offer)
        .select_related("moved_by")
        .order_by("-id")
    )


def _with_partner(offers: QuerySet[Offer]) -> QuerySet[Offer]:
    return (
        offers.exclude(kind__in=Offer.MADE_BY_US)
        .select_related("partnership", "community", "proposed_by", "decided_by")
        .order_by("-id")
    )


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
