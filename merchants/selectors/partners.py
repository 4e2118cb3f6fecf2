"""Reads about partners and their terms."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_of, communities_where
from merchants.models import Merchant, Partnership, Redemption, Refund, Statement, Terms


def shops_open_to(user: User) -> QuerySet[Partnership]:
    """The active partners where ``user`` volunteers, newest first."""
    return _partners(
        Partnership.objects.filter(
            community__in=communities_of(user), state=Partnership.State.ACTIVE
        )
    )


def partners_in(community: Community) -> QuerySet[Partnership]:
    """All that are, were or may become partners there, newest first."""
    return _partners(Partnership.objects.filter(community=community))


def partners_seen_by(user: User) -> QuerySet[Partnership]:
    """Those ``user`` may read of as staff or auditor, newest first."""
    seen = communities_where(user, WATCHES_OVER)
    return _partners(Partnership.objects.filter(community__in=seen))


def partners_handled_by(user: User) -> QuerySet[Partnership]:
    """Those ``user`` agrees with as staff, newest first."""
    handled = communities_where(user, HANDLES)
    return _partners(Partnership.objects.filter(community__in=handled))


def partnerships_of(merchant: Merchant) -> QuerySet[Partnership]:
    """The merchant's contracts, newest first."""
    return _partners(Partnership.objects.filter(merchant=merchant))


def accepted(merchant_id: UUID) -> QuerySet[Partnership]:
    """Where it is or was a partner with its owner's yes: only there anything of it is known."""
    return Partnership.objects.filter(merchant=merchant_id, accepted_at__isnull=False)


def communities_told_of(merchant_id: UUID) -> QuerySet[Community]:
    """Whose auditors read what concerns no one community: its partners'.

    Where it has ended, as long as something is still to be settled there, and no longer.
    """
    its = {"community": OuterRef("community"), "partnership": OuterRef("pk")}
    current = ~Q(state=Partnership.State.ENDED)
    is_owed = (
        Exists(Statement.objects.filter(**its).exclude(status=Statement.Status.PAID))
        | Exists(
            Redemption.objects.filter(
                **its,
                statement=None,
                status__in=[Redemption.Status.HELD, Redemption.Status.REDEEMED],
            )
        )
        | Exists(Refund.objects.filter(**its, statement=None))
    )
    told = accepted(merchant_id).filter(current | is_owed)
    communities: QuerySet[Community] = Community.objects.filter(pk__in=told.values("community"))
    return communities.order_by("pk")


def terms_of(partnership: Partnership) -> QuerySet[Terms]:
    """All versions of a contract, newest first."""
    return (
        Terms.objects.filter(community_id=partnership.community_id, partnership=partnership)
        .select_related("agreed_by", "withdrawn_by")
        .order_by("-id")
    )


def first_community_of(merchant_id: UUID) -> UUID:
    """Where it became a partner first: what belongs to no community is on record there."""
    return accepted(merchant_id).earliest("since_at").community_id


def _partners(partnerships: QuerySet[Partnership]) -> QuerySet[Partnership]:
    return (
        partnerships.select_related("merchant", "community")
        .prefetch_related("terms__agreed_by")
        .order_by("-id")
    )
