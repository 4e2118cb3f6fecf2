"""Reads about causes, gifts and sponsorships."""

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, communities_where
from merchants.giving.models.campaigns import Cause, Gift, Spending, Sponsorship
from merchants.giving.models.wishes import Wish
from merchants.partners.models.merchants import Merchant
from merchants.partners.models.partnerships import Partnership


def communities_with_causes_for(user: User) -> QuerySet[Community]:
    """Where ``user`` volunteers or works for the community."""
    return communities_where(user, (*WATCHES_OVER, Role.VOLUNTEER))


def causes_known_to(user: User) -> QuerySet[Cause]:
    """What points are or were collected for where ``user`` belongs, newest first."""
    return with_totals(Cause.objects.filter(community__in=communities_with_causes_for(user)))


def causes_open_to(user: User) -> QuerySet[Cause]:
    """Those to which ``user`` may give as a volunteer."""
    return Cause.objects.filter(community__in=communities_of(user)).select_related("community")


def causes_handled_by(user: User) -> QuerySet[Cause]:
    """Those whose points ``user`` may spend as staff."""
    return with_totals(Cause.objects.filter(community__in=communities_where(user, HANDLES)))


def causes_in(community: Community) -> QuerySet[Cause]:
    """All that points are or were collected for there, newest first."""
    return with_totals(Cause.objects.filter(community=community))


def with_totals(causes: QuerySet[Cause]) -> QuerySet[Cause]:
    """Newest first, each with ``given_points`` and ``spent_points``."""

    def total(model: type[Gift] | type[Spending]) -> Coalesce:
        of_cause = model.objects.filter(community=OuterRef("community"), cause=OuterRef("pk"))
        summed = of_cause.order_by().values("cause").annotate(total=Sum("points"))
        return Coalesce(Subquery(summed.values("total")), 0)

    return (
        causes.select_related("community")
        .annotate(given_points=total(Gift), spent_points=total(Spending))
        .order_by("-id")
    )


def pool_of(cause: Cause) -> int:
    """What was given to it and not spent."""
    given, spent = (
        rows.filter(community_id=cause.community_id).aggregate(points=Sum("points"))["points"] or 0
        for rows in (cause.gifts, cause.spendings)
    )
    return int(given - spent)


def spent_in(community: Community) -> int:
    """The points of that community's causes that were spent."""
    spent = Spending.objects.filter(community=community).aggregate(points=Sum("points"))
    return spent["points"] or 0


def gifts_of(user: User) -> QuerySet[Gift]:
    """What ``user`` gave back, newest first."""
    return Gift.objects.filter(volunteer=user).select_related("cause", "community").order_by("-id")


def spendings_of(cause: Cause) -> QuerySet[Spending]:
    """What its points were spent on, newest first."""
    return Spending.objects.filter(community_id=cause.community_id, cause=cause).order_by("-id")


def sponsorships_in(community: Community) -> QuerySet[Sponsorship]:
    """What merchants gave there, newest first."""
    return (
        Sponsorship.objects.filter(community=community)
        .select_related("partnership")
        .order_by("-id")
    )


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
