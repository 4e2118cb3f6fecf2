"""Reads about places and roles."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.communities.errors import CommunityUnknown
from backend.communities.models import Community, Membership, Role

WATCHES_OVER = (Role.STAFF, Role.MANAGER, Role.AUDITOR)  # may read what staff read
HANDLES = (Role.STAFF, Role.MANAGER)  # may verify, close, approve
AUDITS = (Role.AUDITOR,)  # may read who did what
MANAGES = (Role.MANAGER,)  # may say what is to count
BELONGS = tuple(Role)  # anybody who is something there


def tenants() -> QuerySet[Community]:
    """All places that keep a ledger."""
    places: QuerySet[Community] = Community.objects.filter(kind=Community.Kind.COMMUNITY)
    return places


def lineage(community: Community) -> list[Community]:
    """The place itself, then its parent, up to the top: nearest first."""
    places = [community]
    while places[-1].parent_id:  # three levels at most, so no recursive query
        places.append(places[-1].parent)
    return places


def communities_where(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """The tenants in which ``user`` holds one of ``roles``, there or in a place above.

    Asked within another statement it costs none of its own: the tree is three levels.
    """
    held = Membership.objects.filter(
        Q(community=OuterRef("pk"))
        | Q(community=OuterRef("parent"))
        | Q(community=OuterRef("parent__parent")),
        user=user,
        role__in=roles,
        ended_at__isnull=True,
    )
    return tenants().filter(Exists(held))


def communities_of(user: User) -> QuerySet[Community]:
    """The tenants in which ``user`` is a volunteer."""
    return communities_where(user, (Role.VOLUNTEER,))


def community_by_code(code: str) -> Community:
    """The tenant called ``code``; raises Community.DoesNotExist."""
    return tenants().get(code=code)


def community_among(communities: QuerySet[Community], code: str) -> Community:
    """The one of ``communities`` called ``code``; raises CommunityUnknown."""
    community = communities.filter(code=code).first()
    if community is None:
        raise CommunityUnknown
    return community


def memberships_of(user: User) -> QuerySet[Membership]:
    """What ``user`` is where, oldest first."""
    return (
        Membership.objects.filter(user=user, ended_at__isnull=True)
        .select_related("community")
        .order_by("id")
    )


def audit_entries_in(community: Community) -> QuerySet[AuditEntry]:
    """Who did what there, newest first."""
    return AuditEntry.objects.filter(community=community).select_related("actor").order_by("-id")
