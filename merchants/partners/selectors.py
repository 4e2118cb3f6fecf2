"""Queries for partners, the people who work for them, their lists, and increases."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, OuterRef, Prefetch, Q, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.selectors import (
    HANDLES,
    MANAGES,
    WATCHES_OVER,
    communities_of,
    communities_where,
)
from backend.tenants import HERE
from merchants.partners.models.increases import Increase
from merchants.partners.models.listings import ActivityMatch, Listing
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership, Terms

ACCEPTED = {"accepted_at__isnull": False}  # by the merchant's owner


def merchants_of(user: User) -> QuerySet[Merchant]:
    """Return the merchants where ``user`` works, with their ``role``, newest first."""
    return (
        Merchant.objects.filter(members__user=user, members__ended_at__isnull=True)
        .annotate(role=F("members__role"))
        .order_by("-id")
    )


def jobs_of(user: User) -> QuerySet[MerchantMember]:
    """Return the current memberships of ``user`` at merchants."""
    return MerchantMember.objects.filter(user=user, ended_at__isnull=True).select_related(
        "merchant"
    )


def works_at(user: User, merchant_id: UUID) -> bool:
    """Tell whether ``user`` works there now."""
    return jobs_of(user).filter(merchant=merchant_id).exists()


def worked_at(user: User, partnership: Partnership, since: date | None = None) -> bool:
    """Tell whether ``user`` works for the merchant, or did within 90 days or after ``since``.

    The database's triggers ask the same function.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT merchants_worked_at(%s, %s, %s, %s)",
            [partnership.community_id, partnership.pk, user.pk, since],
        )
        (has_worked,) = cursor.fetchone()
    return bool(has_worked)


def worked_at_then(user: User, merchant: Merchant, moment: datetime) -> bool:
    """Tell whether ``user`` worked there at ``moment``, whatever they do now."""
    jobs = MerchantMember.objects.filter(merchant=merchant, user=user, since_at__lte=moment)
    return jobs.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=moment)).exists()


def owners_of(merchant_id: UUID) -> QuerySet[MerchantMember]:
    """Return the current owners' memberships, oldest first."""
    owners = MerchantMember.objects.filter(
        merchant=merchant_id, role=MerchantMember.Role.OWNER, ended_at__isnull=True
    )
    return owners.order_by("since_at", "pk")


def merchants_owned_by(user: User) -> QuerySet[Merchant]:
    """Return the merchants that ``user`` owns, newest first."""
    return Merchant.objects.filter(
        members__user=user,
        members__role=MerchantMember.Role.OWNER,
        members__ended_at__isnull=True,
    ).order_by("-id")


def owns(user: User, merchant_id: UUID) -> bool:
    """Tell whether ``user`` owns the merchant, and so acts for it and not for a community."""
    return merchants_owned_by(user).filter(pk=merchant_id).exists()


def members_of(merchant: Merchant) -> QuerySet[MerchantMember]:
    """Return current and former members of a merchant, newest first."""
    return MerchantMember.objects.filter(merchant=merchant).select_related("user").order_by("-id")


def current_members_of(merchant: Merchant) -> QuerySet[MerchantMember]:
    """Return current members of a merchant, newest first."""
    return members_of(merchant).filter(ended_at__isnull=True)


def invitations_to(merchant: Merchant) -> QuerySet[Invitation]:
    """Return all invitations to a merchant, newest first."""
    return (
        Invitation.objects.filter(merchant=merchant)
        .select_related("invited_by", "accepted_by", "revoked_by")
        .order_by("-id")
    )


def owners_invited_to(partnership: Partnership) -> QuerySet[Invitation]:
    """Return the invitations of owners to the partnership's merchant, newest first.

    None as long as the merchant has not accepted the partnership.
    """
    invited = invitations_to(partnership.merchant).filter(role=MerchantMember.Role.OWNER)
    return invited if partnership.accepted_at else invited.none()


def shops_open_to(user: User) -> QuerySet[Partnership]:
    """Return the active partners where ``user`` volunteers, newest first."""
    return _partners(
        Partnership.objects.filter(
            community__in=communities_of(user), status=Partnership.Status.ACTIVE
        )
    )


