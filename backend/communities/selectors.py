"""Reads about places and roles."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.audit.models import AuditEntry
from backend.communities.errors import CommunityUnknown, PersonUnknown
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


def places_where(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """The places of any kind in which ``user`` holds one of ``roles``, there or in one above.

    Asked within another statement it costs none of its own: the tree is three levels.
    """
    return _reached_by(Membership.objects.filter(user=user, role__in=roles, ended_at__isnull=True))


def communities_where(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """The tenants among them."""
    return places_where(user, roles).filter(kind=Community.Kind.COMMUNITY)


def places_managed_by(user: User) -> QuerySet[Community]:
    """Where ``user`` may say who is what."""
    return places_where(user, MANAGES)


def communities_of(user: User) -> QuerySet[Community]:
    """The tenants in which ``user`` is a volunteer."""
    return communities_where(user, (Role.VOLUNTEER,))


def communities_known_to(user: User) -> QuerySet[Community]:
    """The tenants in which ``user`` is or was a volunteer: what they earned there stays theirs."""
    ever = Membership.objects.filter(user=user, role=Role.VOLUNTEER)
    return _reached_by(ever).filter(kind=Community.Kind.COMMUNITY)


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


def members_of(place: Community) -> QuerySet[Membership]:
    """Who is what there now, newest first."""
    return (
        Membership.objects.filter(community=place, ended_at__isnull=True)
        .select_related("user")
        .order_by("-id")
    )


def roles_in(place: Community) -> QuerySet[Membership]:
    """Every role ever given there, newest first, but for volunteers', who join."""
    return (
        _with_people(Membership.objects.filter(community=place))
        .exclude(role=Role.VOLUNTEER)
        .order_by("-id")
    )


def roles_managed_by(user: User) -> QuerySet[Membership]:
    """The roles, ended ones too, in the places that ``user`` manages."""
    return _with_people(
        Membership.objects.filter(community__in=places_managed_by(user)).exclude(
            role=Role.VOLUNTEER
        )
    )


def person_with(phone: str) -> User | None:
    """Whoever has that number on record, all of it."""
    return User.objects.filter(phone_digest=digest(phone), is_active=True).first()


def person_to_appoint(user_id: UUID) -> User:
    """Whoever has that id and may log in. Raises PersonUnknown."""
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None:
        raise PersonUnknown
    return person


def places_below(place: Community) -> QuerySet[Community]:
    """A street's communities, a community's estates."""
    below: QuerySet[Community] = Community.objects.filter(parent=place).order_by("name")
    return below


def audit_entries_in(community: Community) -> QuerySet[AuditEntry]:
    """Who did what there, newest first."""
    return AuditEntry.objects.filter(community=community).select_related("actor").order_by("-id")


def _reached_by(memberships: QuerySet[Membership]) -> QuerySet[Community]:
    held = memberships.filter(
        Q(community=OuterRef("pk"))
        | Q(community=OuterRef("parent"))
        | Q(community=OuterRef("parent__parent"))
    )
    places: QuerySet[Community] = Community.objects.filter(Exists(held))
    return places


def _with_people(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    return memberships.select_related("community", "user", "granted_by", "ended_by")
