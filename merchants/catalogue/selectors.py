"""Queries for offers and fairs."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, communities_where
from backend.events.models import Series, Status
from merchants.catalogue.models import (
    Fair,
    FairStall,
    Offer,
    OfferPrice,
    SeriesStall,
    StockMove,
)
from merchants.partners.models.merchants import Merchant
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import (
    communities_with,
    merchants_of,
    merchants_owned_by,
)


def offers_known_to(user: User) -> QuerySet[Offer]:
    """Return all offers ever listed where ``user`` volunteers, newest first."""
    return _with_partner(offers_once_listed().filter(community__in=communities_of(user)))


def offers_open_to(user: User) -> QuerySet[Offer]:
    """Return the offers ``user`` may spend points on now, sold out or not, newest first."""
    return offers_known_to(user).filter(
        status=Offer.Status.LISTED, partnership__status=Partnership.Status.ACTIVE
    )


def offers_shown_to_all(community: Community) -> QuerySet[Offer]:
    """Return the offers on the community's list today, cheapest first, for anybody.

    What is public of an offer is its title, price in points, picture, and whether any are left.
    """
    listed = Offer.objects.filter(
        Q(valid_from__isnull=True) | Q(valid_from__lte=community.today),
        Q(valid_until__isnull=True) | Q(valid_until__gte=community.today),
        community=community,
        status=Offer.Status.LISTED,
        partnership__status=Partnership.Status.ACTIVE,
    )
    return listed.exclude(kind__in=Offer.MADE_BY_US).order_by("price_points", "id")


def offers_once_listed() -> QuerySet[Offer]:
    """Return the offers that staff have listed at least once, whose picture is public."""
    return Offer.objects.filter(status__in=[Offer.Status.LISTED, Offer.Status.WITHDRAWN])


def offers_at(merchant: Merchant) -> QuerySet[Offer]:
    """Return all offers of the merchant, in all its communities, newest first."""
    return offers_of(merchant.pk, *communities_with(merchant.pk))


def offers_of(merchant_id: UUID, *community_ids: UUID) -> QuerySet[Offer]:
    """Return all offers of the merchant in these communities, newest first."""
    there = Offer.objects.filter(community__in=community_ids)
    return _with_partner(there.filter(partnership__merchant=merchant_id))


def offers_in(community: Community) -> QuerySet[Offer]:
    """Return all offers of the community, also proposed ones, newest first."""
    return _with_partner(Offer.objects.filter(community=community))


def offers_seen_by(user: User) -> QuerySet[Offer]:
    """Return all offers where ``user`` works, is staff or auditor, newest first."""
    return _kept(communities_where(user, WATCHES_OVER), merchants_of(user))


def offers_changed_by(user: User) -> QuerySet[Offer]:
    """Return the offers that ``user`` may change as an owner or as staff, newest first."""
    return _kept(communities_where(user, HANDLES), merchants_owned_by(user))


def offers_stocked_by(user: User) -> QuerySet[Offer]:
    """Return the offers whose stock ``user`` keeps, at work or as staff, newest first."""
    return _kept(communities_where(user, HANDLES), merchants_of(user))


def offers_handled_by(user: User) -> QuerySet[Offer]:
    """Return the offers that ``user`` may decide on as staff, newest first."""
    return _kept(communities_where(user, HANDLES), Merchant.objects.none())


def _kept(communities: QuerySet[Community], merchants: QuerySet[Merchant]) -> QuerySet[Offer]:
    theirs = Q(partnership__merchant__in=merchants.order_by().values("pk"))
    return _with_partner(Offer.objects.filter(Q(community__in=communities) | theirs))


def prices_of(offer: Offer) -> QuerySet[OfferPrice]:
    """Return the offer's prices over time, newest first."""
    return (
        OfferPrice.objects.filter(community_id=offer.community_id, offer=offer)
        .select_related("set_by")
        .order_by("-id")
    )


def stock_moves_of(offer: Offer) -> QuerySet[StockMove]:
    """Return the changes of stock made by hand, newest first."""
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
    """Return the current and coming fairs where ``user`` volunteers, newest first."""
    return _fairs(_to_come(user))


def fairs_with(merchant: Merchant) -> QuerySet[Fair]:
    """Return the fairs at which the merchant has a stall, newest first."""
    there = Fair.objects.filter(community__in=communities_with(merchant.pk))
    return _fairs(there.filter(_has_stall(partnership__merchant=merchant)))


def fairs_in(community: Community) -> QuerySet[Fair]:
    """Return all fairs of the community, newest first."""
    return _fairs(Fair.objects.filter(community=community))


def fairs_seen_by(user: User) -> QuerySet[Fair]:
    """Return the fairs whose report ``user`` may read as staff or auditor, newest first."""
    return _fairs(Fair.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def fairs_known_to(user: User) -> QuerySet[Fair]:
    """Return the fairs that ``user`` may open as a volunteer, at work, as staff or as auditor."""
    jobs = merchants_of(user).order_by().values("pk")
    at_work = Fair.objects.filter(_has_stall(partnership__merchant__in=jobs))
    watched = Fair.objects.filter(community__in=communities_where(user, WATCHES_OVER))
    return _fairs(watched | _to_come(user) | at_work)


def fairs_handled_by(user: User) -> QuerySet[Fair]:
    """Return the fairs that ``user`` may move and cancel as staff, newest first."""
    return _fairs(Fair.objects.filter(community__in=communities_where(user, HANDLES)))


def series_with_stalls(user: User) -> QuerySet[Series]:
    """Return the series whose stalls ``user`` may read as staff or auditor."""
    return _series(communities_where(user, WATCHES_OVER))


def series_given_stalls_by(user: User) -> QuerySet[Series]:
    """Return the series whose stalls ``user`` may set as staff."""
    return _series(communities_where(user, HANDLES))


def _series(communities: QuerySet[Community]) -> QuerySet[Series]:
    stalls = SeriesStall.objects.filter(community__in=communities).select_related("partnership")
    return (
        Series.objects.filter(community__in=communities)
        .select_related("community")
        .prefetch_related(Prefetch("stalls", stalls.order_by("partnership__name")))
    )


def _to_come(user: User) -> QuerySet[Fair]:
    return Fair.objects.filter(
        community__in=communities_of(user), ends_at__gt=timezone.now(), status=Status.PLANNED
    )


def _has_stall(**whose: Any) -> Q:
    stalls = FairStall.objects.filter(community=OuterRef("community"), fair=OuterRef("pk"), **whose)
    return Q(Exists(stalls.filter(partnership__accepted_at__isnull=False)))


def _fairs(fairs: QuerySet[Fair]) -> QuerySet[Fair]:
    return (
        fairs.select_related("community", "venue")
        .prefetch_related(Prefetch("partners", Partnership.objects.order_by("name")))
        .order_by("-id")
    )