def shops_shown_to_all(community: Community) -> QuerySet[Partnership]:
    """Return the community's active partners, by name, for anybody.

    What is public of a shop is its name, trade, address, opening hours and place; not its phone,
    which may be somebody's own.
    """
    active = Partnership.objects.filter(community=community, status=Partnership.Status.ACTIVE)
    return active.select_related("merchant").order_by("name", "id")


def partners_in(community: Community) -> QuerySet[Partnership]:
    """Return current, former and possible partners of the community, newest first."""
    return _partners(Partnership.objects.filter(community=community))


def partnerships_seen_by(user: User) -> QuerySet[Partnership]:
    """Return the partnerships ``user`` may read, as an owner, staff or auditor, newest first."""
    return _partners(_owned(user) | _in(user, WATCHES_OVER))


def partnerships_kept_by(user: User) -> QuerySet[Partnership]:
    """Return the partnerships ``user`` keeps up to date, as an owner or staff, newest first."""
    return _partners(_owned(user) | _in(user, HANDLES))


def partnerships_handled_by(user: User) -> QuerySet[Partnership]:
    """Return the partnerships ``user`` handles as staff, newest first."""
    return _partners(_in(user, HANDLES))


def partnerships_watched_by(user: User) -> QuerySet[Partnership]:
    """Return the partnerships whose contracts ``user`` reads as staff or auditor, newest first."""
    return _partners(_in(user, WATCHES_OVER))


def partnerships_owned_by(user: User) -> QuerySet[Partnership]:
    """Return the partnerships of the merchants that ``user`` owns, newest first."""
    return _partners(_owned(user))


def _owned(user: User) -> QuerySet[Partnership]:
    owned = merchants_owned_by(user).order_by().values("pk")
    return Partnership.objects.filter(merchant__in=owned)


def _in(user: User, roles: tuple[Role, ...]) -> QuerySet[Partnership]:
    return Partnership.objects.filter(community__in=communities_where(user, roles))


def partnerships_of(merchant: Merchant) -> QuerySet[Partnership]:
    """Return the merchant's partnerships, newest first."""
    return _partners(
        Partnership.objects.filter(community__in=communities_with(merchant.pk), merchant=merchant)
    )


def communities_with(merchant_id: UUID, *where: Q, **which: Any) -> list[UUID]:
    """Return the ids of the communities with a partnership of the merchant, or with ``which``.

    Whoever looks for a merchant's rows names these communities.
    """
    rows = Partnership.objects.filter(*where, merchant=merchant_id, **which)
    rows = rows.order_by("community_id")
    return list(rows.values_list("community_id", flat=True).distinct())


def home_of(user: User) -> UUID | None:
    """Return the id of a community with a partnership of a merchant where ``user`` works."""
    for job in jobs_of(user).order_by("since_at", "pk"):
        if there := communities_with(job.merchant_id, HERE, **ACCEPTED):
            return there[0]
    return None


def works_somewhere(user: User) -> bool:
    """Tell whether ``user`` takes others' points at some merchant's counter."""
    return jobs_of(user).exists()


def accepted(merchant_id: UUID) -> QuerySet[Partnership]:
    """Return the merchant's partnerships, past ones too, that its owner has accepted."""
    there = communities_with(merchant_id, **ACCEPTED)
    return Partnership.objects.filter(community__in=there, merchant=merchant_id, **ACCEPTED)


_counts_while: list[Callable[[], Q]] = []


def counts_while(condition: Callable[[], Q]) -> None:
    """Register a condition under which an ended partnership still counts, such as a debt."""
    if condition not in _counts_while:
        _counts_while.append(condition)


def communities_told_of(merchant_id: UUID) -> list[Community]:
    """Return the communities whose audit trails record acts on the merchant.

    An ended partnership counts while a condition registered with ``counts_while`` holds.
    """
    counts = ~Q(status=Partnership.Status.ENDED)
    for condition in _counts_while:
        counts |= condition()
    told = Partnership.objects.filter(counts, HERE, merchant=merchant_id, **ACCEPTED)
    return list(Community.objects.filter(pk__in=told.values("community")).order_by("pk"))


def terms_of(partnership: Partnership) -> QuerySet[Terms]:
    """Return all versions of a contract, newest first."""
    return (
        Terms.objects.filter(community_id=partnership.community_id, partnership=partnership)
        .select_related("agreed_by", "withdrawn_by")
        .order_by("-id")
    )


