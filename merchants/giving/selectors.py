"""Queries for campaigns, donations, sponsorships and wishes."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.selectors import (
    HANDLES,
    WATCHES_OVER,
    communities_of,
    communities_where,
    known_to,
)
from merchants.giving.models import Campaign, Disbursement, Donation, Sponsorship, Wish
from merchants.partners.models.merchants import Merchant
from merchants.partners.models.partnerships import Partnership
from merchants.partners.selectors import communities_with, merchants_owned_by

KNOWS = (*WATCHES_OVER, Role.VOLUNTEER)  # what is collected for, and what merchants gave


def campaigns_known_to(user: User) -> QuerySet[Campaign]:
    """Return the campaigns, open or closed, where ``user`` belongs."""
    return Campaign.objects.filter(community__in=communities_where(user, KNOWS))


def campaigns_open_to(user: User) -> QuerySet[Campaign]:
    """Return the campaigns to which ``user`` may donate as a volunteer."""
    return Campaign.objects.filter(community__in=communities_of(user)).select_related("community")


def campaigns_handled_by(user: User) -> QuerySet[Campaign]:
    """Return the campaigns whose points ``user`` may spend as staff."""
    return Campaign.objects.filter(community__in=communities_where(user, HANDLES))


def campaigns_in(community: Community) -> QuerySet[Campaign]:
    """Return all campaigns of the community."""
    return Campaign.objects.filter(community=community)


def with_totals(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Return campaigns newest first, with their ``donated_points`` and ``disbursed_points``."""

    def total(model: type[Donation] | type[Disbursement]) -> Coalesce:
        of_campaign = model.objects.filter(community=OuterRef("community"), campaign=OuterRef("pk"))
        summed = of_campaign.order_by().values("campaign").annotate(total=Sum("points"))
        return Coalesce(Subquery(summed.values("total")), 0)

    return (
        campaigns.select_related("community")
        .annotate(donated_points=total(Donation), disbursed_points=total(Disbursement))
        .order_by("-id")
    )


def pool_of(campaign: Campaign) -> int:
    """Return how many points were donated to the campaign and not spent."""
    given, spent = (
        rows.filter(community_id=campaign.community_id).aggregate(points=Sum("points"))["points"]
        or 0
        for rows in (campaign.donations, campaign.disbursements)
    )
    return int(given - spent)


def disbursed_in(community: Community) -> int:
    """Return how many points of the community's campaigns were spent."""
    spent = Disbursement.objects.filter(community=community).aggregate(points=Sum("points"))
    return spent["points"] or 0


def donations_of(user: User) -> QuerySet[Donation]:
    """Return the donations of ``user``, newest first."""
    return (
        Donation.objects.filter(community__in=known_to(user), volunteer=user)
        .select_related("campaign", "community")
        .order_by("-id")
    )


def disbursements_of(campaign: Campaign) -> QuerySet[Disbursement]:
    """Return the campaign's disbursements, newest first."""
    return Disbursement.objects.filter(
        community_id=campaign.community_id, campaign=campaign
    ).order_by("-id")


def sponsorships_in(community: Community) -> QuerySet[Sponsorship]:
    """Return the gifts of merchants to the community, newest first."""
    return (
        Sponsorship.objects.filter(community=community)
        .select_related("partnership")
        .order_by("-id")
    )


def wishes_of(user: User) -> QuerySet[Wish]:
    """Return the wishes of ``user``, newest first."""
    return _wishes(Wish.objects.filter(community__in=known_to(user), volunteer=user))


def wishes_open_to(user: User) -> QuerySet[Wish]:
    """Return published wishes where ``user`` volunteers, and those ``user`` adopted."""
    published = Q(community__in=communities_of(user), status=Wish.Status.PUBLISHED)
    theirs = Q(community__in=known_to(user), donor=user)
    return _wishes(Wish.objects.filter(published | theirs))


def wishes_adopted_by(user: User) -> QuerySet[Wish]:
    """Return the wishes ``user`` adopted, as a neighbour or with a shop they own."""
    owned = Q(partnership__merchant__in=merchants_owned_by(user).order_by().values("pk"))
    return _wishes(Wish.objects.filter(Q(donor=user) | owned))


def wishes_adoptable_by(user: User) -> QuerySet[Wish]:
    """Return the wishes ``user`` may adopt or adopted, as a neighbour or with a shop they own."""
    owned = merchants_owned_by(user).order_by().values("pk")
    return wishes_open_to(user) | _open_to_shops(merchant__in=owned)


def wishes_watched_by(user: User) -> QuerySet[Wish]:
    """Return the wishes that ``user`` may read as staff or auditor."""
    return _wishes(Wish.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def wishes_open_to_merchant(merchant: Merchant) -> QuerySet[Wish]:
    """Return published wishes where the merchant is active, and those it adopted."""
    there = communities_with(merchant.pk)
    return _open_to_shops(merchant=merchant, community__in=there).filter(community__in=there)


def wishes_in(community: Community) -> QuerySet[Wish]:
    """Return all wishes of the community, newest first."""
    return _wishes(Wish.objects.filter(community=community))


def wishes_handled_by(user: User) -> QuerySet[Wish]:
    """Return the wishes that ``user`` may decide on as staff."""
    return _wishes(Wish.objects.filter(community__in=communities_where(user, HANDLES)))


def _open_to_shops(**partners: Any) -> QuerySet[Wish]:
    active = Partnership.objects.filter(
        community=OuterRef("community"), status=Partnership.Status.ACTIVE, **partners
    )
    published = Q(Exists(active), status=Wish.Status.PUBLISHED)
    adopted = Q(**{f"partnership__{name}": value for name, value in partners.items()})
    return _wishes(Wish.objects.filter(published | adopted))


def _wishes(wishes: QuerySet[Wish]) -> QuerySet[Wish]:
    return wishes.select_related(
        "community", "partnership", "volunteer", "donor", "decided_by"
    ).order_by("-id")
