"""Reads of seals."""

from uuid import UUID

from django.db.models import Q, QuerySet

from backend.communities.models import Community
from backend.registries.heads import Head
from points.seals.models import Seal, Unsealed


def places() -> QuerySet[Community]:
    """Return the places with seals of their own.

    Communities keep a ledger; acts, rules and policies belong to streets and estates as well.
    """
    acting = Community.objects.exclude(kind=Community.Kind.COMMUNITY)
    of_them = [
        model.objects.filter(community__in=acting).values_list("community_id", flat=True)
        for model in (Seal, Unsealed)
    ]
    sealing = of_them[0].union(of_them[1])
    found: QuerySet[Community] = Community.objects.filter(
        Q(kind=Community.Kind.COMMUNITY) | Q(pk__in=list(sealing))
    )
    return found


def seals_of(community: Community) -> QuerySet[Seal]:
    """Return the community's seals, newest first, without their rows and leaves."""
    rows = ("transfer_ids", "other_ids", "other_kinds", "leaves")
    return Seal.objects.filter(community=community).defer(*rows).order_by("-number")


def last_head(community_id: UUID) -> Head | None:
    """Return the head of the community's last seal, None if nothing was sealed yet."""
    seals = Seal.objects.filter(community=community_id).order_by("-number")
    last = seals.values_list("number", "head").first()
    return Head(last[0], bytes(last[1]).hex()) if last else None


def seal_reaching_furthest(community: Community, *, up_to: int) -> Seal | None:
    """Return the seal that holds the latest id of those up to the number ``up_to``."""
    return seals_of(community).filter(number__lte=up_to).order_by("-last_id").first()