def counting(versions: Iterable[Terms], day: date) -> Terms | None:
    """Return the version of a contract that counts on ``day``: the highest valid one."""
    valid = [
        one
        for one in versions
        if one.withdrawn_at is None and (one.valid_from is None or one.valid_from <= day)
    ]
    return max(valid, key=lambda one: one.version, default=None)


def first_community_of(merchant_id: UUID) -> UUID:
    """Return the merchant's first community, which records acts of no other community.

    The first of those that have not moved away, as long as there is one.
    """
    theirs = Partnership.objects.filter(merchant=merchant_id, **ACCEPTED)
    first = theirs.order_by(F("community__moved_at").asc(nulls_first=True), "since_at").first()
    assert first is not None  # whoever asks was found by one
    return first.community_id


def _partners(partnerships: QuerySet[Partnership]) -> QuerySet[Partnership]:
    return (
        partnerships.select_related("merchant", "community")
        .prefetch_related("terms__agreed_by")
        .order_by("-id")
    )


def increases_in(community: Community) -> QuerySet[Increase]:
    """Return all increases of the community, newest first."""
    return _increases(Increase.objects.filter(community=community))


def increases_seen_by(user: User) -> QuerySet[Increase]:
    """Return the increases ``user`` may read as staff or auditor, newest first."""
    return _increases(Increase.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def increases_handled_by(user: User) -> QuerySet[Increase]:
    """Return the increases ``user`` may confirm, as staff or, for limits, as a manager."""
    managed = Q(community__in=communities_where(user, MANAGES))
    handled = Q(community__in=communities_where(user, HANDLES)) & ~Q(kind=Increase.Kind.LIMIT)
    return _increases(Increase.objects.filter(managed | handled))


def _increases(increases: QuerySet[Increase]) -> QuerySet[Increase]:
    return increases.select_related("community", "partnership", "asked_by", "decided_by").order_by(
        "-id"
    )


def listings_open_to(user: User) -> QuerySet[Listing]:
    """Return the open listings of active partners where ``user`` volunteers."""
    return Listing.objects.filter(
        community__in=communities_of(user),
        partnership__status=Partnership.Status.ACTIVE,
        closed_at__isnull=True,
    )


def listings_of(partnership: Partnership) -> QuerySet[Listing]:
    """Return a partner's listings of both kinds, closed ones included."""
    return Listing.objects.filter(community=partnership.community_id, partnership=partnership)


def listings_in(community: Community) -> QuerySet[Listing]:
    """Return the listings of both kinds of all the community's partners, closed ones included."""
    return Listing.objects.filter(community=community)


def listings_seen_by(user: User) -> QuerySet[Listing]:
    """Return the listings open to ``user``, and all that ``user`` keeps or watches over."""
    seen = _ids_beside(partnerships_seen_by(user))
    return Listing.objects.filter(partnership__in=seen) | listings_open_to(user)


def listings_kept_by(user: User) -> QuerySet[Listing]:
    """Return the listings ``user`` may close, as an owner or as staff."""
    return Listing.objects.filter(partnership__in=_ids_beside(partnerships_kept_by(user)))


def _ids_beside(partnerships: QuerySet[Partnership]) -> QuerySet[Partnership, Any]:
    """Return a subquery of the ids, in the community of the outer query's row."""
    return partnerships.filter(community=OuterRef("community")).order_by().values("pk")


def listings_handled_by(user: User) -> QuerySet[Listing]:
    """Return the listings ``user`` may match to activities as staff."""
    return Listing.objects.filter(community__in=communities_where(user, HANDLES))


def matches_of(listing: Listing) -> QuerySet[ActivityMatch]:
    """Return the listing's matches, ended ones included, newest first."""
    matches = ActivityMatch.objects.filter(community=listing.community_id, listing=listing)
    return matches.order_by("-id")


def with_matches(listings: QuerySet[Listing], user: User) -> QuerySet[Listing]:
    """Return listings with their current matches as ``current_matches``."""
    current = ActivityMatch.objects.filter(ended_at__isnull=True).order_by("id")
    return listings.select_related("partnership", "community").prefetch_related(
        Prefetch("matches", current, to_attr="current_matches")
    )
